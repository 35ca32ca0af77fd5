import assert from "node:assert/strict";
import { test } from "node:test";

import {
  binned,
  clamp,
  decades,
  extent,
  linear,
  niceTicks,
  rightShare,
  rocPoints,
  multiples,
} from "../../studio/web/charts/scale.js";

test("a scale is a line through two points, also for one value", () => {
  const x = linear(-1, 1, 0, 600);
  assert.deepEqual([-1, 0, 0.5, 1].map(x), [0, 300, 450, 600]);
  assert.equal(linear(2, 2, 0, 10)(2), 0);
});

test("shares lie by decades, and none below the least", () => {
  const x = decades(1e-3, 30, 210);
  assert.deepEqual(
    [0, 0.001, 0.01, 0.1, 1].map((v) => Math.round(x(v))),
    [30, 30, 90, 150, 210],
  );
});

test("the dot of the ROC says what the rates beside it say: 1 of 12 does not pass", () => {
  const scores = [0.5, ...Array(11).fill(0.9)];
  assert.equal(rightShare(scores, 0.5, { out: 1, total: 12 }), 11 / 12);
  assert.equal(rightShare([0.2, 0.8], 0.5, { out: 0, total: 0 }), 0.5);
});

test("each score falls into one bin; those outside into the first or the last", () => {
  const scores = [-5, 0, 0.09, 0.1, 0.5, 0.99, 1, 7];
  const counts = binned(scores, 0, 1, 10);
  assert.deepEqual(counts, [3, 1, 0, 0, 0, 1, 0, 0, 0, 3]);
  assert.equal(
    counts.reduce((a, b) => a + b),
    scores.length,
  );
});

test("ticks are round numbers inside the axis", () => {
  assert.deepEqual(niceTicks(0, 1000, 6), [0, 200, 400, 600, 800, 1000]);
  assert.deepEqual(
    niceTicks(0.013, 0.094, 4).map((t) => t.toFixed(3)),
    ["0.025", "0.050", "0.075"],
  );
});

test("multiples of a step are not lost to binary fractions", () => {
  assert.deepEqual(
    multiples(0.1, 0.7, 0.1).map((t) => t.toFixed(1)),
    ["0.1", "0.2", "0.3", "0.4", "0.5", "0.6", "0.7"],
  );
  assert.deepEqual(multiples(0.31, 0.39, 0.1), []);
});

test("the axis of a curve leaves out the highest values unless all are wanted", () => {
  const values = [...Array(99).keys(), 5000];
  assert.ok(extent(values, false)[1] < 200);
  assert.ok(extent(values, true)[1] > 5000);
  const [low, high] = extent([0.3], false);
  assert.ok(low < 0.3 && high > 0.3);
});

test("the ROC rises from (0, 0) to (1, 1) through every score", () => {
  const points = rocPoints([0.9, 0.8, 0.4], [0.5, 0.1]);
  assert.deepEqual(points[0], [0, 0]);
  assert.deepEqual(points.at(-1), [1, 1]);
  assert.deepEqual(points[2], [0, 2 / 3]);
  assert.deepEqual(points[3], [0.5, 2 / 3]);
  const rising = points.slice(1).every((p, n) => p[0] >= points[n][0] && p[1] >= points[n][1]);
  assert.ok(rising);
});

test("clamping", () => {
  assert.deepEqual(
    [-1, 0.5, 2].map((v) => clamp(v, 0, 1)),
    [0, 0.5, 1],
  );
});
