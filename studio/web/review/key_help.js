// @ts-check
/** All keys of the review in a dialog. */

import { h } from "../core/dom.js";
import { facts } from "../core/facts.js";
import { dialog } from "../core/ui.js";
import { caps, KEYS } from "./keys.js";

/**
 * @param {string} title
 * @param {[string[], string][]} lines keys and what they do
 */
function group(title, lines) {
  const line = (/** @type {[string[], string]} */ [keys, words]) => [
    h(
      "dt",
      {},
      keys.map((key) => h("kbd", {}, key)),
    ),
    h("dd", {}, words),
  ];
  return h("section", {}, h("h3", {}, title), h("dl", { class: "keys" }, lines.map(line)));
}

export function openKeyHelp() {
  const groups = KEYS.map(({ title, entries }) =>
    group(
      title,
      entries.map((e) => [caps(e.keys), e.words]),
    ),
  );
  const failures = Object.entries(facts.failures).map(
    ([letter, words]) => /** @type {[string[], string]} */ ([[letter.toUpperCase()], words]),
  );
  const content = h("div", { class: "key-help" }, groups, group("After F", failures));
  dialog("Keys", content, { id: "review-keys", wide: true }).showModal();
}
