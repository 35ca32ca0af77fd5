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

/**
 * A list of ticked things with some put in or taken out.
 * @template T
 * @param {readonly T[]} order all that there are
 * @param {Iterable<T>} ticked
 * @param {Iterable<T>} items
 * @param {boolean} on
 * @returns {T[]} in the order of `order`
 */
export function turned(order, ticked, items, on) {
  const out = new Set(ticked);
  for (const item of items)
    if (on) out.add(item);
    else out.delete(item);
  return order.filter((item) => out.has(item));
}
