import assert from "node:assert/strict";
import { test } from "node:test";

import { act, neighbour } from "../../studio/web/pictures/keys.js";
import { valuesOf } from "../../studio/web/pictures/typed.js";

test("the picture beside one; none at the ends, or where it is alone", () => {
  const order = ["a", "b", "c"];
  assert.deepEqual([neighbour(order, "b", 1), neighbour(order, "b", -1)], ["c", "a"]);
  assert.deepEqual(
    [neighbour(order, "c", 1), neighbour(order, "a", -1), neighbour([], "a", 1)],
    Array(3).fill(undefined),
  );
});

test("keys of an open picture judge it, and where nothing is judged they only move", () => {
  const said = [];
  const judge = (...what) => said.push(what);
  const go = (way) => said.push(way);
  const keys = ["good", "reject", "correct", "clear"].map((action) => ({ action, key: "" }));
  const stars = [
    { action: "identity", key: "4" },
    { action: "edit", key: "0" },
  ];
  const all = [...keys, ...stars, { action: "next", key: "" }, { action: "previous", key: "" }];
  assert.deepEqual(
    all.map((found) => act(found, judge, go)),
    Array(8).fill(true),
  );
  assert.deepEqual(said, [
    ["label", "good"],
    ["label", "reject"],
    ["label", "needs_correction"],
    ["label", null],
    ["identity", 4],
    ["edit", null],
    1,
    -1,
  ]);
  assert.equal(act({ action: "good", key: "p" }, null, go), false);
  assert.equal(act({ action: "zoom", key: "z" }, judge, go), false);
});

test("typed values: numbers between commas or blanks, prompts one a line", () => {
  assert.deepEqual(valuesOf("guidance", " 2, 3.5;5\n"), ["2", "3.5", "5"]);
  assert.deepEqual(valuesOf("prompt", "a cat, red\n\n a dog "), ["a cat, red", "a dog"]);
  assert.deepEqual(valuesOf("steps", " , "), []);
});
