import assert from "node:assert/strict";
import { test } from "node:test";

import { OwnValue } from "../../studio/web/core/own_value.js";
import { flipped, turned } from "../../studio/web/core/sets.js";

/** A value as Gradio holds it: Python may replace it at any time. */
function held(first) {
  const props = { value: first };
  const own = new OwnValue(
    () => props.value,
    (value) => (props.value = value),
  );
  return { props, own };
}

test("what the user changes is in the value at once, counted", () => {
  const { props, own } = held({ items: [1, 2], ticked: [] });
  own.set(() => ({ ticked: [1] }));
  own.set(() => ({ ticked: [1, 2] }));
  assert.deepEqual(props.value, { items: [1, 2], ticked: [1, 2], rev: 2 });
});

test("an answer that has not seen the last change does not take it back", () => {
  const { props, own } = held({ items: [1, 2], ticked: [], selected: "" });
  own.set(() => ({ ticked: [1] }));
  own.set(() => ({ selected: "x" }));
  props.value = { items: [1, 2, 3], ticked: [1], selected: "", rev: 1 };
  assert.equal(own.settle(), true);
  assert.deepEqual(props.value, { items: [1, 2, 3], ticked: [1], selected: "x", rev: 2 });
});

test("a picture that came with an older answer keeps its tick when another is taken out meanwhile", () => {
  const { props, own } = held({ items: [1], ticked: [1] });
  own.set(({ items, ticked }) => ({ ticked: turned(items, ticked, [1], false) }));
  assert.deepEqual(props.value, { items: [1], ticked: [], rev: 1 });
  props.value = { items: [1, 2], ticked: [1, 2] }; // asked for before
  assert.equal(own.settle(), true);
  assert.deepEqual(props.value, { items: [1, 2], ticked: [2], rev: 1 });
});

test("what Python has seen and decided otherwise is not done again", () => {
  const { props, own } = held({ ticked: [] });
  own.set(({ ticked }) => ({ ticked: [...ticked, 1] }));
  own.set(({ ticked }) => ({ ticked: [...ticked, 2] }));
  props.value = { ticked: [], rev: 1 };
  own.settle();
  assert.deepEqual(props.value, { ticked: [2], rev: 2 });
});

test("an answer that has seen everything stands", () => {
  const { props, own } = held({ ticked: [] });
  own.set(() => ({ ticked: [1] }));
  props.value = { ticked: [], rev: 1 };
  assert.equal(own.settle(), false);
  assert.deepEqual(props.value, { ticked: [], rev: 1 });
});

test("a value without a count is Python's own, until the user has changed something", () => {
  const { props, own } = held({});
  props.value = { ticked: [4] };
  assert.equal(own.settle(), false);
  own.set(() => ({ ticked: [] }));
  props.value = { ticked: [4] };
  assert.equal(own.settle(), true);
  assert.deepEqual(props.value, { ticked: [], rev: 1 });
});

test("a flipped set is a new one", () => {
  const before = new Set(["a"]);
  assert.deepEqual([...flipped(before, "b")], ["a", "b"]);
  assert.deepEqual([...flipped(before, "a")], []);
  assert.deepEqual([...before], ["a"]);
});

test("of what is ticked some are put in or taken out, in the order of all", () => {
  assert.deepEqual(turned(["a", "b", "c"], ["c"], ["a"], true), ["a", "c"]);
  assert.deepEqual(turned(["a", "b", "c"], ["a", "c", "gone"], ["a", "b"], false), ["c"]);
});
