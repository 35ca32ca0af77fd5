// @ts-check
/** What the dialog of the identity threshold shows. */

import { rocFigure } from "../charts/roc.js";
import { scoresFigure } from "../charts/scores.js";
import { h } from "../core/dom.js";
import { count, percentRange } from "../core/format.js";
import { standing, usualScore } from "./status.js";

/** @import { Child } from "../shapes.js" */
/** @import { CalibrationTold, ThresholdsTold } from "../types.js" */

/**
 * @param {string[]} head
 * @param {string[][]} rows
 */
function table(head, rows) {
  const cell = (/** @type {string} */ text, /** @type {number} */ n) =>
    n ? h("td", {}, text) : h("th", { scope: "row" }, text);
  return h(
    "table",
    { class: "th-table" },
    h(
      "thead",
      {},
      h(
        "tr",
        {},
        head.map((text) => h("th", { scope: "col" }, text)),
      ),
    ),
    h(
      "tbody",
      {},
      rows.map((row) => h("tr", {}, row.map(cell))),
    ),
  );
}

/**
 * @param {string} number
 * @param {string} words
 * @param {string} [title]
 */
function fact(number, words, title = "") {
  return h("div", { class: "fact", title }, h("b", {}, number), h("span", {}, words));
}

/** @param {CalibrationTold} calibration */
function numbers({ threshold, floor, impostors, far_low, far_high, frr }) {
  const passing = impostors ? percentRange(far_low, far_high) : "not known";
  const failing = frr.total ? percentRange(frr.low, frr.high) : "not known";
  return h(
    "div",
    { class: "th-facts" },
    fact(threshold.toFixed(2), "right from here on"),
    fact(floor > -1 ? floor.toFixed(2) : "never", "someone else below"),
    fact(passing, "others that pass", "false accepts (FAR) of the line by others, 95 % interval"),
    fact(failing, `right ones that do not pass (${frr.out} of ${frr.total})`, "false rejects (FRR), 95 % interval"),
  );
}

/** @param {CalibrationTold} calibration */
function rejects({ rejects: found }) {
  const head = ["angle", "pictures", "do not pass", "95 % interval", "someone else"];
  const row = (/** @type {CalibrationTold["rejects"][number]} */ r) =>
    [r.angle, r.total, r.not_passed, percentRange(r.low, r.high), r.failed].map(String);
  return h("section", {}, h("h3", {}, "Right pictures that do not pass, by angle"), table(head, found.map(row)));
}

/** @param {CalibrationTold} calibration */
function closest(calibration) {
  const usual = usualScore(calibration);
  const row = (/** @type {[string, number]} */ [who, score]) => [
    who,
    `${score.toFixed(2)}${score >= usual ? " (the same person?)" : ""}`,
  ];
  const body = calibration.closest.length
    ? table(["who", "highest score"], calibration.closest.map(row))
    : h("p", { class: "dim" }, "Nobody.");
  return h("section", {}, h("h3", {}, "Others that come closest"), body);
}

/**
 * @param {CalibrationTold} calibration
 * @param {ThresholdsTold} data
 * @returns {Child}
 */
function drawn(calibration, data) {
  const { tone, title, words } = standing(calibration, data.waiting);
  const both = calibration.genuine.length && calibration.impostor.length;
  return [
    h("p", { class: `th-state ${tone}` }, h("b", {}, title), words ? ` ${words}` : ""),
    numbers(calibration),
    h("p", { class: "th-why" }, calibration.words),
    calibration.remarks.map((remark) => h("p", { class: "th-remark" }, remark)),
    both ? h("div", { class: "th-figures" }, scoresFigure(calibration), rocFigure(calibration)) : null,
    h("div", { class: "th-two" }, rejects(calibration), closest(calibration)),
  ];
}

/** @param {ThresholdsTold} data */
function nothingYet({ character, start, worth }) {
  const value = start === null ? "a starting value" : `a starting value, ${start.toFixed(2)} for a pair of pictures`;
  return h(
    "div",
    { class: "th-none" },
    h(
      "p",
      {},
      h("b", {}, `No calibration has been drawn for ${character} yet. `),
      `Until then pictures are called right or wrong by ${value}, the same for everybody.`,
    ),
    worth ? h("p", { id: "threshold-worth" }, worth) : null,
    h(
      "p",
      { class: "dim" },
      "Calibrating holds each source against the others, and pictures of other people against all of them. ",
      "The line comes to lie where at most 1 of 100 others would pass.",
    ),
  );
}

/** @param {ThresholdsTold} data */
function needs({ blocker, weak, sources, others }) {
  if (blocker) return h("p", { class: "th-state warn" }, h("b", {}, "Not yet. "), blocker);
  if (weak.length) {
    const list = h(
      "ul",
      {},
      weak.map((words) => h("li", {}, words)),
    );
    return h("div", { class: "th-state warn" }, h("b", {}, "It can be drawn, but it would not be used:"), list);
  }
  return h(
    "p",
    { class: "dim" },
    `There is enough: ${count(sources, "source")}, held against ${count(others, "other")}.`,
  );
}

/**
 * The body of the dialog.
 * @param {ThresholdsTold} data
 * @param {CalibrationTold | undefined} calibration
 * @returns {Child}
 */
export function thresholdBody(data, calibration) {
  const failed = `The last calibration failed: ${data.failed}`;
  return [
    data.failed ? h("p", { class: "problem", role: "alert" }, failed) : null,
    calibration ? drawn(calibration, data) : nothingYet(data),
    !calibration || data.blocker || data.weak.length ? needs(data) : null,
  ];
}
