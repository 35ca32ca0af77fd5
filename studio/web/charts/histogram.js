// @ts-check
/** Identity scores as a histogram with a cut line that can be dragged. */

import { h, one, svg } from "../core/dom.js";
import { painted } from "../core/island.js";
import { announce } from "../core/status.js";
import { across, bars, level, plot, tip, upright } from "./plot.js";
import { binned, clamp, linear, multiples } from "./scale.js";

/** @import { Painter } from "../core/island.js" */
/**
 * @typedef {object} Value
 * @property {number[]} scores
 * @property {number} unmeasured
 * @property {number} cut
 * @property {number | null} threshold
 * @property {number} low
 * @property {number} high
 * @property {boolean} [moved] the user has taken the line in hand
 * @property {string} empty
 */

const WIDTH = 600;
const HEIGHT = 76;
const BASE = 72;
const TOP = 10;
const BINS = 44;
const KEYS = new Map([
  ["ArrowLeft", -0.01],
  ["ArrowRight", 0.01],
  ["PageDown", -0.05],
  ["PageUp", 0.05],
]);

/**
 * How many pass, in words; pictures that could not be measured do not.
 * @param {Value} value
 * @returns {string}
 */
export function passWords({ scores, unmeasured, cut }) {
  const all = scores.length + (unmeasured || 0);
  const n = scores.filter((s) => s >= cut).length;
  const share = all ? ` (${Math.round((100 * n) / all)} %)` : "";
  return `${n} of ${all} pass${share} at ${cut.toFixed(2)}`;
}

/** @param {Value} value */
function chart({ scores, cut, threshold, low, high }) {
  const x = linear(low, high, 0, WIDTH);
  const middle = linear(0, BINS, low, high);
  const look = (/** @type {number} */ bin) => ({ class: middle(bin + 0.5) >= cut ? "pt-bar in" : "pt-bar" });
  const known = threshold !== null && threshold !== undefined;
  return plot(
    WIDTH,
    HEIGHT,
    { preserveAspectRatio: "none", class: "chart" },
    level(BASE, [0, WIDTH], "axis"),
    bars(binned(scores, low, high, BINS), { from: 0, to: WIDTH, base: BASE, tall: BASE - TOP, gap: 0.75 }, look),
    known && upright(x(threshold), [6, BASE], "threshold", tip(`calibrated threshold ${threshold.toFixed(2)}`)),
    upright(x(cut), [0, BASE + 4], "cut"),
    svg("rect", { x: x(cut) - 14, y: 0, width: 28, height: HEIGHT, class: "grab" }),
  );
}

/** @param {Value} value */
function ticks({ low, high }) {
  const share = linear(low, high, 0, 100);
  const tick = (/** @type {number} */ t) => h("span", { style: { left: `${share(t)}%` } }, t.toFixed(1));
  return h("div", { class: "ticks num", "aria-hidden": "true" }, multiples(low, high, 0.1).map(tick));
}

/**
 * Who shows these pictures dims what is below the line while it is moved; before that nothing is dimmed.
 * @param {Partial<Value>} value
 */
function tellCut(value) {
  announce("flen:cut", { cut: value.moved && value.scores?.length ? value.cut : null });
}

/** The cut line in the user's hand: pointer and keys. */
class CutLine {
  /** @param {Painter} painter */
  constructor(painter) {
    this.painter = painter;
  }

  get plot() {
    return one(this.painter.root, ".plot");
  }

  /**
   * @param {number} score
   * @param {boolean} done it was let go: Python hears of it
   */
  move(score, done) {
    const { low, high } = this.painter.value();
    const cut = Math.round(clamp(score, low, high) * 1000) / 1000;
    this.painter.set(() => ({ moved: true, cut }));
    this.painter.draw();
    if (!done) return;
    this.painter.trigger("cut", { cut });
    this.plot.focus();
  }

  /** @param {PointerEvent} event */
  grab(event) {
    event.preventDefault();
    const { low, high } = this.painter.value();
    const at = (/** @type {PointerEvent} */ e) => low + across(e, this.plot) * (high - low);
    const slide = (/** @type {PointerEvent} */ e) => this.move(at(e), false);
    const stop = (/** @type {PointerEvent} */ e) => {
      document.removeEventListener("pointermove", slide);
      this.move(at(e), true);
    };
    document.addEventListener("pointermove", slide);
    document.addEventListener("pointerup", stop, { once: true });
    slide(event);
  }

  /** @param {KeyboardEvent} event */
  key(event) {
    const way = KEYS.get(event.key);
    if (!way) return;
    event.preventDefault();
    this.move(this.painter.value().cut + way, true);
  }
}

painted("histogram", (painter) => {
  const line = new CutLine(painter);
  return (/** @type {Value} */ value) => {
    tellCut(value);
    if (!value.scores?.length) return h("div", { class: "empty" }, value.empty ?? "No scores yet.");
    const said = passWords(value);
    const slider = {
      class: "plot",
      role: "slider",
      tabindex: 0,
      "aria-label": "identity cut",
      "aria-valuetext": said,
      "aria-valuemin": value.low.toFixed(2),
      "aria-valuemax": value.high.toFixed(2),
      "aria-valuenow": value.cut.toFixed(2),
      onpointerdown: (/** @type {PointerEvent} */ e) => line.grab(e),
      onkeydown: (/** @type {KeyboardEvent} */ e) => line.key(e),
    };
    const grip = h("i", { class: "grip", style: { left: `${linear(value.low, value.high, 0, 100)(value.cut)}%` } });
    const hint = value.unmeasured ? `${value.unmeasured} could not be measured` : "drag the line";
    return [
      h("p", { class: "pt-head" }, h("b", { class: "num" }, said), h("span", { class: "quiet" }, hint)),
      h("div", slider, chart(value), grip, ticks(value)),
    ];
  };
});
