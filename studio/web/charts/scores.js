// @ts-check
/** Scores of the sources above those of others, and the identity threshold through both. */

import { h } from "../core/dom.js";
import { count } from "../core/format.js";
import { bars, level, plot, upright, label } from "./plot.js";
import { binned, linear, multiples } from "./scale.js";

/** @import { CalibrationTold } from "../types.js" */

const WIDTH = 620;
const HEIGHT = 206;
const SIDE = 8;
const UPPER = 88;
const LOWER = 184;
const TALL = 70;
const BINS = 44;

/**
 * Where the axis begins and ends: on twentieths, with a little room beside the outermost score.
 * @param {CalibrationTold} calibration
 * @returns {[number, number]}
 */
function bounds(calibration) {
  const all = [...calibration.genuine, ...calibration.impostor, calibration.threshold];
  return [Math.floor(Math.min(...all) * 20 - 0.3) / 20, Math.min(1, Math.ceil(Math.max(...all) * 20 + 0.3) / 20)];
}

/**
 * @param {CalibrationTold} calibration
 * @param {[number, number]} axis
 */
function twoRows(calibration, [low, high]) {
  const start = linear(0, BINS, low, high);
  const row = (/** @type {number[]} */ scores, /** @type {number} */ base, /** @type {string} */ name) => [
    bars(binned(scores, low, high, BINS), { from: SIDE, to: WIDTH - SIDE, base, tall: TALL, gap: 0.6 }, (bin, n) => ({
      class: name,
      tip: `${n} from ${start(bin).toFixed(2)}`,
    })),
    level(base, [SIDE, WIDTH - SIDE], "axis"),
  ];
  return [row(calibration.genuine, UPPER, "good"), row(calibration.impostor, LOWER, "other")];
}

/**
 * @param {CalibrationTold} calibration
 * @returns {HTMLElement}
 */
export function scoresFigure(calibration) {
  const [low, high] = bounds(calibration);
  const x = linear(low, high, SIDE, WIDTH - SIDE);
  const rule = (/** @type {number} */ score, /** @type {string} */ name, top = 18) =>
    score >= low && score <= high && upright(x(score), [top, LOWER], name);
  const at = x(calibration.threshold);
  const left = at > WIDTH / 2; // the words of the calibration stand on its roomier side, the title on the other
  const spoken = `Scores: ${count(calibration.genuine.length, "source")} and ${count(calibration.impostor.length, "picture")} of others`;
  const title = `sources, each against the others (${calibration.genuine.length})`;
  const chart = plot(
    WIDTH,
    HEIGHT,
    { role: "img", "aria-label": spoken },
    twoRows(calibration, [low, high]),
    label(left ? SIDE : WIDTH - SIDE, 12, title, { "text-anchor": left ? "start" : "end" }),
    label(SIDE, 110, `others (${calibration.impostor.length})`),
    multiples(low, high, 0.1).map((t) => label(x(t), 202, t.toFixed(1), { "text-anchor": "middle" })),
    rule(calibration.tau, "tau"),
    rule(calibration.smallest, "small"),
    rule(calibration.threshold, "cut", 2),
    label(at + (left ? -5 : 5), 12, `the calibration, ${calibration.threshold.toFixed(2)}`, {
      class: "strong",
      "text-anchor": left ? "end" : "start",
    }),
  );
  return h("figure", {}, chart, h("figcaption", {}, "Dashed: the line by others (grey), the lowest source (green)."));
}
