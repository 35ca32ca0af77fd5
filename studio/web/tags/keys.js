// @ts-check
/** The keys of tag mode: one for each angle, expression and framing. No DOM. */

/** @typedef {"angle" | "expression" | "framing"} Tag */

/** @type {readonly { tag: Tag, title: string, values: readonly (readonly [string, string, string])[] }[]} key, value, words */
export const TAGS = [
  {
    tag: "angle",
    title: "Angle",
    values: [
      ["1", "profile-left", "profile left"],
      ["2", "half-left", "half left"],
      ["3", "front", "front"],
      ["4", "half-right", "half right"],
      ["5", "profile-right", "profile right"],
      ["6", "back", "from behind"],
      ["0", "unsure", "unsure"],
    ],
  },
  {
    tag: "expression",
    title: "Expression",
    values: [
      ["q", "neutral", "neutral"],
      ["w", "smiling", "smiling"],
      ["e", "angry", "angry"],
      ["r", "sad", "sad"],
      ["t", "unsure", "unsure"],
    ],
  },
  {
    tag: "framing",
    title: "Framing",
    values: [
      ["a", "portrait", "face"],
      ["s", "bust", "bust"],
      ["d", "full", "whole figure"],
      ["f", "unsure", "unsure"],
    ],
  },
];

/** @type {Map<string, { tag: Tag, value: string }>} */
const BY_KEY = new Map(TAGS.flatMap(({ tag, values }) => values.map(([key, value]) => [key, { tag, value }])));

/**
 * What a key says; `null` when it is not ours.
 * @param {Pick<KeyboardEvent, "key" | "code" | "altKey" | "ctrlKey" | "metaKey" | "isComposing">} event
 * @returns {{ tag: Tag, value: string } | null}
 */
export function tagOf({ key, code, altKey, ctrlKey, metaKey, isComposing }) {
  if (altKey || ctrlKey || metaKey || isComposing) return null;
  const digit = /^Digit(\d)$/.exec(code)?.[1]; // the place of the key, whatever Shift or a layout makes of it
  return BY_KEY.get(digit ?? key.toLowerCase()) ?? null;
}

/**
 * The next picture that lacks a tag, looking on from `at` and round; -1 when all are known.
 * @param {readonly { tags: Record<string, { value: string }> }[]} pictures
 * @param {number} at
 */
export function nextOpen(pictures, at) {
  const order = pictures.map((_, n) => (at + n) % pictures.length);
  const open = (/** @type {number} */ n) => Object.values(pictures[n].tags).some(({ value }) => value === "unsure");
  return order.find(open) ?? -1;
}
