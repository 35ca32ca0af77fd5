// @ts-check
/** Faces, upper bodies, whole figures: a bar each, with a mark at the third that is aimed at. */

import { h } from "../core/dom.js";
import { count } from "../core/format.js";
import { painted } from "../core/island.js";

/**
 * @typedef {{ name: string, title: string, have: number, waiting: number, planned: number, lacking: boolean }} Row
 * @typedef {{ rows?: Row[], unknown?: number }} Value
 */

/** @param {Row} row */
function said({ title, have, waiting, planned, lacking }) {
  const parts = [`${have} there`];
  if (waiting) parts.push(`${waiting} to review`);
  if (planned) parts.push(`${planned} in this plan`);
  return `${title}: ${parts.join(", ")}${lacking ? "; more are wanted" : ""}`;
}

/**
 * @param {Row} row
 * @param {number} total
 */
function bar(row, total) {
  const part = (/** @type {"have" | "waiting" | "planned"} */ kind) =>
    h("span", { class: `part ${kind}`, style: { width: `${(100 * row[kind]) / total}%` } });
  const all = row.have + row.waiting + row.planned;
  return [
    h("span", { class: "name" }, row.title),
    h(
      "div",
      { class: "track", role: "img", "aria-label": said(row), title: said(row), "data-framing": row.name },
      part("have"),
      part("waiting"),
      part("planned"),
      h("i", { class: "third" }),
    ),
    h("span", { class: `num n${row.lacking ? " lacking" : ""}` }, all),
  ];
}

painted("framing-mix", () => (/** @type {Value} */ { rows = [], unknown = 0 }) => {
  const total = rows.reduce((sum, r) => sum + r.have + r.waiting + r.planned, 0);
  if (!rows.length) return null;
  const dim = unknown ? h("p", { class: "key" }, `${count(unknown, "picture")} not known: tag mode says it.`) : null;
  return [
    h(
      "div",
      { class: "rows" },
      rows.map((row) => bar(row, Math.max(1, total))),
    ),
    dim,
  ];
});
