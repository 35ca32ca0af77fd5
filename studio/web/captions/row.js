// @ts-check
/** One caption: its picture, its words to be changed, its tokens, and what is doubtful. */

import { h } from "../core/dom.js";
import { address } from "../core/net.js";
import { openPicture } from "../pictures/open.js";

/** @import { CaptionRow } from "../types.js" */

/**
 * @param {CaptionRow} row
 * @param {string | undefined} after what a change would make of it
 * @param {(caption: string) => unknown} write
 */
export function captionRow(row, after, write) {
  const picture = h("img", { src: address(`/img/${row.id}?w=128`), alt: row.name, loading: "lazy" });
  const open = h(
    "button",
    { type: "button", class: "capt-picture", title: row.name, onclick: () => openPicture(row.id) },
    picture,
  );
  const words = h("textarea", { rows: "2", maxlength: "2000", "aria-label": `Caption of ${row.name}` });
  words.value = row.caption;
  words.addEventListener("change", () => words.value !== row.caption && write(words.value));
  const then =
    after === undefined ? null : h("p", { class: "capt-after" }, after || "(only the character's own words)");
  const notes = row.notes.map((note) => h("p", { class: "capt-note" }, note));
  const hand = row.by === "you" ? "yours" : row.by ? `written by ${row.by}` : "built of what is known";
  const by = h("p", { class: "dim capt-by" }, hand);
  const tokens = h("span", { class: "capt-tokens", title: "tokens" }, String(row.tokens));
  return h(
    "li",
    { class: "capt-row", "data-id": row.id },
    open,
    h("div", { class: "capt-words" }, words, by, then, notes),
    tokens,
  );
}
