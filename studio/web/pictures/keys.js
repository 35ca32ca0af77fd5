// @ts-check
/** The keys of a picture that is open: those of Review that mean something here. */

import { typing } from "../core/ui.js";
import { keyAction } from "../review/keys.js";

/** @import { Label } from "../shapes.js" */
/** @typedef {{ action: string, key: string }} Found what a key means */
/** @typedef {(action: "label" | "identity" | "edit", value: string | number | null) => void} Judge */

/** @type {Record<string, Label | null>} */
const LABELLED = { good: "good", reject: "reject", correct: "needs_correction", clear: null };
const MOVES = ["next", "previous"];

/**
 * The picture before or after one; `undefined` at the ends.
 * @param {string[]} order
 * @param {string} id
 * @param {number} way 1 or -1
 * @returns {string | undefined}
 */
export function neighbour(order, id, way) {
  const at = order.indexOf(id);
  return at < 0 ? undefined : order[at + way];
}

/**
 * What a key does with an open picture; whether it was ours.
 * @param {Found} found
 * @param {Judge | null} judge `null` where nothing is judged
 * @param {(way: number) => void} go
 */
export function act({ action, key }, judge, go) {
  if (MOVES.includes(action)) go(action === "next" ? 1 : -1);
  else if (!judge) return false;
  else if (action in LABELLED) judge("label", LABELLED[action]);
  else if (action === "identity" || action === "edit") judge(action, Number(key) || null);
  else return false;
  return true;
}

/** @param {(found: Found) => boolean} handle */
export function pictureKeys(handle) {
  return (/** @type {KeyboardEvent} */ event) => {
    const found = typing(event) || event.key === " " ? null : keyAction(event);
    if (!found || (event.repeat && !MOVES.includes(found.action))) return;
    if (handle(found)) event.preventDefault();
  };
}
