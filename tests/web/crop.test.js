import assert from "node:assert/strict";
import test from "node:test";

import { fromFields, moved, SHORTEST, stretched } from "../../studio/web/crop/boxes.js";

const SIZE = { width: 400, height: 300 };

test("a part that is moved keeps its size and stays in the picture", () => {
  assert.deepEqual(moved([10, 10, 110, 60], 5, -3, SIZE), [15, 7, 115, 57]);
  assert.deepEqual(moved([10, 10, 110, 60], -50, 900, SIZE), [0, 250, 100, 300]);
  assert.deepEqual(moved([0, 0, 400, 300], 7, 7, SIZE), [0, 0, 400, 300]);
});

test("a side that is moved neither leaves the picture nor crosses the other", () => {
  assert.deepEqual(stretched([10, 10, 110, 60], "right bottom", 900, 900, SIZE), [10, 10, 400, 300]);
  assert.deepEqual(stretched([10, 10, 110, 60], "left", 900, 900, SIZE), [110 - SHORTEST, 10, 110, 60]);
  assert.deepEqual(stretched([10, 10, 110, 60], "right top", -900, -4, SIZE), [10, 6, 10 + SHORTEST, 60]);
});

test("numbers that lead out of the picture are put right", () => {
  assert.deepEqual(fromFields([5, 6, 100, 90], SIZE), [5, 6, 105, 96]);
  assert.deepEqual(fromFields([-5, 1000, 1e9, NaN], SIZE), [0, 300 - SHORTEST, 400, 300]);
});
