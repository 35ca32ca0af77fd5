// @ts-check
/** Scores of the sources above those of others, and the identity line through both. */

import { h } from "../core/dom.js";
import { count } from "../core/format.js";
import { bars, level, plot, upright, words } from "./plot.js";
import { binned, linear, steps } from "./scale.js";

/** @import { Line } from "../shapes.js" */

const WIDTH = 620;
const HEIGHT = 206;
const SIDE = 8;
const UPPER = 88;
const LOWER = 184;
const TALL = 70;
const BINS = 44;

/**
 * Where the axis begins and ends: on twentieths, with a little room beside the outermost score.
 * @param {Line} line
 * @returns {[number, number]}
 */
function bounds(line) {
  const all = [...line.genuine, ...line.impostor, line.threshold];
  return [Math.floor(Math.min(...all) * 20 - 0.3) / 20, Math.min(1, Math.ceil(Math.max(...all) * 20 + 0.3) / 20)];
}

/**
 * @param {Line} line
 * @param {[number, number]} axis
 */
function twoRows(line, [low, high]) {
  const start = linear(0, BINS, low, high);
  const row = (/** @type {number[]} */ scores, /** @type {number} */ base, /** @type {string} */ name) => [
    bars(binned(scores, low, high, BINS), { from: SIDE, to: WIDTH - SIDE, base, tall: TALL, gap: 0.6 }, (bin, n) => ({
      class: name,
      tip: `${n} from ${start(bin).toFixed(2)}`,
    })),
    level(base, [SIDE, WIDTH - SIDE], "axis"),
  ];
  return [row(line.genuine, UPPER, "good"), row(line.impostor, LOWER, "other")];
}

/**
 * @param {Line} line
 * @returns {HTMLElement}
 */
export function scoresFigure(line) {
  const [low, high] = bounds(line);
  const x = linear(low, high, SIDE, WIDTH - SIDE);
  const rule = (/** @type {number} */ score, /** @type {string} */ name, top = 18) =>
    score >= low && score <= high && upright(x(score), [top, LOWER], name);
  const at = x(line.threshold);
  const left = at > WIDTH / 2; // the words of the line stand on its roomier side, the title on the other
  const label = `Scores: ${count(line.genuine.length, "source")} and ${count(line.impostor.length, "picture")} of others`;
  const title = `sources, each against the others (${line.genuine.length})`;
  const chart = plot(
    WIDTH,
    HEIGHT,
    { role: "img", "aria-label": label },
    twoRows(line, [low, high]),
    words(left ? SIDE : WIDTH - SIDE, 12, title, { "text-anchor": left ? "start" : "end" }),
    words(SIDE, 110, `others (${line.impostor.length})`),
    steps(low, high, 0.1).map((t) => words(x(t), 202, t.toFixed(1), { "text-anchor": "middle" })),
    rule(line.tau, "tau"),
    rule(line.smallest, "small"),
    rule(line.threshold, "cut", 2),
    words(at + (left ? -5 : 5), 12, `the line, ${line.threshold.toFixed(2)}`, {
      class: "strong",
      "text-anchor": left ? "end" : "start",
    }),
  );
  return h("figure", {}, chart, h("figcaption", {}, "Dashed: the line by others (grey), the lowest source (green)."));
}
