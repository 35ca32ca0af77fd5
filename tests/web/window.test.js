import assert from "node:assert/strict";
import { test } from "node:test";

import { filmStart, layoutOf, placeOf, rowsInSight, scrolledTo } from "../../studio/web/review/window.js";

const LAYOUT = { columns: 8, side: 150 };

test("as many cells as fit, filling the width", () => {
  assert.deepEqual(layoutOf(1200), LAYOUT);
  assert.deepEqual(layoutOf(1279), { columns: 8, side: 159 });
  assert.deepEqual(layoutOf(90), { columns: 1, side: 90 });
});

test("of ten thousand pictures only the rows in sight are in the page, and two more on each side", () => {
  assert.deepEqual(rowsInSight(LAYOUT, { top: 0, height: 600 }, 10_000), [0, 48]);
  assert.deepEqual(rowsInSight(LAYOUT, { top: 15_000, height: 600 }, 10_000), [784, 848]);
  assert.deepEqual(rowsInSight(LAYOUT, { top: 187_000, height: 600 }, 10_000), [9952, 10_000]);
});

test("a page without a layout, or without pictures, shows none", () => {
  assert.deepEqual(rowsInSight({ columns: 1, side: 0 }, { top: 0, height: 0 }, 10), [0, 0]);
  assert.deepEqual(rowsInSight(LAYOUT, { top: 3000, height: 600 }, 3), [3, 3]);
});

test("places go row by row", () => {
  assert.deepEqual(
    [0, 7, 8, 17].map((at) => placeOf(LAYOUT, at)),
    [
      { x: 0, y: 0 },
      { x: 1050, y: 0 },
      { x: 0, y: 150 },
      { x: 150, y: 300 },
    ],
  );
});

test("a picture comes into sight with the least scrolling", () => {
  const view = { top: 300, height: 450 };
  assert.equal(scrolledTo(LAYOUT, view, 8), 150);
  assert.equal(scrolledTo(LAYOUT, view, 16), 300);
  assert.equal(scrolledTo(LAYOUT, view, 39), 300);
  assert.equal(scrolledTo(LAYOUT, view, 40), 450);
});

test("the film keeps the present picture in the middle, except at the ends", () => {
  assert.deepEqual(
    [0, 3, 50, 98, 99].map((at) => filmStart(at, 7, 100)),
    [0, 0, 47, 93, 93],
  );
  assert.equal(filmStart(2, 7, 4), 0);
});
