import assert from "node:assert/strict";
import { test } from "node:test";

import { Held } from "../../studio/web/core/held.js";

const later = () => new Promise((done) => setTimeout(done));

test("what is drawn anew waits while the pointer is pressed on it, and is drawn once, as it is then", async () => {
  const [root, page, drawn] = [new EventTarget(), new EventTarget(), []];
  const held = new Held(root, page);
  held.draw(() => drawn.push("at once"));
  root.dispatchEvent(new Event("pointerdown"));
  held.draw(() => drawn.push("old"));
  held.draw(() => drawn.push("new"));
  page.dispatchEvent(new Event("pointerup"));
  assert.deepEqual(drawn, ["at once"], "the click comes first");
  await later();
  assert.deepEqual(drawn, ["at once", "new"]);
  held.draw(() => drawn.push("after"));
  assert.deepEqual(drawn, ["at once", "new", "after"]);
});

test("a pointer that is pressed elsewhere holds nothing", async () => {
  const [root, page, drawn] = [new EventTarget(), new EventTarget(), []];
  const held = new Held(root, page);
  page.dispatchEvent(new Event("pointerdown"));
  held.draw(() => drawn.push(1));
  assert.deepEqual(drawn, [1]);
});

test("a drag, which cancels the pointer, holds until its end", async () => {
  const [root, page, drawn] = [new EventTarget(), new EventTarget(), []];
  const held = new Held(root, page);
  root.dispatchEvent(new Event("pointerdown"));
  root.dispatchEvent(new Event("dragstart"));
  page.dispatchEvent(new Event("pointercancel"));
  await later();
  held.draw(() => drawn.push(1));
  assert.deepEqual(drawn, []);
  page.dispatchEvent(new Event("dragend"));
  assert.deepEqual(drawn, [1]);
});

test("a pointer that was let go outside the page holds no longer than until it is back", () => {
  const [root, page, drawn] = [new EventTarget(), new EventTarget(), []];
  const held = new Held(root, page);
  const moved = (buttons) => page.dispatchEvent(Object.assign(new Event("pointermove"), { buttons }));
  root.dispatchEvent(new Event("pointerdown"));
  held.draw(() => drawn.push(1));
  moved(1);
  assert.deepEqual(drawn, []);
  moved(0);
  assert.deepEqual(drawn, [1]);
});
