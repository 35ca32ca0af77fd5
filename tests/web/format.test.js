import assert from "node:assert/strict";
import { test } from "node:test";

import {
  capital,
  count,
  dotted,
  gigabytes,
  minutes,
  percent,
  percentRange,
  short,
} from "../../studio/web/core/format.js";

test("the time left is rough, and nothing when it is not known", () => {
  assert.equal(minutes(null), "");
  assert.equal(minutes(undefined), "");
  assert.equal(minutes(0.2), "1 s left");
  assert.equal(minutes(89), "89 s left");
  assert.equal(minutes(90), "about 2 min left");
  assert.equal(minutes(5399), "about 90 min left");
  assert.equal(minutes(5400), "about 1.5 h left");
});

test("percentages keep two digits that count below ten", () => {
  assert.deepEqual([0, 0.001, 0.0123, 0.0994, 0.0996, 0.5, 1].map(percent), [
    "0 %",
    "0.1 %",
    "1.2 %",
    "9.9 %",
    "10 %",
    "50 %",
    "100 %",
  ]);
  assert.equal(percentRange(0.001, 0.2), "0.1 to 20 %");
});

test("counts agree with their noun", () => {
  assert.deepEqual(
    [0, 1, 2].map((n) => count(n, "picture")),
    ["0 pictures", "1 picture", "2 pictures"],
  );
});

test("memory has about three digits", () => {
  assert.deepEqual([23.98, 1.234, 0.05].map(gigabytes), ["24.0 GB", "1.23 GB", "0.050 GB"]);
});

test("numbers of an axis are as short as they can be", () => {
  assert.deepEqual([0, 1000, 123.4, 0.5, 0.1 + 0.2, 0.025].map(short), ["0", "1000", "123", "0.5", "0.3", "0.025"]);
});

test("what says nothing has no dot", () => {
  assert.equal(dotted(["3 of 4", "", null, false, "paused"]), "3 of 4 · paused");
  assert.equal(capital("retry"), "Retry");
});
