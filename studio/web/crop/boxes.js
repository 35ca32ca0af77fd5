// @ts-check
/** Boxes of a crop: left, top, right, bottom in pixels of a picture. */

/** @typedef {[number, number, number, number]} Box */
/** @typedef {{ width: number, height: number }} Size */

/** The shortest side that a crop may have, as the server has it. */
export const SHORTEST = 16;

/**
 * @param {number} low
 * @param {number} value
 * @param {number} high
 */
const within = (low, value, high) => Math.min(Math.max(value, low), Math.max(low, high));

/**
 * A box moved as a whole, as far as the picture goes.
 * @param {Box} box
 * @param {number} dx
 * @param {number} dy
 * @param {Size} size
 * @returns {Box}
 */
export function moved([left, top, right, bottom], dx, dy, { width, height }) {
  const x = within(0, Math.round(left + dx), width - (right - left));
  const y = within(0, Math.round(top + dy), height - (bottom - top));
  return [x, y, x + right - left, y + bottom - top];
}

/**
 * A box one or two of whose sides were moved: `sides` has of "left", "right", "top", "bottom" those that follow.
 * @param {Box} box
 * @param {string} sides
 * @param {number} dx
 * @param {number} dy
 * @param {Size} size
 * @returns {Box}
 */
export function stretched([left, top, right, bottom], sides, dx, dy, { width, height }) {
  if (sides.includes("left")) left = within(0, Math.round(left + dx), right - SHORTEST);
  if (sides.includes("right")) right = within(left + SHORTEST, Math.round(right + dx), width);
  if (sides.includes("top")) top = within(0, Math.round(top + dy), bottom - SHORTEST);
  if (sides.includes("bottom")) bottom = within(top + SHORTEST, Math.round(bottom + dy), height);
  return [left, top, right, bottom];
}

/**
 * A box as it was typed, put right where it leads out of the picture.
 * @param {number[]} typed left, top, width, height
 * @param {Size} size
 * @returns {Box}
 */
export function fromFields(typed, { width, height }) {
  const [x, y, w, tall] = typed.map((n) => (Number.isFinite(n) ? Math.round(n) : 0));
  const left = within(0, x, width - SHORTEST);
  const top = within(0, y, height - SHORTEST);
  return [left, top, left + within(SHORTEST, w, width - left), top + within(SHORTEST, tall, height - top)];
}
