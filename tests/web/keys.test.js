import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";

import { caps, keyAction, KEYS } from "../../studio/web/review/keys.js";

const press = (key, more = {}) => ({ key, code: "", ...more });
const digit = (n, more = {}) => ({ key: String(n), code: `Digit${n}`, ...more });
const action = (event) => keyAction(event)?.action;

test("letters, arrows and signs", () => {
  assert.deepEqual(
    ["p", "a", "x", "n", "u", "f", "?", "Escape", "ArrowRight", "j", " "].map((k) => action(press(k))),
    ["good", "good", "reject", "correct", "clear", "failure", "help", "escape", "next", "next", "next"],
  );
  assert.equal(action(press("P", { shiftKey: true })), "good"); // with caps lock or Shift it is the same key
  assert.equal(action(press("?", { shiftKey: true })), "help");
});

test("digits rate by their place on the keyboard, whatever Shift makes of them", () => {
  assert.deepEqual(keyAction(digit(3)), { action: "identity", key: "3" });
  assert.deepEqual(keyAction({ key: "\u00a7", code: "Digit3", shiftKey: true }), { action: "edit", key: "3" });
  assert.equal(action(digit(0)), "identity");
  assert.equal(action(digit(7)), undefined);
});

test("Ctrl and Cmd are one; undo and redo", () => {
  assert.equal(action(press("z", { ctrlKey: true })), "undo");
  assert.equal(action(press("z", { metaKey: true })), "undo");
  assert.equal(action(press("Z", { ctrlKey: true, shiftKey: true })), "redo");
  assert.equal(action(press("y", { ctrlKey: true })), "redo");
  assert.equal(action(press("Enter", { ctrlKey: true })), "submit");
  assert.equal(action(press("z")), "zoom");
});

test("keys of the browser and of an input method are not ours", () => {
  assert.equal(keyAction(press("p", { altKey: true })), null);
  assert.equal(keyAction(press("p", { ctrlKey: true })), null);
  assert.equal(keyAction(press("p", { isComposing: true })), null);
  assert.equal(keyAction(press("F5")), null);
});

test("no key means two things", () => {
  const all = KEYS.flatMap((g) => g.entries).flatMap((e) => e.keys.split(" "));
  assert.equal(new Set(all).size, all.length);
});

test("every action of the table does something", () => {
  const keyboard = readFileSync(new URL("../../studio/web/review/keyboard.js", import.meta.url), "utf8");
  const done = new Set([...keyboard.matchAll(/^ {4}(\w+): \(/gm)].map((m) => m[1]));
  const named = new Set(KEYS.flatMap((g) => g.entries).map((e) => e.action));
  assert.deepEqual([...done].sort(), [...named].sort());
});

test("the help writes keys as they are on the caps", () => {
  assert.deepEqual(caps("ArrowRight j"), ["→", "J"]);
  assert.deepEqual(caps("1 2 3 4 5"), ["1-5"]);
  assert.deepEqual(caps("Shift+1 Shift+2 Shift+3 Shift+4 Shift+5"), ["Shift+1-5"]);
  assert.deepEqual(caps("Ctrl+Shift+z Ctrl+y"), ["Ctrl+Shift+Z", "Ctrl+Y"]);
  assert.deepEqual(caps("Escape"), ["Esc"]);
});
