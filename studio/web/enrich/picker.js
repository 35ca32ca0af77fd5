// @ts-check
/** A grid of pictures to tick and to select: sources to enrich, test pictures of a survey. */

import { h, one } from "../core/dom.js";
import { painted } from "../core/island.js";
import { pictureUrl } from "../core/net.js";
import { turned } from "../core/sets.js";

/** @import { Painter } from "../core/island.js" */
/**
 * @typedef {{ id: string, tag: string, unknown: boolean, issue: boolean, note: string, name: string }} Item
 * @typedef {{ items?: Item[], ticked?: string[], selected?: string, empty?: string }} Value
 */

/** @param {Item[]} items */
const idsOf = (items) => items.map((item) => item.id);

/** What the user does in the grid. */
class Choice {
  /** @param {Painter} painter */
  constructor(painter) {
    this.painter = painter;
  }

  /**
   * @param {string[]} ids
   * @param {boolean} on
   */
  tick(ids, on) {
    this.painter.set((/** @type {Value} */ { items = [], ticked = [] }) => ({
      ticked: turned(idsOf(items), ticked, ids, on),
    }));
    this.painter.draw();
    this.painter.trigger("ticks", {});
  }

  /** @param {string} id */
  select(id) {
    const { painter } = this;
    const scrolled = one(painter.root, ".grid").scrollTop;
    const selected = painter.value().selected === id ? "" : id;
    painter.set(() => ({ selected }));
    painter.draw();
    one(painter.root, ".grid").scrollTop = scrolled;
    painter.trigger("pick", { id: selected });
  }
}

/**
 * @param {Item} item
 * @param {{ ticked: boolean, selected: boolean }} is
 * @param {{ flip: () => void, select: () => void }} on
 */
function tile(item, is, on) {
  const thumb = {
    type: "button",
    class: "thumb",
    title: [item.name, item.note].filter(Boolean).join("\n"),
    onclick: on.select,
    "aria-label": `select ${item.name}, ${item.tag}`,
    "aria-pressed": String(is.selected),
  };
  const tick = { type: "checkbox", checked: is.ticked, "aria-label": `use ${item.name}`, onchange: on.flip };
  const issue = item.issue ? h("span", { class: "issue", "aria-hidden": "true" }, "!") : null;
  return h(
    "div",
    { class: `item${is.ticked ? " ticked" : ""}${is.selected ? " selected" : ""}`, "data-id": item.id },
    h("button", thumb, h("img", { src: pictureUrl(item.id, 256), alt: "", loading: "lazy" }), issue),
    h("label", { class: "tick" }, h("input", tick)),
    h("span", { class: `tag${item.unknown ? " unknown" : ""}` }, item.tag),
  );
}

painted("picker", (painter) => {
  const choice = new Choice(painter);
  return (/** @type {Value} */ { items = [], ticked = [], selected, empty }) => {
    if (!items.length) return h("div", { class: "empty" }, empty ?? "No pictures yet.");
    const on = new Set(ticked);
    const all = on.size === items.length;
    const everything = () => choice.tick(idsOf(items), !all);
    const link = h("button", { type: "button", class: "link", onclick: everything }, all ? "none" : "all");
    const tiles = items.map((item) =>
      tile(
        item,
        { ticked: on.has(item.id), selected: selected === item.id },
        {
          flip: () => choice.tick([item.id], !on.has(item.id)),
          select: () => choice.select(item.id),
        },
      ),
    );
    const count = h("span", { class: "num" }, `${on.size} of ${items.length} ticked`);
    return [h("div", { class: "pt-bar" }, count, link), h("div", { class: "grid" }, tiles)];
  };
});
