// @ts-check
/** Buttons, dialogs, messages: what every part of the page is made of. */

import { h } from "./dom.js";
import { icon } from "./icons.js";

/** @import { Child, Props } from "../shapes.js" */
/** @import { IconName } from "./icons.js" */

/** How long a message stays, ms: a problem long enough to be read twice. Under the pointer it stays on. */
const STAYS = { info: 5000, problem: 9000 };
const READING_MS = 60; // a letter more
const MOST = 5;

/** @returns {HTMLElement} */
function toasts() {
  const there = document.getElementById("flen-toasts");
  if (there) return there;
  const box = h("div", { id: "flen-toasts", role: "status", "aria-live": "polite" });
  document.body.append(box);
  return box;
}

/**
 * Takes a message away in time, not while somebody is at it.
 * @param {HTMLElement} note
 * @param {number} ms
 */
function leaveInTime(note, ms) {
  let timer = 0;
  const wait = () => (timer = setTimeout(() => note.remove(), ms));
  for (const name of ["pointerenter", "focusin"]) note.addEventListener(name, () => clearTimeout(timer));
  for (const name of ["pointerleave", "focusout"]) note.addEventListener(name, wait);
  wait();
}

/**
 * A short message beside the tabs, where it covers nothing; the newest is seen. Said again, it is one message.
 * @param {string} text
 * @param {"info" | "problem"} [kind]
 */
export function toast(text, kind = "info") {
  const box = toasts();
  for (const same of [...box.children].filter((x) => x.textContent === text)) same.remove();
  const close = () => note.remove();
  const cross = h("button", { type: "button", "aria-label": "Close", onclick: close }, icon("cross"));
  const note = h("div", { class: `toast ${kind}`, title: text }, h("span", {}, text), cross);
  box.append(note);
  while (box.children.length > MOST) box.firstElementChild?.remove();
  leaveInTime(note, STAYS[kind] + READING_MS * text.length);
}

/** What was said of one character is not said of another. */
export function clearToasts() {
  toasts().replaceChildren();
}

/**
 * What an error says to the person reading.
 * @param {unknown} error
 * @returns {string}
 */
export function wordsOf(error) {
  return error instanceof Error ? error.message : String(error);
}

/**
 * Run an action of the user; what goes wrong is told in words, and the answer is `undefined`.
 * @template T
 * @param {() => T | Promise<T>} action
 * @returns {Promise<T | undefined>}
 */
export async function attempt(action) {
  try {
    return await action();
  } catch (error) {
    toast(wordsOf(error), "problem");
    return undefined;
  }
}

/**
 * @param {string} label
 * @param {(event: MouseEvent) => unknown} onclick
 * @param {Props & { icon?: IconName, class?: string }} [props]
 * @returns {HTMLButtonElement}
 */
export function button(label, onclick, { icon: name, class: classes = "", ...rest } = {}) {
  const props = { type: "button", onclick, ...rest, class: `fb ${classes}` };
  return h("button", props, name ? icon(name) : null, label);
}

/**
 * Changes the words on a `button`.
 * @param {HTMLButtonElement} node
 * @param {string} label
 */
export function relabel(node, label) {
  /** @type {Node} */ (node.lastChild).textContent = label;
}

/**
 * A modal <dialog> with a title and a close button; removed from the page when closed unless `reusable`.
 * @param {string} title
 * @param {Child} content
 * @param {{ id: string, wide?: boolean, reusable?: boolean }} options
 * @returns {HTMLDialogElement}
 */
export function dialog(title, content, { id, wide, reusable }) {
  const close = () => box.close();
  const cross = h(
    "button",
    { type: "button", class: "fb quiet", "aria-label": "Close", onclick: close },
    icon("cross"),
  );
  const head = h("header", {}, h("h2", {}, title), cross);
  const box = h("dialog", { id, class: `flen-dialog${wide ? " wide" : ""}`, "aria-label": title }, head, content);
  box.addEventListener("click", (event) => event.target === box && close());
  if (!reusable) box.addEventListener("close", () => box.remove());
  document.body.append(box);
  return box;
}

/** Where a form or a dialog says what is wrong. */
export function problemLine() {
  return h("p", { class: "problem", role: "alert" });
}

/**
 * A key and what it does, for a line of hints.
 * @param {string} key
 * @param {string} words
 * @returns {Child[]}
 */
export function keyHint(key, words) {
  return [h("kbd", {}, key), `${words} `];
}

/**
 * A drop-down list of `[value, words]`.
 * @param {readonly (readonly [string, string])[]} entries
 * @param {string} value
 * @param {Props} props
 * @returns {HTMLSelectElement}
 */
export function select(entries, value, props) {
  const options = entries.map(([key, words]) => h("option", { value: key, selected: key === value }, words));
  return h("select", props, options);
}

/**
 * Lines of a recipe or of scores: what, and what it is.
 * @param {readonly (readonly [string, string])[]} lines
 * @returns {HTMLDListElement}
 */
export function definitions(lines) {
  return h("dl", { class: "facts" }, definitionLines(lines));
}

/**
 * @param {readonly (readonly [string, string])[]} lines
 * @returns {Child[]}
 */
export function definitionLines(lines) {
  return lines.map(([name, text]) => [h("dt", {}, name), h("dd", {}, text)]);
}

/**
 * Whether the user is typing, so that a key is not ours.
 * @param {KeyboardEvent} event
 * @returns {boolean}
 */
export function typing(event) {
  const target = event.target;
  if (event.isComposing) return true;
  return (
    target instanceof HTMLElement && (/^(INPUT|TEXTAREA|SELECT)$/.test(target.tagName) || target.isContentEditable)
  );
}
