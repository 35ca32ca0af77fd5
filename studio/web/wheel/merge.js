// @ts-check
/** Two LoRAs made into one: weights, a name, all of both or the best of a rank. */

import { h } from "../core/dom.js";
import { post } from "../core/net.js";
import { poll } from "../core/status.js";
import { button, problemLine, select, toast, wordsOf } from "../core/ui.js";

/** @import { LoraMerge, LoraPlace } from "../types.js" */

/**
 * @param {string} id
 * @param {string} words
 * @param {string} value
 */
function number(id, words, value) {
  const input = h("input", { id, type: "number", step: "any", value });
  return { input, line: h("label", { class: "inline" }, words, input) };
}

/** @param {LoraPlace} place */
export function mergeForm(place) {
  const entries = place.beside.map(({ id, name }) => /** @type {[string, string]} */ ([id, name]));
  const other = select(entries, entries[0][0], { id: "merge-with", "aria-label": "Merge with" });
  const own = number("merge-own", "weight of this", "1");
  const its = number("merge-its", "of the other", "1");
  const rank = number("merge-rank", "rank (empty: all of both)", "");
  const name = h("input", {
    id: "merge-name",
    type: "text",
    "aria-label": "Name",
    placeholder: "Name of the new LoRA",
  });
  const problem = problemLine();
  const merge = async () => {
    problem.textContent = "";
    /** @type {LoraMerge} */
    const asked = {
      rows: [
        [place.id, Number(own.input.value)],
        [other.value, Number(its.input.value)],
      ],
      name: name.value.trim(),
      rank: rank.input.value === "" ? null : Number(rank.input.value),
    };
    try {
      await post("/loras/merge", asked);
      toast("It is being merged; the jobs list tells what is lost.");
      poll();
    } catch (error) {
      problem.textContent = wordsOf(error);
    }
  };
  const rows = [
    h("div", { class: "row" }, other, own.line, its.line),
    h("div", { class: "row" }, name, rank.line, button("Merge", merge, { id: "merge-run" })),
  ];
  return h("section", { class: "lora-way lora-merge" }, h("h3", {}, "Merge with another"), rows, problem);
}
