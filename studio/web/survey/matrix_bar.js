// @ts-check
/** The bar above the matrix: which survey, which axes, what is shown, what can be had of it. */

import { h } from "../core/dom.js";
import { icon } from "../core/icons.js";
import { address } from "../core/net.js";
import { button, select } from "../core/ui.js";
import { DIMENSIONS } from "./matrix_model.js";

/** @import { Child } from "../shapes.js" */
/** @import { MatrixModel } from "./matrix_model.js" */
/**
 * @typedef {object} Doors
 * @property {(change: () => void) => void} change changes the model and draws it
 * @property {(survey: string) => void} open
 * @property {() => void} compare
 * @property {() => void} picture
 */

/**
 * @param {string} id the survey's
 * @param {"html" | "md" | "csv" | "json"} form
 * @param {string} words
 * @param {string} title
 */
function reportLink(id, form, words, title) {
  const page = form === "html";
  const where = {
    href: address(`/survey-report/${id}?form=${form}`),
    target: page ? "_blank" : null,
    download: page ? null : "",
  };
  return h("a", { class: "fb quiet", rel: "noopener", title, ...where }, icon("download"), words);
}

/**
 * One value of the third dimension, or all of them.
 * @param {MatrixModel} model
 * @param {Doors} doors
 */
function filters(model, doors) {
  const chip = (/** @type {string} */ key, /** @type {string} */ words) => {
    const only = () => doors.change(() => (model.only = key));
    return button(words, only, { class: "chip", "aria-pressed": String(model.only === key) });
  };
  const values = model.values(model.third).map((v) => chip(v.key, v.words));
  return h("div", { class: "chips" }, chip("", `All ${DIMENSIONS[model.third]}`), values);
}

/**
 * @param {MatrixModel} model
 * @param {Doors} doors
 */
function axes(model, doors) {
  const rows = `Rows: ${DIMENSIONS[model.rows]}`;
  const blind = { "aria-pressed": String(model.blind), title: "Hide the names of the stacks, and what machines say" };
  return [
    button("Swap axes", () => doors.change(() => model.swap()), { icon: "swap", class: "quiet" }),
    button(rows, () => doors.change(() => model.turn()), { class: "quiet" }),
    button("Blind", () => doors.change(() => model.hideNames()), { icon: "eye", class: "quiet", ...blind }),
  ];
}

/**
 * @param {MatrixModel} model
 * @param {Doors} doors
 * @returns {Child}
 */
export function matrixBar(model, doors) {
  const { id, versions } = model.survey;
  const onchange = () => doors.open(choose.value);
  const choose = select(
    versions.map((v) => [v.id, v.version]),
    id,
    { "aria-label": "Survey", onchange },
  );
  const compare = { id: "matrix-compare", title: "A against B: slider, blink, difference (C in a cell)" };
  const picture = { id: "matrix-picture", title: "This matrix as one PNG, with its labels" };
  const report = "What was tested, how each stack did, the decision and its reasons: one page with pictures";
  return [
    choose,
    axes(model, doors),
    button("Compare", doors.compare, { icon: "split", class: "quiet", ...compare }),
    h("span", { class: "grow" }),
    button("Picture", doors.picture, { icon: "download", class: "quiet", ...picture }),
    reportLink(id, "html", "Report", report),
    reportLink(id, "md", "Markdown", "The same as a text"),
    reportLink(id, "csv", "CSV", "Every picture with its scores and your ratings, for a spreadsheet"),
    reportLink(id, "json", "JSON", "The same as data"),
    filters(model, doors),
  ];
}
