// @ts-check
/** Numbers in words. */

/**
 * The time left, roughly; "" when it is not known.
 * @param {number | null | undefined} seconds
 */
export function minutes(seconds) {
  if (seconds === null || seconds === undefined) return "";
  if (seconds < 90) return `${Math.max(1, Math.round(seconds))} s left`;
  return seconds < 5400 ? `about ${Math.round(seconds / 60)} min left` : `about ${(seconds / 3600).toFixed(1)} h left`;
}

/**
 * A share as a percentage: whole from 10 % on, two digits that count below.
 * @param {number} share 0 to 1
 */
export function percent(share) {
  const whole = share >= 0.0995 || share === 0;
  return `${whole ? Math.round(100 * share) : Number((100 * share).toPrecision(2))} %`;
}

/**
 * @param {number} low share, 0 to 1
 * @param {number} high share, 0 to 1
 */
export function percentRange(low, high) {
  if (high < 0.001) return "less than 0.1 %";
  if (low < 0.001) return `at most ${percent(high)}`;
  return `${percent(low).replace(" %", "")} to ${percent(high)}`;
}

/**
 * @param {number} n
 * @param {string} what
 * @param {string} [many]
 */
export function count(n, what, many = `${what}s`) {
  return `${n} ${n === 1 ? what : many}`;
}

/** @param {number} gib */
export function gigabytes(gib) {
  const digits = gib >= 10 ? 1 : gib >= 0.095 ? 2 : 3;
  return `${gib.toFixed(digits)} GB`;
}

/**
 * The size of a file.
 * @param {number} n
 */
export function bytes(n) {
  const units = ["bytes", "KiB", "MiB", "GiB", "TiB"];
  const power = n < 1024 ? 0 : Math.min(units.length - 1, Math.floor(Math.log2(n) / 10));
  return `${power ? (n / 1024 ** power).toFixed(1) : n} ${units[power]}`;
}

/**
 * A number of an axis, as short as it can be.
 * @param {number} x
 */
export function short(x) {
  if (Math.abs(x) >= 100 || Number.isInteger(x)) return String(Math.round(x));
  return x.toPrecision(3).replace(/\.?0+$/, "");
}

/**
 * @param {number | null | undefined} score
 * @returns {string} two digits; "" when there is none
 */
export function scoreWords(score) {
  return score === null || score === undefined ? "" : score.toFixed(2);
}

/**
 * The parts that say something, with a dot between them.
 * @param {readonly (string | null | undefined | false)[]} parts
 */
export function dotted(parts) {
  return parts.filter(Boolean).join(" · ");
}

/**
 * @param {string} words
 */
export function capital(words) {
  return words.slice(0, 1).toUpperCase() + words.slice(1);
}
