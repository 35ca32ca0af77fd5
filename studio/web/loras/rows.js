// @ts-check
/** The rows of a LoRA stack, as what the user does changes them. Done again on an older answer, each gives the same. */

/**
 * @typedef {object} Row
 * @property {string} id of the LoRA
 * @property {string} name
 * @property {boolean} use it is ticked
 * @property {number} weight
 * @property {string} trigger
 * @property {string} facts
 */

/**
 * @param {readonly Row[]} rows
 * @param {string} id
 * @param {Partial<Row>} what
 * @returns {Row[]} with one that was set otherwise
 */
export const changed = (rows, id, what) => rows.map((row) => (row.id === id ? { ...row, ...what } : row));

/**
 * @param {readonly Row[]} rows
 * @param {string} id
 * @returns {Row[]}
 */
export const without = (rows, id) => rows.filter((row) => row.id !== id);

/**
 * @param {readonly Row[]} rows
 * @param {string} id
 * @param {string | undefined} before the row that comes after it then; `undefined`: none does
 * @returns {Row[]}
 */
export function placed(rows, id, before) {
  const row = rows.find((one) => one.id === id);
  if (!row || id === before) return [...rows];
  const others = without(rows, id);
  const at = others.findIndex((one) => one.id === before);
  return at < 0 ? [...others, row] : [...others.slice(0, at), row, ...others.slice(at)];
}

/**
 * @param {readonly Row[]} rows
 * @param {string} id
 * @param {-1 | 1} by
 * @returns {string | undefined} the row before which one stands after a step up or down
 */
export function beforeAfterStep(rows, id, by) {
  const at = rows.findIndex((row) => row.id === id);
  return rows[by < 0 ? Math.max(at - 1, 0) : at + 2]?.id;
}

/**
 * @param {string} typed
 * @param {number} limit
 * @param {number} before what it is for what is no number
 * @returns {number} in steps of a hundredth, within `limit` both ways
 */
export function weightOf(typed, limit, before) {
  const number = Number(typed.trim().replace(",", ".") || Number.NaN);
  if (!Number.isFinite(number)) return before;
  return Math.round(Math.max(-limit, Math.min(limit, number)) * 100) / 100;
}
