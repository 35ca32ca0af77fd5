// @ts-check
/** Arithmetic of charts: scales, ticks, bins. No DOM. */

/**
 * A line through two points: `low` is drawn at `from`, `high` at `to`.
 * @param {number} low
 * @param {number} high
 * @param {number} from
 * @param {number} to
 * @returns {(value: number) => number}
 */
export function linear(low, high, from, to) {
  return (value) => from + ((value - low) / (high - low || 1)) * (to - from);
}

/**
 * Decades at equal distances: shares from `least` (everything below lies there, too) to 1.
 * @param {number} least
 * @param {number} from
 * @param {number} to
 * @returns {(share: number) => number}
 */
export function decades(least, from, to) {
  const place = linear(Math.log10(least), 0, from, to);
  return (share) => place(Math.log10(Math.max(share, least)));
}

/**
 * About `n` round numbers between `low` and `high`.
 * @param {number} low
 * @param {number} high
 * @param {number} n
 * @returns {number[]}
 */
export function niceTicks(low, high, n) {
  const raw = (high - low) / n || 1;
  const magnitude = 10 ** Math.floor(Math.log10(raw));
  const step = [1, 2, 2.5, 5, 10].map((m) => m * magnitude).find((s) => s >= raw) ?? 10 * magnitude;
  return multiples(low, high, step);
}

/**
 * The multiples of `step` from `low` to `high`.
 * @param {number} low
 * @param {number} high
 * @param {number} step
 * @returns {number[]}
 */
export function multiples(low, high, step) {
  const slack = step * 1e-6; // binary fractions: 0.1 + 0.2 is a little more than 0.3
  const first = Math.ceil((low - slack) / step);
  const last = Math.floor((high + slack) / step);
  return Array.from({ length: Math.max(0, last - first + 1) }, (_, k) => (first + k) * step);
}

/**
 * How many scores fall into each of `n` bins of equal width; what lies outside counts in the first or the last.
 * @param {readonly number[]} scores
 * @param {number} low
 * @param {number} high
 * @param {number} n
 * @returns {number[]}
 */
export function binned(scores, low, high, n) {
  const counts = Array(n).fill(0);
  const place = linear(low, high, 0, n);
  for (const score of scores) counts[clamp(Math.floor(place(score)), 0, n - 1)] += 1;
  return counts;
}

/**
 * @param {number} value
 * @param {number} low
 * @param {number} high
 */
export function clamp(value, low, high) {
  return Math.min(high, Math.max(low, value));
}

/**
 * Points (share of others that pass, share of right ones that pass) for a line that falls through all scores.
 * @param {readonly number[]} genuine
 * @param {readonly number[]} impostor
 * @returns {[number, number][]}
 */
export function rocPoints(genuine, impostor) {
  const cuts = [...new Set([...genuine, ...impostor])].sort((a, b) => b - a);
  return [
    [0, 0],
    ...cuts.map((cut) => /** @type {[number, number]} */ ([passShare(impostor, cut), passShare(genuine, cut)])),
  ];
}

/**
 * The share of right pictures that pass, each held against the line that the others would give, as the rates beside it
 * are: against the line of all, the lowest could never fail.
 * @param {number[]} genuine
 * @param {number} threshold
 * @param {{ out: number, total: number }} frr
 */
export function rightShare(genuine, threshold, { out, total }) {
  return total ? 1 - out / total : passShare(genuine, threshold);
}

/**
 * The share of scores at `cut` or above.
 * @param {readonly number[]} scores
 * @param {number} cut
 */
export function passShare(scores, cut) {
  return scores.filter((s) => s >= cut).length / scores.length;
}

/**
 * Where a curve's axis begins and ends: its values with a margin, without the highest 2 % unless the `whole` is wanted.
 * @param {readonly number[]} values
 * @param {boolean} whole
 * @returns {[number, number]}
 */
export function extent(values, whole) {
  const sorted = [...values].sort((a, b) => a - b);
  const low = sorted[0];
  const high = sorted[Math.min(sorted.length - 1, Math.ceil(sorted.length * (whole ? 1 : 0.98)))];
  const pad = (high - low) * 0.08 || Math.abs(high) * 0.1 || 0.1;
  return [low - pad, high + pad];
}
