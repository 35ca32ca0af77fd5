// @ts-check
/** Sets of ticked things. */

/**
 * A set with `item` added, or taken out if it is there.
 * @template T
 * @param {Iterable<T>} items
 * @param {T} item
 * @returns {Set<T>}
 */
export function flipped(items, item) {
  const out = new Set(items);
  if (!out.delete(item)) out.add(item);
  return out;
}
