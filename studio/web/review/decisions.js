// @ts-check
/** The page's decisions: one queue, mirrored in localStorage. What follows from them the studio says. */

import { facts } from "../core/facts.js";
import { announce, poll } from "../core/status.js";
import { post } from "../core/net.js";
import { toast, wordsOf } from "../core/ui.js";
import { foresee as foreseeBy } from "./foresee.js";
import { DecisionQueue } from "./queue.js";

/** @import { IconName } from "../core/icons.js" */
/** @import { Action, DecisionAnswer, Label, Said, Settled, Standing } from "../shapes.js" */
/** @import { Outcomes } from "./foresee.js" */

const KEY = "flen:unsent";

/** @type {Record<Label, { words: string, icon: IconName }>} */
export const LABELS = {
  good: { words: "good", icon: "check" },
  needs_correction: { words: "needs correction", icon: "pen" },
  reject: { words: "rejected", icon: "cross" },
};

/** @returns {Said[]} */
function read() {
  try {
    return JSON.parse(localStorage.getItem(KEY) ?? "[]");
  } catch {
    return [];
  }
}

/** @param {Said[]} waiting */
function write(waiting) {
  try {
    localStorage.setItem(KEY, JSON.stringify(waiting));
  } catch {
    // private mode: memory must do
  }
  announce("flen:unsent", { count: waiting.length });
}

/** 64 random bits in hex, as the studio wants ids. */
function newId() {
  const bytes = [...crypto.getRandomValues(new Uint8Array(8))];
  return bytes.map((b) => b.toString(16).padStart(2, "0")).join("");
}

/** @type {DecisionQueue | null} */
let made = null;

function queue() {
  made ??= new DecisionQueue({
    send: (decisions) => post("/decisions", { decisions }),
    read,
    write,
    after: (run, ms) => {
      const timer = setTimeout(run, ms);
      return () => clearTimeout(timer);
    },
    now: () => performance.now(),
    newId,
    answered,
    failed: (error, times) => {
      if (times === 1) toast(`Decisions are kept here and sent again: ${wordsOf(error)}`, "problem");
    },
  });
  return made;
}

/** @param {DecisionAnswer} answer */
function answered(answer) {
  settle(answer);
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
 * @param {number} moment ms
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
  window.addEventListener("pagehide", () => {
    const { waiting: decisions } = queue();
    const body = new Blob([JSON.stringify({ decisions })], { type: "application/json" });
    if (decisions.length) navigator.sendBeacon("/decisions", body);
  });
}
