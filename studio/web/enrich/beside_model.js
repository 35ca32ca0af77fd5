// @ts-check
/** What the editor sees beside a source, as the user chooses it. Done again on an older answer, each gives the same. */

/**
 * @typedef {object} Choice
 * @property {number} more how many more sources
 * @property {string[]} named which; none: the nearest
 * @property {string} control whose light and dark, or ""
 */

/**
 * @param {Partial<Choice>} choice
 * @param {number} more
 * @returns {Pick<Choice, "more" | "named">} of those that were chosen the first so many stay
 */
export const seeing = ({ named = [] }, more) => ({ more, named: named.slice(0, more) });

/**
 * A source is chosen, or not any more; with one too many the one that was chosen first goes.
 * @param {Partial<Choice>} choice
 * @param {string} id
 * @param {boolean} on
 * @returns {Pick<Choice, "named">}
 */
export function chosen({ more = 0, named = [] }, id, on) {
  const others = named.filter((one) => one !== id);
  return { named: on ? [...others, id].slice(-more) : others };
}
