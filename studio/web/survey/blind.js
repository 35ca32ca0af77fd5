// @ts-check
/**
 * Whether the stacks of the survey are hidden, on the whole page: their names, what tells of them (recipes, averages,
 * the ranking) and what machines say of their pictures. Who rates blind is to be led by nothing but the pictures.
 */

import { announce, hear } from "../core/status.js";

let on = false;

export const blind = () => on;

/** @param {boolean} hidden */
export function goBlind(hidden) {
  on = hidden;
  announce("flen:blind", hidden);
}

/** @param {() => void} changed */
export function whenBlind(changed) {
  hear("flen:blind", changed);
}

/**
 * What may be shown of a picture now: without the word of machines while blind.
 * @template {{ verdict: unknown, score: unknown }} T
 * @param {T} tile
 * @returns {T}
 */
export function unled(tile) {
  return on ? { ...tile, verdict: null, score: null } : tile;
}
