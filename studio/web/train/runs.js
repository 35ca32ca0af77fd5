// @ts-check
/** The trainings of a character; one of them is looked at. */

import { h } from "../core/dom.js";
import { painted } from "../core/island.js";
import { openLora } from "../wheel/lora.js";

/**
 * @typedef {{ id: string, title: string, state: string, tone: string, facts: string, lineage: string, when: string,
 *   lora: string }} Row
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

painted("runs", ({ set, draw, trigger }) => {
  const pick = (/** @type {string} */ id) => {
    set({ selected: id });
    draw();
    trigger("pick", { id });
  };
  return (/** @type {Value} */ { rows = [], selected, empty }) => {
    if (!rows.length) return h("div", { class: "empty" }, empty ?? "No training yet.");
    const lora = rows.find((row) => row.id === selected)?.lora;
    const list = h(
      "div",
      { class: "list" },
      rows.map((row) => entry(row, row.id === selected, () => pick(row.id))),
    );
    const where = { type: "button", id: "train-where", class: "where", onclick: () => openLora(lora ?? "") };
    return [list, lora ? h("button", where, "Where is my LoRA") : null];
  };
});
