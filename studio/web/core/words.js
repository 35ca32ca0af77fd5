// @ts-check
/** Lines of plain text in a tone. */

import { h } from "./dom.js";
import { painted } from "./island.js";

/** @typedef {{ title?: string, lines?: string[], tone?: string, bullets?: boolean }} Value */

painted("words", () => (/** @type {Value} */ { title, lines = [], tone = "", bullets }) => {
  if (!title && !lines.length) return null;
  const body = bullets
    ? h(
        "ul",
        {},
        lines.map((line) => h("li", {}, line)),
      )
    : lines.map((line) => h("p", {}, line));
  const props = { class: `words ${tone}`, role: tone === "bad" ? "alert" : null };
  return h("div", props, title ? h("p", { class: "title" }, title) : null, body);
});
