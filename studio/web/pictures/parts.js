// @ts-check
/** Parts of a picture that stand wherever it is shown: its thumbnail, its identity in words, the mark of its label. */

import { h } from "../core/dom.js";
import { scoreWords } from "../core/format.js";
import { icon } from "../core/icons.js";
import { pictureUrl } from "../core/net.js";
import { LABELS } from "../review/decisions.js";

/** @import { IconName } from "../core/icons.js" */
/** @import { Label, Verdict } from "../shapes.js" */
/** @import { Tile } from "../types.js" */

/** @type {Record<Verdict, IconName>} */
const SIGNS = { right: "check", wrong: "cross", unsure: "question", "cannot tell": "dash" };

/**
 * Identity in words with its number: never by colour alone.
 * @param {Pick<Tile, "verdict" | "score">} tile
 */
export function identity({ verdict, score }) {
  if (!verdict) return null;
  const props = { class: `identity v-${verdict.replace(" ", "-")}`, title: "Is it the same character?" };
  return h("span", props, icon(SIGNS[verdict]), `${verdict} `, h("small", {}, scoreWords(score)));
}

/**
 * The label's mark in a tile's corner.
 * @param {Label | null} label
 */
export function mark(label) {
  if (!label) return null;
  const { words, icon: name } = LABELS[label];
  return h("span", { class: `mark l-${label}`, title: words }, icon(name));
}

/** @param {Pick<Tile, "id" | "title">} tile */
export function thumb({ id, title }) {
  return h("img", { src: pictureUrl(id, 256), alt: title, loading: "lazy", decoding: "async", draggable: false });
}

/**
 * The class that tells a label.
 * @param {Label | null} label
 */
export function labelClass(label) {
  return `l-${label ?? "open"}`;
}
