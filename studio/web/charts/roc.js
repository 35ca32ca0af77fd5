// @ts-check
/** Right pictures that pass over others that pass, for every place the identity threshold could have. */

import { h, svg } from "../core/dom.js";
import { percent } from "../core/format.js";
import { level, plot, stairs, upright, label } from "./plot.js";
import { decades, linear, passShare, rightShare, rocPoints } from "./scale.js";

/** @import { CalibrationTold } from "../types.js" */

const SIZE = 210;
const LEFT = 30;
const BOTTOM = 24;
const EDGE = 8;
const LEAST = 1e-3;
const DOT = "The dot is the line: each right picture is held against the line that the others would give.";

const x = decades(LEAST, LEFT, SIZE - EDGE);
const y = linear(0, 1, SIZE - BOTTOM, EDGE);

function axes() {
  return [
    [0.001, 0.01, 0.1, 1].map((v) => [
      upright(x(v), [y(0), y(1)], "axis"),
      label(x(v), SIZE - 8, percent(v), { "text-anchor": v === 1 ? "end" : "middle" }),
    ]),
    [0, 0.5, 1].map((v) => [
      level(y(v), [LEFT, SIZE - EDGE], "axis"),
      label(LEFT - 4, y(v) + 4, String(100 * v), { "text-anchor": "end" }),
    ]),
  ];
}

/**
 * @param {CalibrationTold} calibration
 * @returns {HTMLElement}
 */
export function rocFigure({ genuine, impostor, threshold, auc, frr }) {
  const path = stairs(rocPoints(genuine, impostor).map(([others, right]) => [x(others), y(right)]));
  const here = { cx: x(passShare(impostor, threshold)), cy: y(rightShare(genuine, threshold, frr)), r: 4 };
  const area = auc === null ? "" : `area ${auc.toFixed(3)}`;
  const chart = plot(
    SIZE,
    SIZE,
    { role: "img", "aria-label": ["ROC", area].filter(Boolean).join(", ") },
    axes(),
    svg("path", { class: "curve", d: path }),
    svg("circle", { class: "dot", ...here }),
  );
  const told = `Right pictures that pass (%) over others that pass${area ? `; ${area}` : ""}. ${DOT}`;
  return h("figure", { class: "roc" }, chart, h("figcaption", {}, told));
}
