// @ts-check
/** Which of many pictures are in sight, in the grid and in the film. No DOM. */

import { clamp } from "../charts/scale.js";

/** @typedef {{ columns: number, side: number }} Layout cells across, and their side in px */

/** A cell of the grid is about so wide, px. */
const CELL = 150;
/** Rows that are kept ready above and below what is in sight. */
const SPARE = 2;

/**
 * @param {number} width px
 * @returns {Layout}
 */
export function layoutOf(width) {
  const columns = Math.max(1, Math.floor(width / CELL));
  return { columns, side: Math.floor(width / columns) };
}

/**
 * The pictures that have to be in the page: first and one behind the last.
 * @param {Layout} layout
 * @param {{ top: number, height: number }} view what is scrolled to, px
 * @param {number} count
 * @returns {[number, number]}
 */
export function rowsInSight({ columns, side }, { top, height }, count) {
  if (!side) return [0, 0];
  const first = Math.max(0, Math.floor(top / side) - SPARE);
  const last = Math.ceil((top + height) / side) + SPARE;
  return [Math.min(count, first * columns), Math.min(count, last * columns)];
}

/**
 * @param {Layout} layout
 * @param {number} at
 * @returns {{ x: number, y: number }} px
 */
export function placeOf({ columns, side }, at) {
  return { x: (at % columns) * side, y: Math.floor(at / columns) * side };
}

/**
 * Where to scroll so that a picture is in sight; where one is, if it is already.
 * @param {Layout} layout
 * @param {{ top: number, height: number }} view
 * @param {number} at
 * @returns {number} px
 */
export function scrolledTo(layout, { top, height }, at) {
  const { y } = placeOf(layout, at);
  if (y < top) return y;
  return y + layout.side > top + height ? y + layout.side - height : top;
}

/**
 * The first picture of a film with so many slots: the present one in the middle, except at the ends.
 * @param {number} at
 * @param {number} slots
 * @param {number} count
 */
export function filmStart(at, slots, count) {
  return clamp(at - Math.floor(slots / 2), 0, Math.max(0, count - slots));
}
