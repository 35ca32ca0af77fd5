// @ts-check
/** How the stacks of a survey did: averages, and a ranking by how often the identity was right. */

import { h } from "../core/dom.js";
import { painted } from "../core/island.js";
import { blind, whenBlind } from "./blind.js";

/**
 * @typedef {{ name: string, rate: number, low: number, high: number, words: string }} Bar
 * @typedef {{ head: string[], rows?: string[][], bars?: Bar[], empty?: string }} Value
 */

/**
 * A table without the columns that nothing was measured of.
 * @param {string[]} head
 * @param {string[][]} rows
 */
function table(head, rows) {
  const told = head.map((_, n) => n === 0 || rows.some((row) => row[n]));
  const kept = (/** @type {string[]} */ row) => row.filter((_, n) => told[n]);
  return whole(kept(head), rows.map(kept));
}

/**
 * @param {string[]} head
 * @param {string[][]} rows
 */
function whole(head, rows) {
  const cell = (/** @type {string} */ text, /** @type {number} */ n) =>
    n ? h("td", { class: "num" }, text) : h("th", { scope: "row", title: text }, text);
  const heads = h(
    "thead",
    {},
    h(
      "tr",
      {},
      head.map((text) => h("th", { scope: "col" }, text)),
    ),
  );
  return h(
    "div",
    { class: "scroll" },
    h(
      "table",
      {},
      heads,
      h(
        "tbody",
        {},
        rows.map((r) => h("tr", {}, r.map(cell))),
      ),
    ),
  );
}

/**
 * A place of the ranking: the rate as a mark on its 95 % interval.
 * @param {Bar} bar
 * @param {number} n
 */
function place({ name, rate, low, high, words }, n) {
  const range = { left: `${100 * low}%`, width: `${100 * (high - low)}%` };
  return h(
    "li",
    {},
    h(
      "p",
      {},
      h("b", { class: "num" }, n + 1),
      h("span", { class: "name", title: name }, name),
      h("span", { class: "quiet num" }, words),
    ),
    h(
      "div",
      { class: "track" },
      h("span", { class: "range", style: range }),
      h("i", { style: { left: `${100 * rate}%` } }),
    ),
  );
}

const HIDDEN = "Hidden while the survey is blind: names, averages and what machines say come back when you have rated.";

painted("standings", ({ draw }) => {
  whenBlind(draw);
  return (/** @type {Value} */ value) => (blind() ? h("div", { class: "empty" }, HIDDEN) : shown(value));
});

/** @param {Value} value */
function shown({ head, rows, bars, empty }) {
  if (rows?.length) return table(head, rows);
  if (bars?.length) return h("ol", {}, bars.map(place));
  return h("div", { class: "empty" }, empty ?? "Nothing yet.");
}
