import assert from "node:assert/strict";
import { test } from "node:test";

import { chosen, seeing } from "../../studio/web/enrich/beside_model.js";

test("of those that were chosen as many stay as the editor sees", () => {
  assert.deepEqual(seeing({ named: ["a", "b"] }, 1), { more: 1, named: ["a"] });
  assert.deepEqual(seeing({}, 2), { more: 2, named: [] });
  assert.deepEqual(seeing({ named: ["a"] }, 0), { more: 0, named: [] });
});

test("one too many takes the place of the first, and done again nothing changes", () => {
  assert.deepEqual(chosen({ more: 2, named: ["a", "b"] }, "c", true), { named: ["b", "c"] });
  assert.deepEqual(chosen({ more: 2, named: ["b", "c"] }, "c", true), { named: ["b", "c"] });
  assert.deepEqual(chosen({ more: 1, named: ["a"] }, "b", true), { named: ["b"] });
  assert.deepEqual(chosen({ more: 2, named: ["a", "b"] }, "a", false), { named: ["b"] });
});
