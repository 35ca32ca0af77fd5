// @ts-nocheck
/* Decisions on their way: made at once here, sent in batches, kept in localStorage until the studio has them on disk. */
import { flen } from "../core/flen.js";
(() => {
  "use strict";
  const KEY = "flen:unsent";
  const BATCH_MS = 150;
  let queue = read();
  let timer = 0;
  let sending = null;
  let failures = 0;
  const decided = new Map();

  function read() {
    try { return JSON.parse(localStorage.getItem(KEY) || "[]"); } catch { return []; }
  }
  function mirror() {
    try { localStorage.setItem(KEY, JSON.stringify(queue)); } catch { /* private mode: memory must do */ }
    document.dispatchEvent(new CustomEvent("flen:unsent", { detail: { count: queue.length, failures } }));
  }
  flen.newId = () => [...crypto.getRandomValues(new Uint8Array(8))].map((b) => b.toString(16).padStart(2, "0")).join("");

  async function send() {
    clearTimeout(timer);
    timer = 0;
    if (sending || !queue.length) return sending;
    const batch = queue.slice(0, 500);
    sending = flen.post("/decisions", { decisions: batch }).then(
      ({ known }) => {
        const done = new Set(known);
        batch.forEach((d) => decided.set(d.image, performance.now()));
        queue = queue.filter((d) => !done.has(d.id));
        failures = 0;
        flen.poll();
      },
      (error) => {
        failures += 1;
        if (failures === 1) flen.toast(`Decisions are kept here and sent again: ${error.message}`, "problem");
      },
    );
    await sending;
    sending = null;
    mirror();
    if (queue.length) timer = setTimeout(send, failures ? Math.min(10000, 500 * 2 ** failures) : BATCH_MS);
  }
  /** Decide; returns the decision with its id. `action` and `value` as in the records' Decision. */
  flen.decide = (image, action, value, extra = {}) => {
    const decision = { id: flen.newId(), image, action, value, ...extra };
    queue.push(decision);
    mirror();
    if (!timer) timer = setTimeout(send, BATCH_MS);
    return decision;
  };
  /** Pictures whose decisions the studio has not confirmed yet, or confirmed after `moment` (ms). */
  flen.fresher = (moment) => new Set([...decided].filter(([, at]) => at > moment).map(([image]) => image).concat(queue.map((d) => d.image)));
  flen.flushDecisions = async () => {
    while (queue.length && failures === 0) await send();
  };
  window.addEventListener("pagehide", () => {
    if (queue.length) navigator.sendBeacon("/decisions", new Blob([JSON.stringify({ decisions: queue })], { type: "application/json" }));
  });
  if (queue.length) timer = setTimeout(send, BATCH_MS);

  /** A picture's state after one more decision; the rules of the records' Verdict. */
  flen.after = (state, action, value) => {
    if (action === "label") return { ...state, label: value, who: value ? "human" : null, reason: "" };
    if (action === "failure") {
      const has = state.failures.includes(value);
      return { ...state, failures: has ? state.failures.filter((f) => f !== value) : [...state.failures, value] };
    }
    return { ...state, [action]: value };
  };
  flen.LABELS = { good: ["good", "check"], needs_correction: ["needs correction", "pen"], reject: ["rejected", "cross"] };
})();
export const { decide, after, fresher, LABELS, newId, flushDecisions } = flen;
