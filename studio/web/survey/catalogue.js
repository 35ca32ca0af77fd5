// @ts-check
/** Community LoRAs: relevance, what their card says, whether they are here and fit. */

import { h } from "../core/dom.js";
import { painted } from "../core/island.js";
import { flipped, turned } from "../core/sets.js";
import { button } from "../core/ui.js";
import { getLora } from "./get_lora.js";
import { foundWords, loraNotes } from "./lora_notes.js";

/**
 * @typedef {object} Item
 * @property {string} key
 * @property {string} title
 * @property {string} kind
 * @property {number} relevance 0 (unknown) to 5
 * @property {string} card
 * @property {string} warning
 * @property {string} repo
 * @property {string} licence
 * @property {string} status
 * @property {string} tone
 * @property {boolean} ready it can be ticked
 * @property {boolean} get it can be downloaded
 * @property {Record<string, number>} scores 1 to 5 by axis, as far as there are any
 * @property {string} note
 * @property {string} looked how far it was looked into
 * @property {string} tested the surveys that tested it
 */
/** @typedef {{ items?: Item[], ticked?: string[], progress?: string }} Value */

/** @param {number} n */
function dots(n) {
  const words = `relevance ${n} of 5`;
  const dot = (/** @type {number} */ i) => h("i", { class: i <= n ? "on" : "" });
  return h("span", { class: "dots", role: "img", "aria-label": words, title: words }, [1, 2, 3, 4, 5].map(dot));
}

/** @param {Item} item */
function more(item) {
  const { warning, card, repo, licence } = item;
  return h(
    "div",
    { class: "more" },
    warning ? h("p", { class: "warning" }, warning) : null,
    card ? h("p", {}, card) : null,
    repo ? h("p", { class: "quiet repo" }, [repo, licence].filter(Boolean).join(", ")) : null,
    loraNotes(item),
  );
}

/**
 * @param {Item} item
 * @param {boolean} ticked
 * @param {() => void} flip
 */
function tick(item, ticked, flip) {
  const title = item.ready ? "test it" : "not here: get it, or bring the file in below";
  const props = { type: "checkbox", checked: ticked, disabled: !item.ready, title, onchange: flip };
  return h("input", { ...props, "aria-label": `test ${item.title}` });
}

/** @param {Item} item */
function getButton({ key, title, repo }) {
  const props = { class: "quiet get", title: `download it from ${repo}`, "aria-label": `get ${title}` };
  return button("Get", () => getLora(key), props);
}

/**
 * @param {Item} item
 * @param {boolean} open
 * @param {boolean} ticked
 * @param {{ flip: () => void, fold: () => boolean }} on `fold` answers whether it is open now
 */
function entry(item, open, ticked, on) {
  const fold = () => {
    const now = on.fold();
    row.classList.toggle("open", now);
    name.setAttribute("aria-expanded", String(now));
  };
  const name = h(
    "button",
    { type: "button", class: "name", "aria-expanded": String(open), title: item.title, onclick: fold },
    item.title,
  );
  const row = h(
    "div",
    { class: `entry${open ? " open" : ""}`, "data-key": item.key },
    h(
      "div",
      { class: "line" },
      tick(item, ticked, on.flip),
      name,
      item.relevance ? dots(item.relevance) : null,
      item.get ? getButton(item) : null,
      h("span", { class: `chip ${item.tone}` }, item.status),
    ),
    h("div", { class: "kind quiet" }, [item.kind, foundWords(item)].filter(Boolean).join(" · ")),
    more(item),
  );
  return row;
}

painted("catalogue", ({ value, set, trigger, onOvertaken }) => {
  let open = new Set();
  onOvertaken(() => setTimeout(() => trigger("ticks", {}))); // Python took in the tick before: this one is told again
  const flip = (/** @type {string} */ key) => {
    const on = !value().ticked?.includes(key);
    set((/** @type {Value} */ { items = [], ticked = [] }) => ({
      ticked: turned(
        items.map((item) => item.key),
        ticked,
        [key],
        on,
      ),
    }));
    trigger("ticks", {});
  };
  const fold = (/** @type {string} */ key) => (open = flipped(open, key)).has(key);
  return (/** @type {Value} */ { items = [], ticked = [], progress = "" }) => [
    progress ? h("p", { class: "quiet progress", id: "survey-progress" }, progress) : null,
    h(
      "div",
      { class: "list" },
      items.map((item) =>
        entry(item, open.has(item.key), ticked.includes(item.key), {
          flip: () => flip(item.key),
          fold: () => fold(item.key),
        }),
      ),
    ),
    button("Get another one from the hub or an address...", () => getLora(), { id: "survey-get", class: "quiet" }),
  ];
});
