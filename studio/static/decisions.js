/* Decisions on their way: made at once here, sent in batches, kept in localStorage until the studio has them on disk.
 * What follows from them the studio says; until its answer is here the page paints by the table that came with it. */
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
      ({ known, pictures, gates }) => {
        const done = new Set(known);
        batch.forEach((d) => decided.set(d.image, performance.now()));
        queue = queue.filter((d) => !done.has(d.id));
        failures = 0;
        flen.settle(pictures, gates);
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

  /** The studio's word on pictures and gates: the event `flen:settled`. What is still on its way it does not know of. */
  flen.settle = (pictures, gates) => {
    const unsent = new Set(queue.map((d) => d.image));
    const known = Object.fromEntries(Object.entries(pictures).filter(([image]) => !unsent.has(image)));
    document.dispatchEvent(new CustomEvent("flen:settled", { detail: { pictures: known, gates: queue.length ? {} : gates } }));
  };
  const sorted = new Set(Object.values(flenPage.outcomes.label).flatMap((o) => o.piles));
  /** What is to be expected of a picture (`state`, `piles`, `above`) after one more decision, by the studio's table. */
  flen.foresee = (tile, action, value) => {
    const outcome = flenPage.outcomes[action]?.[String(value)];
    const now = { state: tile.state, piles: tile.piles, above: tile.above };
    if (!outcome) return now;
    const state = { ...now.state, ...outcome.state };
    const list = outcome.flips && now.state[outcome.flips];
    if (list) state[outcome.flips] = list.includes(value) ? list.filter((v) => v !== value) : [...list, value];
    return { ...now, state, piles: outcome.piles ? [...now.piles.filter((p) => !sorted.has(p)), ...outcome.piles] : now.piles };
  };
  flen.LABELS = { good: ["good", "check"], needs_correction: ["needs correction", "pen"], reject: ["rejected", "cross"] };
})();
