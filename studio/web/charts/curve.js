// @ts-check
/** Curves over training steps: as measured (faint), smoothed, single pictures as dots, fixed pictures as rings. */

import { h, put, svg } from "../core/dom.js";
import { short } from "../core/format.js";
import { painted } from "../core/island.js";
import { across, level, plot, through, tip, upright, words } from "./plot.js";
import { extent, linear, niceTicks } from "./scale.js";

/** @import { Child } from "../shapes.js" */
/**
 * @typedef {[number, number]} Point step and value
 * @typedef {{ name: string, raw: Point[], smooth: Point[], fixed?: Point[], dots?: [number, number, string][], faded?: boolean }} Series
 * @typedef {{ value: number, words: string }} Rule
 * @typedef {{ series?: Series[], title?: string, total?: number, rule?: Rule | null, whole?: boolean, digits?: number, empty?: string }} Value
 * @typedef {{ x: (step: number) => number, y: (value: number) => number, steps: [number, number], values: [number, number] }} Axes
 */

const WIDTH = 640;
const HEIGHT = 240;
const LEFT = 46;
const BOTTOM = 26;
const EDGE = 10;
const OUT_OF_SIGHT = -9;

/**
 * @param {Series[]} lines
 * @param {Value} value
 * @returns {Axes}
 */
function axes(lines, { total, rule, whole }) {
  const all = lines.flatMap((s) => [...s.raw, ...(s.fixed ?? []), ...(s.dots ?? [])]);
  const at = all.map((p) => p[0]);
  const values = extent([...all.map((p) => p[1]), ...(rule ? [rule.value] : [])], Boolean(whole));
  /** @type {[number, number]} */
  const steps = [Math.min(0, ...at), Math.max(total ?? 0, ...at)];
  const y = linear(values[0], values[1], HEIGHT - BOTTOM, EDGE);
  return {
    x: linear(steps[0], steps[1], LEFT, WIDTH - EDGE),
    y: (value) => y(Math.min(value, values[1])),
    steps,
    values,
  };
}

/**
 * @param {Axes} axes
 * @returns {Child[]}
 */
function scales({ x, y, steps, values }) {
  const inside = niceTicks(steps[0], steps[1], 6).filter((t) => x(t) < WIDTH - EDGE - 30);
  return [
    niceTicks(values[0], values[1], 4).map((t) => [
      level(y(t), [LEFT, WIDTH - EDGE], "rule"),
      words(LEFT - 7, y(t) + 3.5, short(t), { class: "ytick" }),
    ]),
    inside.map((t) => words(x(t), HEIGHT - 8, short(t), { class: "xtick" })),
    words(WIDTH - EDGE, HEIGHT - 8, "step", { class: "unit" }),
  ];
}

/**
 * @param {Series} line
 * @param {Axes} axes
 * @param {number} digits
 * @returns {Child[]}
 */
function drawn(line, { x, y }, digits) {
  const faded = line.faded ? " faded" : "";
  const path = (/** @type {Point[]} */ points) => through(points.map((p) => [x(p[0]), y(p[1])]));
  const fixed = line.fixed ?? [];
  const dot = (
    /** @type {readonly [number, number, ...any]} */ p,
    /** @type {string} */ name,
    /** @type {number} */ r,
  ) => ({ cx: x(p[0]), cy: y(p[1]), r, class: name + faded });
  return [
    (line.dots ?? []).map((p) =>
      svg("circle", dot(p, "one", 2.6), tip(`${p[2]}: ${p[1].toFixed(digits)} at step ${p[0]}`)),
    ),
    svg("path", { d: path(line.raw), class: `raw${faded}` }),
    svg("path", { d: path(line.smooth), class: `smooth${faded}` }),
    fixed.length > 1 ? svg("path", { d: path(fixed), class: `fixed${faded}` }) : null,
    fixed.map((p) =>
      svg(
        "circle",
        dot(p, "point", 3),
        tip(`${line.name}, fixed pictures and noise: ${p[1].toFixed(4)} at step ${p[0]}`),
      ),
    ),
  ];
}

/**
 * @param {Series[]} lines
 * @returns {Child[]}
 */
function legend(lines) {
  const ring = (/** @type {string} */ text) => h("span", { class: "legend" }, h("i", { class: "ring" }), text);
  return [
    lines.map((s) => h("span", { class: "legend" }, h("i", { class: s.faded ? "faded" : null }), s.name)),
    lines.some((s) => s.dots?.length) ? ring("one picture") : null,
    lines.some((s) => s.fixed?.length) ? ring("fixed pictures and noise") : null,
  ];
}

/**
 * The point of a line that is nearest to a step.
 * @param {Point[]} points
 * @param {number} step
 * @returns {Point}
 */
export function nearest(points, step) {
  return points.reduce((a, p) => (Math.abs(p[0] - step) < Math.abs(a[0] - step) ? p : a));
}

/**
 * Tells in `read` the value under the pointer; the newest one while there is no pointer.
 * @param {SVGSVGElement} chart
 * @param {SVGLineElement} cursor
 * @param {HTMLElement} read
 * @param {{ lines: Series[], axes: Axes, digits: number }} what
 */
function follow(chart, cursor, read, { lines, axes: { x, steps }, digits }) {
  const place = (/** @type {number} */ at) => ["x1", "x2"].forEach((name) => cursor.setAttribute(name, String(at)));
  const stepAt = linear(LEFT, WIDTH - EDGE, steps[0], steps[1]);
  const rest = () => {
    const last = lines[lines.length - 1];
    put(read, `${last.smooth[last.smooth.length - 1][1].toFixed(digits)} at step ${last.raw[last.raw.length - 1][0]}`);
    place(OUT_OF_SIGHT);
  };
  chart.addEventListener("pointermove", (event) => {
    const step = stepAt(across(event, chart) * WIDTH);
    const near = lines.map((s) => ({ name: lines.length > 1 ? `${s.name} ` : "", point: nearest(s.smooth, step) }));
    place(x(near[0].point[0]));
    put(read, near.map((n) => `${n.name}${n.point[1].toFixed(digits)} at step ${n.point[0]}`).join("   "));
  });
  chart.addEventListener("pointerleave", rest);
  rest();
}

painted("curve", () => (/** @type {Value} */ value) => {
  const lines = (value.series ?? []).filter((s) => s.raw.length);
  if (!lines.length) return h("div", { class: "empty tall" }, value.empty ?? "No curve yet.");
  const digits = value.digits ?? 4;
  const title = value.title ?? "loss";
  const on = axes(lines, value);
  const cursor = upright(OUT_OF_SIGHT, [EDGE, HEIGHT - BOTTOM], "cursor");
  const rule = value.rule && [
    level(on.y(value.rule.value), [LEFT, WIDTH - EDGE], "mark"),
    words(WIDTH - EDGE, on.y(value.rule.value) - 4, value.rule.words, { class: "unit" }),
  ];
  const look = { class: "chart", role: "img", "aria-label": `${title} over steps` };
  const chart = plot(
    WIDTH,
    HEIGHT,
    look,
    scales(on),
    rule,
    lines.map((s) => drawn(s, on, digits)),
    cursor,
  );
  const read = h("span", { class: "num quiet" });
  follow(chart, cursor, read, { lines, axes: on, digits });
  return [h("div", { class: "pt-head" }, h("b", {}, title), legend(lines), h("span", { class: "read" }, read)), chart];
});
