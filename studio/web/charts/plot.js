// @ts-check
/** What charts are drawn from: lines, words, bars, paths. */

import { svg } from "../core/dom.js";
import { clamp } from "./scale.js";

/** @import { Child, Props } from "../shapes.js" */

/**
 * @param {number} width
 * @param {number} height
 * @param {Props} props
 * @param {...Child} children
 */
export function plot(width, height, props, ...children) {
  return svg("svg", { viewBox: `0 0 ${width} ${height}`, ...props }, children);
}

/**
 * An upright line.
 * @param {number} x
 * @param {readonly [number, number]} span from y to y
 * @param {string} name its class
 * @param {...Child} children
 */
export function upright(x, [y1, y2], name, ...children) {
  return svg("line", { class: name, x1: x, x2: x, y1, y2 }, children);
}

/**
 * A level line.
 * @param {number} y
 * @param {readonly [number, number]} span from x to x
 * @param {string} name its class
 */
export function level(y, [x1, x2], name) {
  return svg("line", { class: name, x1, x2, y1: y, y2: y });
}

/**
 * @param {number} x
 * @param {number} y
 * @param {string} text
 * @param {Props} [props]
 */
export function words(x, y, text, props) {
  return svg("text", { x, y, ...props }, text);
}

/** @param {string} text */
export function tip(text) {
  return svg("title", {}, text);
}

/**
 * A broken line through points in the plot's units.
 * @param {readonly (readonly [number, number])[]} points
 */
export function through(points) {
  return points.map(([x, y], n) => `${n ? "L" : "M"}${x.toFixed(1)} ${y.toFixed(1)}`).join("");
}

/**
 * A staircase through points: first across, then up.
 * @param {readonly (readonly [number, number])[]} points
 */
export function stairs(points) {
  return points
    .map(([x, y], n) => (n ? `H${x.toFixed(1)}V${y.toFixed(1)}` : `M${x.toFixed(1)} ${y.toFixed(1)}`))
    .join("");
}

/**
 * Bars of a histogram that stand on `base`; the highest is `tall`. Empty bins have no bar.
 * @param {readonly number[]} counts
 * @param {{ from: number, to: number, base: number, tall: number, gap: number }} place
 * @param {(bin: number, count: number) => { class: string, tip?: string }} look
 * @returns {Child[]}
 */
export function bars(counts, { from, to, base, tall, gap }, look) {
  const top = Math.max(1, ...counts);
  const step = (to - from) / counts.length;
  return counts.map((n, bin) => {
    if (!n) return null;
    const { class: name, tip: told } = look(bin, n);
    const height = (n / top) * tall;
    const place = { x: from + bin * step + gap, y: base - height, width: step - 2 * gap, height, rx: 1 };
    return svg("rect", { class: name, ...place }, told ? tip(told) : null);
  });
}

/**
 * Where a pointer is over `node`, as a share of its width.
 * @param {PointerEvent} event
 * @param {Element} node
 */
export function across(event, node) {
  const box = node.getBoundingClientRect();
  return clamp((event.clientX - box.left) / box.width, 0, 1);
}
