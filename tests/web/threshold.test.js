import assert from "node:assert/strict";
import { test } from "node:test";

import { calibrationIn, calibrationWords, standing, usualScore } from "../../studio/web/threshold/status.js";

const LINE = {
  provisional: false,
  stale: false,
  why: "Only two sources.",
  frr: { out: 1, total: 12 },
  genuine: [0.5, 0.9, 0.7],
};
const tone = (patch, waiting = 0) => standing({ ...LINE, ...patch }, waiting);

test("a threshold that is not used says why before all else", () => {
  assert.equal(tone({ provisional: true, stale: true }).words, "Only two sources.");
  assert.match(tone({ stale: true }).title, /sources have changed/);
});

test("a threshold that most pictures fail is in use, with a warning", () => {
  assert.equal(tone({ frr: { out: 5, total: 12 } }).tone, "warn");
  assert.equal(tone({ frr: { out: 4, total: 12 } }).tone, "good");
});

test("pictures that were scored by another threshold are counted", () => {
  assert.match(tone({}, 1).title, /^1 picture was judged/);
  assert.match(tone({}, 2).title, /^2 pictures were judged/);
  assert.deepEqual(tone({}), { tone: "good", title: "In use: every new picture is judged by it.", words: "" });
});

test("only the calibration of this character is followed, running or waiting", () => {
  const mine = { kind: "calibrate", character: "ada" };
  const state = (job, ...queued) => ({ character: { id: "ada" }, job, queued });
  assert.equal(calibrationIn(state(mine)), mine);
  assert.equal(calibrationIn(state({ kind: "render", character: "ada" }, mine)), mine);
  assert.equal(calibrationIn(state(null, { kind: "calibrate", character: "bob" })), undefined);
  assert.equal(calibrationIn(null), undefined);
});

test("how far a calibration is", () => {
  const job = { state: "running", total: 8, done: 2, note: "ada.png", left: 30 };
  assert.equal(calibrationWords(job), "2 of 8 pictures looked at · ada.png · 30 s left");
  assert.equal(calibrationWords({ ...job, total: 0, note: "", left: null }), "starting");
  assert.equal(calibrationWords({ ...job, state: "queued", note: "" }), "waits for the job before it · 30 s left");
});

test("the usual score is the median", () => {
  assert.equal(usualScore(LINE), 0.7);
});
