// @ts-check
/** The coverage grid, angle x expression: a full dot is a cell with pictures, a ring one that the model card needs. */

import { h } from "../core/dom.js";
import { painted } from "../core/island.js";

/** @import { Painter } from "../core/island.js" */
/**
 * @typedef {Record<string, number>} Counts by cell name
 * @typedef {{ angles?: string[], expressions?: string[], have?: Counts, waiting?: Counts, planned?: Counts }} Value
 */

/** @type {Record<string, string>} */
const SHORT = {
  "profile-left": "profile L",
  "half-left": "half L",
  front: "front",
  "half-right": "half R",
  "profile-right": "profile R",
};

/**
 * @param {string} name
 * @param {number} have
 * @param {number} waiting
 * @param {number} planned
 */
function told(name, have, waiting, planned) {
  const parts = [have ? `${have} good` : "none yet"];
  if (waiting) parts.push(`${waiting} to review`);
  if (planned) parts.push(`${planned} in this plan`);
  return `${name.replace("/", ", ")}: ${parts.join(", ")}`;
}

/**
 * @param {Value} value
 * @param {string} angle
 * @param {string} expression
 * @param {Painter["trigger"]} trigger
 */
function dot(value, angle, expression, trigger) {
  const name = `${angle}/${expression}`;
  const [have, waiting, planned] = [value.have, value.waiting, value.planned].map((counts) => counts?.[name] ?? 0);
  const label = told(name, have, waiting, planned);
  const filled = have ? " have" : waiting ? " waiting" : "";
  const props = {
    type: "button",
    class: `dot${filled}${planned ? " planned" : ""}`,
    title: label,
    "aria-label": label,
    "data-cell": name,
    onclick: () => trigger("pick", { angle, expression }),
  };
  return h("button", props, have || waiting || "");
}

/** @param {Value} value */
function legend({ angles = [], expressions = [], have = {} }) {
  const full = angles.flatMap((a) => expressions.filter((e) => have[`${a}/${e}`])).length;
  const key = (/** @type {string} */ name, /** @type {string} */ words) => [h("i", { class: `dot ${name}` }), words];
  return h(
    "p",
    { class: "key" },
    h("b", { class: "num" }, `${full} of ${angles.length * expressions.length}`),
    " cells ",
    key("have", "have "),
    key("waiting", "to review "),
    key("planned", "planned "),
    key("", "card needs"),
  );
}

painted("coverage", ({ trigger }) => (/** @type {Value} */ value) => {
  const { angles = [], expressions = [] } = value;
  const heads = angles.map((a) => h("span", { class: "col" }, SHORT[a] ?? a));
  const rows = expressions.map((e) => [h("span", { class: "row" }, e), angles.map((a) => dot(value, a, e, trigger))]);
  const style = { "grid-template-columns": `auto repeat(${angles.length}, 1fr)` };
  return [h("div", { class: "grid", style }, h("span"), heads, rows), legend(value)];
});
