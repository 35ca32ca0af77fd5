import assert from "node:assert/strict";
import { test } from "node:test";

import { distance } from "../../studio/web/card/poster.js";
import {
  besideWords,
  cellWords,
  layout,
  loraWords,
  named,
  noCardWords,
  readerWords,
  withWords,
} from "../../studio/web/card/describe.js";

test("a cell says its verdict, who gave it and why", () => {
  const cell = { name: "front/sad", verdict: "wrong", by: "rule", why: "no face", image: { score: 0.25 } };
  assert.equal(cellWords(cell), "front/sad: wrong (rule), no face, identity 0.25");
  const read = "angle front by mini and mini-reader";
  assert.equal(cellWords({ ...cell, read }), `front/sad: wrong (rule), no face, identity 0.25, ${read}`);
  assert.equal(cellWords({ ...cell, by: "", why: "", image: null, verdict: "missing" }), "front/sad: missing");
});

test("it is said who can read a card, or that nobody is here", () => {
  assert.equal(readerWords(null), "");
  assert.equal(readerWords({ reader: "", lacking: "Nobody.", agreement: [] }), "No reader to ask is here. Nobody.");
  assert.match(
    readerWords({ reader: "R", lacking: "", agreement: ["angle: x"] }),
    /^R can read .* By your tags: angle: x\.$/,
  );
});

test("a card has a name; without one it is said what it would be", () => {
  assert.equal(named({ version: "v2", lora: "ada_v2", seed: 7 }), "Card v2: ada_v2, seed 7");
  assert.match(noCardWords({ cells: Array(23), loras: [] }), /23 pictures .* No LoRA has been trained yet/);
  assert.match(noCardWords({ cells: Array(23), loras: [{ own: false }] }), /No LoRA has been trained yet/);
  assert.doesNotMatch(noCardWords({ cells: Array(23), loras: [{ own: true }] }), /No LoRA/);
});

test("another character's LoRA says whose it is", () => {
  assert.equal(loraWords({ name: "ada_v1", whose: "" }), "ada_v1");
  assert.equal(loraWords({ name: "bo_v1", whose: "Bo" }), "bo_v1 (Bo)");
});

test("the poster has the studio's order, and only what the card asks for", () => {
  const spec = [
    { name: "front/sad", angle: "front", expression: "sad", pose: "" },
    { name: "left/neutral", angle: "half-left", expression: "neutral", pose: "" },
    { name: "t-pose", angle: "front", expression: "neutral", pose: "t-pose" },
  ];
  const known = { angles: ["half-left", "front", "back"], expressions: ["neutral", "smiling", "sad"] };
  const { portraits, bodies, columns, rows } = layout(spec, known);
  assert.deepEqual([portraits.length, bodies.length], [2, 1]);
  assert.deepEqual(columns, ["half-left", "front"]);
  assert.deepEqual(rows, ["neutral", "sad"]);
});

test("arrows reach what lies ahead, the straight way first", () => {
  const box = (x, y) => ({ x, y, width: 10, height: 10 });
  const from = box(0, 0);
  assert.ok(distance(from, box(20, 0), [1, 0]) < distance(from, box(20, 20), [1, 0]));
  assert.equal(distance(from, box(-20, 0), [1, 0]), Infinity);
  assert.equal(distance(from, box(0, 20), [1, 0]), Infinity);
  assert.ok(distance(from, box(0, 20), [0, 1]) < Infinity);
});

test("cards of other seeds are not held against each other without a word, and no rate is told that nobody gave", () => {
  const card = { version: "v2", lora: "base model", seed: 7, rate: { right: 0, total: 23, open: true } };
  const words = besideWords(card, { ...card, seed: 3 });
  assert.match(words, /^Card v2: base model \(not judged yet\)\. Other seed \(7, not 3\)/);
  const judged = { ...card, rate: { right: 5, total: 23, open: false } };
  assert.equal(besideWords(judged, card), "Card v2: base model (5 of 23)");
});

test("what a card is run with beside its LoRA fits one line", () => {
  assert.equal(withWords([]), "with nothing else");
  assert.equal(withWords([["grain", 0.5]]), "with grain 0.5");
  const three = [["grain", 0.5], ["x", 1], ["y", 1]]; // prettier-ignore
  assert.equal(withWords(three), "with grain 0.5 and 2 more");
});
