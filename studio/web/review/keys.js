// @ts-check
/** The keys of the review: one table that the handlers and the help both read. No DOM. */

/**
 * @typedef {{ action: string, keys: string, words: string }} Entry `keys`, separated by blanks, all mean the same
 * @typedef {{ title: string, entries: Entry[] }} Group
 * @typedef {Pick<KeyboardEvent, "key" | "code" | "altKey" | "ctrlKey" | "metaKey" | "shiftKey" | "isComposing">} Press
 */

/**
 * @param {string} action
 * @param {string} keys
 * @param {string} words
 * @returns {Entry}
 */
const entry = (action, keys, words) => ({ action, keys, words });

/** @type {Group[]} */
export const KEYS = [
  {
    title: "Move",
    entries: [
      entry("next", "ArrowRight j", "next picture"),
      entry("previous", "ArrowLeft k", "previous picture"),
      entry("next", "Space", "skip"),
      entry("down", "ArrowDown", "next row (grid)"),
      entry("up", "ArrowUp", "previous row (grid)"),
      entry("first", "Home", "first"),
      entry("last", "End", "last"),
      entry("further", "Shift+ArrowRight Shift+ArrowLeft Shift+ArrowDown Shift+ArrowUp", "grid: select; zoomed: pan"),
      entry("all", "Ctrl+a", "select all (grid)"),
    ],
  },
  {
    title: "Decide",
    entries: [
      entry("good", "p a", "good"),
      entry("reject", "x", "reject"),
      entry("correct", "n", "needs correction"),
      entry("clear", "u", "clear the label"),
      entry("identity", "1 2 3 4 5", "identity 1-5"),
      entry("identity", "0", "clear identity"),
      entry("edit", "Shift+1 Shift+2 Shift+3 Shift+4 Shift+5", "edit quality 1-5"),
      entry("edit", "Shift+0", "clear edit quality"),
      entry("failure", "f", "failure mode, then its letter"),
      entry("note", "w", "write a note"),
      entry("shows", "t", "say what it shows"),
      entry("keep", "h", "keep this one of near duplicates, reject the others"),
      entry("undo", "Ctrl+z", "undo"),
      entry("redo", "Ctrl+Shift+z Ctrl+y", "redo"),
      entry("better", "b", "choose a better try"),
      entry("submit", "Ctrl+Enter", "send the corrected file"),
    ],
  },
  {
    title: "Look",
    entries: [
      entry("zoom", "z", "fit or zoomed in, both"),
      entry("compare", "c", "reference beside it"),
      entry("peek", "r", "hold: the reference in its place"),
      entry("grid", "g", "grid"),
      entry("single", "e Enter", "single picture"),
      entry("info", "i", "information"),
      entry("alike", "d", "near duplicates as one, the best of them"),
      entry("order", "o", "choose the order"),
      entry("goal", "y", "say how many good ones you want"),
      entry("second", "s", "a blind second look at some"),
      entry("help", "?", "these keys"),
      entry("escape", "Escape", "close"),
    ],
  },
];

const ENTRIES = KEYS.flatMap((group) => group.entries);
/** @type {Map<string, string>} */
const ACTIONS = new Map(
  ENTRIES.flatMap((e) => e.keys.split(" ").map((key) => /** @type {[string, string]} */ ([key, e.action]))),
);
/** Actions that go on while their key is held down. */
export const REPEATED = new Set(["next", "previous", "up", "down", "further"]);

/** @param {Press} event */
const digitOf = (event) => /^Digit(\d)$/.exec(event.code)?.[1] ?? "";

/**
 * The name of a key as the table has it, without Ctrl and Shift.
 * @param {Press} event
 */
function keyName(event) {
  const digit = digitOf(event);
  if (digit) return digit; // with Shift, `key` is a sign that differs by keyboard
  if (event.key === " ") return "Space";
  return event.key.length === 1 ? event.key.toLowerCase() : event.key;
}

/**
 * What a key press means: the action and the digit or key; `null` when it is not ours.
 * @param {Press} event
 * @returns {{ action: string, key: string } | null}
 */
export function keyAction(event) {
  if (event.altKey || event.isComposing) return null;
  const key = keyName(event);
  const ctrl = event.ctrlKey || event.metaKey;
  // else Shift is part of a sign such as "?"
  const shift = event.shiftKey && (digitOf(event) || ctrl || key.startsWith("Arrow"));
  const action = ACTIONS.get(`${ctrl ? "Ctrl+" : ""}${shift ? "Shift+" : ""}${key}`);
  return action ? { action, key } : null;
}

/** @type {Record<string, string>} */
const CAPS = { ArrowRight: "→", ArrowLeft: "←", ArrowUp: "↑", ArrowDown: "↓", Escape: "Esc" };

/**
 * The keys of an entry as they are written on the key caps, runs of digits drawn together.
 * @param {string} keys
 * @returns {string[]}
 */
export function caps(keys) {
  const short = keys
    .replace("1 2 3 4 5", "1-5")
    .replace(/Shift\+1 .*Shift\+5/, "Shift+1-5")
    .replace(/Shift\+ArrowRight .*ArrowUp/, "Shift+arrows");
  const cap = (/** @type {string} */ part) => CAPS[part] ?? (part.length === 1 ? part.toUpperCase() : part);
  return short.split(" ").map((key) => key.split("+").map(cap).join("+"));
}
