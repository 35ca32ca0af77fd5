// @ts-check
/** The trainings of a character; one of them is looked at. */

import { h } from "../core/dom.js";
import { painted } from "../core/island.js";
import { post } from "../core/net.js";
import { attempt, toast } from "../core/ui.js";
import { openLora } from "../wheel/lora.js";

/**
 * @typedef {{ id: string, title: string, state: string, tone: string, facts: string, lineage: string, when: string,
 *   lora: string, job: string }} Row
 * @typedef {{ rows?: Row[], selected?: string, empty?: string }} Value
 */

/**
 * @param {Row} row
 * @param {boolean} selected
 * @param {() => void} onclick
 */
function entry(row, selected, onclick) {
  const props = {
    type: "button",
    class: `run${selected ? " selected" : ""}`,
    "data-id": row.id,
    "aria-pressed": String(selected),
    onclick,
  };
  const chip = h("span", { class: `chip ${row.tone}` }, row.state);
  const when = new Date(row.when).toLocaleString([], { dateStyle: "medium", timeStyle: "short" });
  const top = h("span", { class: "top" }, h("b", {}, row.title), chip, h("span", { class: "when quiet" }, when));
  return h(
    "button",
    props,
    top,
    h("span", { class: "facts num" }, row.facts),
    h("span", { class: "quiet" }, row.lineage),
  );
}

/**
 * What can be done with the run that is looked at: while it goes on, samples or a checkpoint at its next step.
 * @param {Row} row
 */
function doors({ lora, job }) {
  const ask = (/** @type {string} */ what, /** @type {string} */ words) =>
    attempt(async () => {
      await post(`/jobs/${job}/${what}`);
      toast(words);
    });
  const door = (/** @type {string} */ id, /** @type {string} */ words, /** @type {() => unknown} */ onclick) =>
    h("button", { type: "button", id, class: "where", onclick }, words);
  return h(
    "div",
    { class: "doors" },
    lora ? door("train-where", "Where is my LoRA", () => openLora(lora)) : null,
    job ? door("train-sample-now", "Sample now", () => ask("sample", "Samples are made at the next step.")) : null,
    job ? door("train-save-now", "Save now", () => ask("save", "A checkpoint is written at the next step.")) : null,
  );
}

painted("runs", ({ set, draw, trigger }) => {
  const pick = (/** @type {string} */ id) => {
    set(() => ({ selected: id }));
    draw();
    trigger("pick", { id });
  };
  return (/** @type {Value} */ { rows = [], selected, empty }) => {
    if (!rows.length) return h("div", { class: "empty" }, empty ?? "No training yet.");
    const shown = rows.find((one) => one.id === selected);
    const list = h(
      "div",
      { class: "list" },
      rows.map((one) => entry(one, one.id === selected, () => pick(one.id))),
    );
    return [list, shown ? doors(shown) : null];
  };
});
