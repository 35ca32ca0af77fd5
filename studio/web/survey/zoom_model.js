// @ts-check
/** How far pictures are made larger, and what of them is in the middle. No DOM. */

import { clamp } from "../charts/scale.js";

/** @typedef {{ zoom: number, x: number, y: number }} View `x`, `y`: how far it is moved, in parts of the stage */

/** @type {View} */
export const WHOLE = { zoom: 1, x: 0, y: 0 };
export const MOST = 16;
/** @type {Record<string, number>} what a key multiplies by; 0: back to the whole */
export const KEYS = { "+": 1.5, "=": 1.5, "-": 1 / 1.5, 0: 0 };

/**
 * Nothing beyond the edge of the picture is looked at.
 * @param {View} view
 * @returns {View}
 */
function held({ zoom, x, y }) {
  const most = (zoom - 1) / 2;
  return { zoom, x: clamp(x, -most, most), y: clamp(y, -most, most) };
}

/**
 * Larger by a factor, about a point that stays where it is.
 * @param {View} view
 * @param {number} by
 * @param {number} atX from -0.5 to 0.5 of the stage
 * @param {number} atY likewise
 * @returns {View}
 */
export function closer(view, by, atX, atY) {
  const zoom = clamp(view.zoom * by, 1, MOST);
  const grown = zoom / view.zoom;
  return held({ zoom, x: atX - (atX - view.x) * grown, y: atY - (atY - view.y) * grown });
}

/**
 * @param {View} view
 * @param {number} dx in parts of the stage
 * @param {number} dy likewise
 * @returns {View}
 */
export function moved(view, dx, dy) {
  return held({ zoom: view.zoom, x: view.x + dx, y: view.y + dy });
}
