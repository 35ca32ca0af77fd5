import assert from "node:assert/strict";
import { test } from "node:test";

import { inside } from "../../studio/web/shell/folders.js";
import { dueHint } from "../../studio/web/shell/hint.js";
import { endWords, isToTell } from "../../studio/web/shell/notify.js";
import { progressOf, progressWords } from "../../studio/web/shell/jobs.js";

const JOB = { done: 3, total: 10, unit: "pictures", k: 0, n: 0, note: "", left: null, paused: false, stuck: "" };

test("a job's progress counts the picture that is being made, but not as done", () => {
  assert.equal(progressOf(JOB), 0.3);
  assert.equal(progressOf({ ...JOB, k: 5, n: 10 }), 0.35);
  assert.ok(progressOf({ ...JOB, k: 10, n: 10 }) < 0.4);
  assert.equal(progressOf({ ...JOB, total: 0 }), null);
});

test("a job's progress in words", () => {
  assert.equal(
    progressWords({ ...JOB, note: "front", left: 42 }, 2),
    "3 of 10 pictures · front · 42 s left · 2 waiting",
  );
  assert.equal(progressWords({ ...JOB, paused: true }, 0), "3 of 10 pictures · paused");
  assert.equal(progressWords({ ...JOB, total: 0 }, 0), "starting");
  assert.equal(progressWords({ ...JOB, total: 0, note: "loading" }, 0), "loading");
  assert.equal(
    progressWords({ ...JOB, stuck: "The picture is lost." }, 2),
    "It does not stop at its step. The picture is lost.",
  );
});

test("a hint is due at its tab, pile and step, once", () => {
  const hint = (name, place) => ({ name, tab: "review", gate: "", step: "", ...place });
  const hints = [hint("second", { gate: "synthetic" }), hint("any", {}), hint("late", { tab: "train", step: "v1" })];
  assert.equal(dueHint(hints, [], { tab: "review", gate: "synthetic" }).name, "second");
  assert.equal(dueHint(hints, ["second"], { tab: "review", gate: "synthetic" }).name, "any");
  assert.equal(dueHint(hints, ["any"], { tab: "review", gate: "enriched" }), undefined);
  assert.equal(dueHint(hints, [], { tab: "train", step: "v2" }), undefined);
  assert.equal(dueHint(hints, [], { tab: "train", step: "v1" }).name, "late");
});

test("a folder in another is a whole path, here and on Windows", () => {
  assert.equal(inside("/", "home"), "/home");
  assert.equal(inside("/home/ada", "models"), "/home/ada/models");
  assert.equal(inside("C:\\", "models"), "C:\\models");
  assert.equal(inside("C:\\models", "flux"), "C:\\models\\flux");
});

test("the end of a job is told by the browser where nobody sees the page, not what a person stopped", () => {
  const job = { state: /** @type {const} */ ("failed"), title: "Enrich", error: "No memory.\nmore" };
  assert.equal(endWords(job), "Enrich: No memory.");
  assert.equal(endWords({ ...job, state: "done" }), "Enrich: done");
  assert.equal(endWords({ ...job, state: "interrupted" }), "Enrich: interrupted");
  assert.equal(endWords({ ...job, state: "cancelled" }), "");
  assert.ok(isToTell(true, "granted", "Enrich: done"));
  assert.ok(!isToTell(false, "granted", "Enrich: done") && !isToTell(true, "denied", "Enrich: done"));
  assert.ok(!isToTell(true, "granted", ""));
});
