// @ts-check
/** The page's decisions: one queue, kept in localStorage. What follows from them the studio says. */

import { facts } from "../core/facts.js";
import { announce, poll } from "../core/status.js";
import { Refused, address, post } from "../core/net.js";
import { toast, wordsOf } from "../core/ui.js";
import { foresee as foreseeBy } from "./foresee.js";
import { KeptDecisions, readAt, readKey, waitingWords } from "./kept.js";
import { DecisionQueue } from "./queue.js";

/** @import { IconName } from "../core/icons.js" */
/** @import { Action, Label, Settled } from "../shapes.js" */
/** @import { Decided, Said, Standing } from "../types.js" */
/** @import { Outcomes } from "./foresee.js" */

/** Decisions that are on their way so long are told of: until then it is no wait. */
const SOON_MS = 2000;
/** The first status of an answer that tells of a fault of the studio's own. */
const BROKEN = 500;
/** The most that a page can still send while it is closed (64 KiB); the rest is sent by the next. */
const PARTING = 200;

/** @type {Record<Label, { words: string, icon: IconName }>} */
export const LABELS = {
  good: { words: "good", icon: "check" },
  needs_correction: { words: "needs correction", icon: "pen" },
  reject: { words: "rejected", icon: "cross" },
};

/** 64 random bits in hex, as the studio wants ids. */
function newId() {
  const bytes = [...crypto.getRandomValues(new Uint8Array(8))];
  return bytes.map((b) => b.toString(16).padStart(2, "0")).join("");
}

/** @type {{ queue: DecisionQueue, kept: KeptDecisions } | null} */
let made = null;
let late = 0;

function parts() {
  if (made) return made;
  const kept = new KeptDecisions(() => localStorage, { id: facts.workspace_id, name: facts.workspace });
  const sending = new DecisionQueue({
    send: (decisions) => post("/decisions", { workspace: facts.workspace_id, decisions }),
    read: () => kept.read(),
    keep: (one) => kept.keep(one),
    drop: (id) => kept.drop(id),
    after: (run, ms) => {
      const timer = setTimeout(run, ms);
      return () => clearTimeout(timer);
    },
    now: () => Date.now(),
    clock: () => performance.now(),
    newId,
    answered,
    failed: (error, times) => {
      // that they wait is told beside the jobs; why, only where it is no mere silence
      if (times === 1 && error instanceof Refused && error.status >= BROKEN)
        toast(`Decisions are kept here and sent again: ${wordsOf(error)}`, "problem");
    },
    refused: ({ image }, error) =>
      toast(`A decision about ${image.slice(0, 8)} was refused: ${wordsOf(error)}`, "problem"),
    changed: () => changed(),
  });
  return (made = { queue: sending, kept });
}

function queue() {
  return parts().queue;
}

/** Say now what waits: somebody has come who shows it. */
export function tellWaiting() {
  changed();
}

/** Say how many wait, at once where that is news, else when it takes long: the event `flen:unsent`. */
function changed() {
  clearTimeout(late);
  if (!made) return;
  if (made.queue.count) late = setTimeout(() => tell(true), SOON_MS);
  tell(made.queue.failures > 0);
}

/** @param {boolean} silent */
function tell(silent) {
  if (!made) return;
  const { count, unkept } = made.queue;
  announce("flen:unsent", { count, words: waitingWords({ count, unkept, silent, others: made.kept.others() }) });
}

/** @param {Decided} answer */
function answered(answer) {
  settle(answer);
  const lost = answer.lost.length;
  if (lost)
    toast(`${lost === 1 ? "A decision was" : `${lost} decisions were`} about pictures that are gone.`, "problem");
  poll();
}

/**
 * The studio's word on pictures and gates: the event `flen:settled`. What is still on its way it does not know of.
 * @param {Settled} said
 */
export function settle({ pictures, gates }) {
  const unsent = queue().waitingImages();
  const known = Object.fromEntries(Object.entries(pictures).filter(([image]) => !unsent.has(image)));
  announce("flen:settled", { pictures: known, gates: unsent.size ? {} : gates });
}

/**
 * Decide; answers the decision with its id.
 * @param {string} image
 * @param {Action} action
 * @param {string | number | null} value
 * @param {{ where: string, undoes?: string }} more
 * @returns {Said}
 */
export function decide(image, action, value, more) {
  return queue().decide(image, action, value, more);
}

/**
 * What is to be expected of a picture after one more decision.
 * @param {Standing} standing
 * @param {Action} action
 * @param {string | number | null} value
 * @returns {Standing}
 */
export function foresee(standing, action, value) {
  return foreseeBy(/** @type {Outcomes} */ (facts.outcomes), standing, action, value);
}

/**
 * Pictures that an answer which was asked for at `moment` does not know the last of.
 * @param {number} moment ms, of `performance.now()`
 */
export function fresher(moment) {
  return queue().fresher(moment);
}

/** Everything decided so far is on the studio's disk, or the studio does not answer. */
export function flushDecisions() {
  return queue().flush();
}

/** Send what an earlier page left; a page that is closed sends what it has. */
export function startDecisions() {
  queue().start();
  window.addEventListener("storage", ({ key, newValue }) => {
    const whose = readKey(key);
    if (!whose) return;
    if (whose.owner === facts.workspace_id) {
      if (newValue === null) queue().arrived(whose.id);
      else queue().heard(readAt(newValue));
    }
    changed();
  });
  window.addEventListener("beforeunload", (event) => {
    if (queue().unkept) event.preventDefault();
  });
  window.addEventListener("pagehide", () => {
    const decisions = queue().waiting.slice(0, PARTING);
    const body = new Blob([JSON.stringify({ workspace: facts.workspace_id, decisions })], { type: "application/json" });
    if (decisions.length) navigator.sendBeacon(address("/decisions"), body);
  });
}
