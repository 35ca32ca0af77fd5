import assert from "node:assert/strict";
import { test } from "node:test";

import { nextOpen, tagOf, TAGS } from "../../studio/web/tags/keys.js";

const press = (key, more = {}) => ({ key, code: "", ...more });

test("every value has one key of its own", () => {
  const keys = TAGS.flatMap(({ values }) => values.map(([key]) => key));
  assert.equal(new Set(keys).size, keys.length);
  for (const { tag, values } of TAGS)
    for (const [key, value] of values) assert.deepEqual(tagOf(press(key)), { tag, value });
  assert.deepEqual(tagOf(press("W")), { tag: "expression", value: "smiling" });
  assert.deepEqual(tagOf({ key: "&", code: "Digit1" }), { tag: "angle", value: "profile-left" });
});

test("keys of the browser and of other hands are left alone", () => {
  for (const more of [{ ctrlKey: true }, { altKey: true }, { metaKey: true }, { isComposing: true }])
    assert.equal(tagOf(press("a", more)), null);
  assert.equal(tagOf(press("z")), null);
});

test("the next picture that lacks a tag, round the end", () => {
  const picture = (value) => ({ tags: { angle: { value: "front" }, expression: { value } } });
  const pictures = [picture("unsure"), picture("sad"), picture("unsure")];
  assert.deepEqual(
    [0, 1, 2, 3].map((at) => nextOpen(pictures, at)),
    [0, 2, 2, 0],
  );
  assert.equal(nextOpen([picture("sad")], 0), -1);
  assert.equal(nextOpen([], 0), -1);
});
