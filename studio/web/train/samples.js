// @ts-check
/** Sample pictures of a training: one row a prompt, one column a step. */

import { h } from "../core/dom.js";
import { scoreWords } from "../core/format.js";
import { painted } from "../core/island.js";
import { pictureUrl } from "../core/net.js";

/**
 * @typedef {{ id: string, score: number | null, verdict: string }} Cell
 * @typedef {{ axis?: string, steps?: string[], prompts?: string[], cells: (Cell | null)[][], empty?: string }} Value
 */

/** @param {Cell} cell */
function score({ score: number, verdict }) {
  if (number === null) return null;
  return h("span", { class: `score num ${verdict.replace(" ", "-")}` }, scoreWords(number));
}

/**
 * @param {Cell | null} cell
 * @param {string} prompt
 * @param {string} step
 */
function sample(cell, prompt, step) {
  if (!cell) return h("span", { class: "cell none" });
  const props = {
    class: "cell",
    href: pictureUrl(cell.id),
    target: "_blank",
    rel: "noopener",
    title: `${prompt}\n${step}`,
  };
  const image = { src: pictureUrl(cell.id, 256), alt: `${step}: ${prompt}`, loading: "lazy" };
  return h("a", props, h("img", image), score(cell));
}

painted("samples", () => (/** @type {Value} */ { axis = "step", steps = [], prompts = [], cells, empty }) => {
  if (!prompts.length) return h("div", { class: "empty" }, empty ?? "No samples yet.");
  const style = { "grid-template-columns": `minmax(90px, 150px) repeat(${steps.length}, minmax(72px, 128px))` };
  const heads = steps.map((step) => h("span", { class: "col num" }, `${axis} ${step}`));
  const rows = prompts.map((prompt, r) => [
    h("span", { class: "row", title: prompt }, prompt),
    steps.map((step, c) => sample(cells[r][c], prompt, `${axis} ${step}`)),
  ]);
  return h("div", { class: "scroll" }, h("div", { class: "grid", style }, h("span"), heads, rows));
});
