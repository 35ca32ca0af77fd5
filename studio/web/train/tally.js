// @ts-check
/** What a training set is made of: pictures by angle, each bar cut by origin; and whether the gate is open. */

import { count } from "../core/format.js";
import { h } from "../core/dom.js";
import { painted } from "../core/island.js";

/**
 * @typedef {{ name: string, counts: Record<string, number> }} Row
 * @typedef {{ rows?: Row[], origins?: string[], total?: number, reasons?: string[], empty?: string }} Value
 */

/** @param {Row} row */
const sum = (row) => Object.values(row.counts).reduce((a, n) => a + n, 0);

/** @param {string[]} reasons */
function gate(reasons) {
  const body = reasons.length
    ? h(
        "ul",
        {},
        reasons.map((r) => h("li", {}, r)),
      )
    : h("p", { class: "quiet" }, "Every picture was judged one by one and let through.");
  const title = reasons.length ? "The gate is shut" : "The gate is open";
  return h("div", { class: `gate ${reasons.length ? "closed" : "open"}` }, h("b", {}, title), body);
}

/**
 * @param {Row[]} rows
 * @param {string[]} origins
 */
function bars(rows, origins) {
  const top = Math.max(1, ...rows.map(sum));
  const segment = (/** @type {Row} */ row, /** @type {string} */ origin) => {
    const n = row.counts[origin];
    const style = { width: `${(100 * n) / top}%`, "--i": origins.indexOf(origin) };
    return h("span", { class: "seg", style, title: `${n} ${origin}` });
  };
  const line = (/** @type {Row} */ row) => [
    h("span", { class: "name" }, row.name === "unsure" ? "unknown" : row.name),
    h(
      "div",
      { class: "pt-bar" },
      origins.filter((o) => row.counts[o]).map((o) => segment(row, o)),
    ),
    h("span", { class: `num n${sum(row) ? "" : " none"}` }, sum(row)),
  ];
  return h("div", { class: "rows" }, rows.map(line));
}

/**
 * @param {Row[]} rows
 * @param {string[]} origins
 */
function legend(rows, origins) {
  const total = (/** @type {string} */ origin) => rows.reduce((a, r) => a + (r.counts[origin] ?? 0), 0);
  const entry = (/** @type {string} */ origin, /** @type {number} */ i) =>
    h("span", {}, h("i", { class: "seg", style: { "--i": i } }), `${origin} ${total(origin)}`);
  return h("span", { class: "legend" }, origins.map(entry));
}

painted("tally", () => (/** @type {Value} */ { rows = [], origins = [], total, reasons = [], empty }) => {
  if (!total) return [h("div", { class: "empty" }, empty ?? "No pictures yet."), reasons.length ? gate(reasons) : null];
  const head = h("p", { class: "pt-head" }, h("b", { class: "num" }, count(total, "picture")), legend(rows, origins));
  return [head, bars(rows, origins), gate(reasons)];
});
