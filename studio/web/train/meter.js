// @ts-check
/** A bar against a limit: predicted memory by part against the card. */

import { h } from "../core/dom.js";
import { gigabytes } from "../core/format.js";
import { painted } from "../core/island.js";

/**
 * @typedef {{ name: string, gib: number }} Part
 * @typedef {{ parts?: Part[], total?: number, fits?: boolean, words?: string, unproven?: string }} Value
 */

/**
 * @param {Part[]} parts
 * @param {number} total 0 when it is not known
 * @param {number} sum
 */
function track(parts, total, sum) {
  const scale = Math.max(total, sum);
  const share = (/** @type {number} */ gib) => `${(100 * gib) / scale}%`;
  const said = (/** @type {Part} */ p) => `${p.name} ${gigabytes(p.gib)}`;
  const part = (/** @type {Part} */ p, /** @type {number} */ i) =>
    h("span", { class: "part", style: { width: share(p.gib), "--i": i }, title: said(p) });
  const limit = total && total < scale ? h("i", { class: "limit", style: { left: share(total) } }) : null;
  const label = `memory: ${parts.map(said).join(", ")}`;
  return h("div", { class: "track", role: "img", "aria-label": label }, parts.map(part), limit);
}

/** @param {Part[]} parts */
function legend(parts) {
  const entry = (/** @type {Part} */ p, /** @type {number} */ i) => {
    const number = h("span", { class: "num quiet" }, gigabytes(p.gib));
    return h("span", {}, h("i", { class: "part", style: { "--i": i } }), `${p.name} `, number);
  };
  return h("p", { class: "legend" }, parts.map(entry));
}

/**
 * Whether it fits, as far as anything proves it.
 * @param {boolean | undefined} fits
 * @param {string | undefined} unproven why nothing does
 */
function verdict(fits, unproven) {
  if (!fits) return h("span", { class: "chip bad" }, "does not fit");
  return h("span", { class: unproven ? "chip" : "chip good" }, unproven || "fits");
}

painted("meter", () => (/** @type {Value} */ { parts = [], total = 0, fits, words, unproven }) => {
  if (!parts.length) return words ? h("p", { class: "quiet" }, words) : null;
  const sum = parts.reduce((a, p) => a + p.gib, 0);
  return [
    h(
      "p",
      { class: "pt-head" },
      h("b", { class: "num" }, gigabytes(sum)),
      total ? ` of ${gigabytes(total)}` : "",
      verdict(fits, unproven),
    ),
    track(parts, total, sum),
    legend(parts),
    words ? h("p", { class: fits ? "quiet" : "bad" }, words) : null,
  ];
});
