// @ts-check
/** What the editor sees beside the pictures that it edits: more sources, and whose light and dark. */

import { h } from "../core/dom.js";
import { painted } from "../core/island.js";
import { pictureUrl } from "../core/net.js";
import { chosen, seeing } from "./beside_model.js";

/** @import { Painter } from "../core/island.js" */
/** @import { Choice } from "./beside_model.js" */
/** @typedef {{ id: string, tag: string, name: string }} Item */
/** @typedef {Partial<Choice> & { items?: Item[] }} Value */

const MORE = ["the source alone", "one more", "two more"];

/**
 * @param {Painter} painter
 * @param {(value: Value) => object} change
 */
function choose(painter, change) {
  painter.set(change);
  painter.draw();
  painter.trigger("edit", {});
}

/**
 * @param {Painter} painter
 * @param {number} more
 */
function howMany(painter, more) {
  const { prefix, most } = painter.options;
  const one = (/** @type {string} */ words, /** @type {number} */ number) => {
    const onchange = () => {
      choose(painter, (value) => seeing(value, number));
      /** @type {HTMLElement | null} */ (painter.root.querySelector(`input[value="${number}"]`))?.focus();
    };
    const props = { type: "radio", name: `${prefix}-more`, value: number, checked: number === more, onchange };
    return h("label", {}, h("input", props), h("span", {}, words));
  };
  const label = h("legend", {}, "The editor sees");
  return h("fieldset", { class: "how-many" }, label, MORE.slice(0, most + 1).map(one));
}

/**
 * @param {Item} item
 * @param {string} does what a click does, in words
 * @param {boolean} on
 * @param {() => void} onclick
 */
function tile(item, does, on, onclick) {
  const title = [item.name, item.tag].join("\n");
  const props = { type: "button", class: "choice", title, "data-id": item.id, "aria-pressed": String(on), onclick };
  const picture = h("img", { src: pictureUrl(item.id, 256), alt: "", loading: "lazy" });
  return h("button", { ...props, "aria-label": `${does} ${item.name}, ${item.tag}` }, picture);
}

/**
 * @param {Painter} painter
 * @param {Item[]} items
 * @param {readonly string[]} named
 */
function which(painter, items, named) {
  const words = named.length ? "These alone; click one again to leave it out." : "The nearest, or choose:";
  const tiles = items.map((item) => {
    const on = named.includes(item.id);
    return tile(item, "show the editor", on, () => choose(painter, (value) => chosen(value, item.id, !on)));
  });
  return h("div", { class: "more" }, h("p", { class: "quiet" }, words), h("div", { class: "choices" }, tiles));
}

/**
 * @param {Painter} painter
 * @param {Item[]} items
 * @param {string} control
 * @param {boolean} open
 */
function lightOf(painter, items, control, open) {
  const take = (/** @type {string} */ id) => choose(painter, () => ({ control: id }));
  const none = h(
    "button",
    { type: "button", class: "choice none", "data-id": "", "aria-pressed": String(!control), onclick: () => take("") },
    "none",
  );
  const tiles = items.map((item) => tile(item, "light and dark of", item.id === control, () => take(item.id)));
  const name = items.find((item) => item.id === control)?.name ?? "none";
  return h(
    "details",
    { class: "control", open },
    h("summary", {}, `Light and dark of: ${name}`),
    h("p", { class: "quiet" }, "For LoRAs that go by a map of light and dark: whose light the result takes."),
    h("div", { class: "choices" }, none, tiles),
  );
}

painted("beside", (painter) => {
  let open = false;
  painter.root.addEventListener(
    "toggle",
    ({ target }) => (open = /** @type {HTMLDetailsElement} */ (target).open),
    true,
  );
  return (/** @type {Value} */ { items = [], more = 0, named = [], control = "" }) => [
    howMany(painter, more),
    more && items.length ? which(painter, items, named) : null,
    items.length ? lightOf(painter, items, control, open || control !== "") : null,
  ];
});
