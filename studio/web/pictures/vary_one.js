// @ts-check
/** One thing of a picture is varied, all else stays the same: which, and what values it is to have. */

import { h } from "../core/dom.js";
import { post } from "../core/net.js";
import { poll } from "../core/status.js";
import { attempt, button, dialog, select, toast } from "../core/ui.js";
import { valuesOf } from "./typed.js";

/** @import { Picture } from "../types.js" */

/** @type {Record<string, string>} */
const NAMES = { guidance: "Guidance", steps: "Steps", strength: "Strength of the first LoRA", prompt: "Prompt" };

/**
 * @param {Pick<Picture, "id" | "title" | "varied">} picture
 * @param {() => void} done
 */
export function openVaryOne({ id, title, varied }, done) {
  const entries = Object.keys(varied).map((name) => /** @type {[string, string]} */ ([name, NAMES[name] ?? name]));
  const now = h("p", { class: "dim" });
  const values = h("textarea", { id: "vary-values", rows: "3", "aria-label": "Values" });
  const show = () => {
    const own = which.value === "prompt";
    now.textContent = `It was made with: ${varied[which.value]}`;
    values.placeholder = own ? "Prompts, one a line" : "Values between commas, such as 2, 3.5, 5";
    values.value = own ? varied.prompt : "";
  };
  const onchange = () => show();
  const which = select(entries, entries[0][0], { id: "vary-which", "aria-label": "What is varied", onchange });
  const make = () =>
    attempt(async () => {
      const said = { name: which.value, values: valuesOf(which.value, values.value) };
      const { title: job } = await post(`/picture/${id}/vary-one`, said);
      poll();
      toast(`${job}: started.`);
      box.close();
      done();
    });
  const about = h("p", { class: "dim" }, "Seed and all else stay as they were.");
  const foot = h("div", { class: "row" }, button("Make them", make, { id: "vary-make", class: "primary" }));
  const content = h("div", { class: "vary-one" }, which, now, values, about, foot);
  const box = dialog(`Vary one thing of ${title}`, content, { id: "vary-dialog" });
  show();
  box.showModal();
}
