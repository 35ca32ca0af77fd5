import assert from "node:assert/strict";
import { test } from "node:test";

import { beforeAfterStep, changed, placed, weightOf, without } from "../../studio/web/loras/rows.js";

const rows = ["a", "b", "c"].map((id) => ({ id, weight: 1 }));
const ids = (of) => of.map((row) => row.id).join("");

test("a row is placed before another, or last, and done again it stays there", () => {
  assert.equal(ids(placed(rows, "c", "a")), "cab");
  assert.equal(ids(placed(placed(rows, "c", "a"), "c", "a")), "cab");
  assert.equal(ids(placed(rows, "a", undefined)), "bca");
  assert.equal(ids(placed(rows, "a", "gone")), "bca");
  assert.equal(ids(placed(rows, "a", "a")), "abc");
  assert.equal(ids(placed(rows, "gone", "a")), "abc");
});

test("a step up or down is a place, and ends at the ends", () => {
  const step = (id, by) => ids(placed(rows, id, beforeAfterStep(rows, id, by)));
  assert.equal(step("b", -1), "bac");
  assert.equal(step("b", 1), "acb");
  assert.equal(step("a", 1), "bac");
  assert.equal(step("a", -1), "abc");
  assert.equal(step("c", 1), "abc");
});

test("what is said of one row is of that one, on whatever rows there are then", () => {
  assert.deepEqual(changed(rows, "b", { weight: 0.5 })[1], { id: "b", weight: 0.5 });
  assert.equal(ids(without(rows, "b")), "ac");
  assert.equal(ids(without(rows, "gone")), "abc");
});

test("a weight is a number within the slider, else what it was", () => {
  assert.equal(weightOf("0,65", 2, 1), 0.65);
  assert.equal(weightOf(" -7 ", 2, 1), -2);
  assert.equal(weightOf("0.123456", 2, 1), 0.12);
  assert.equal(weightOf("", 2, 0.4), 0.4);
  assert.equal(weightOf("x", 2, 0.4), 0.4);
});
