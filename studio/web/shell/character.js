// @ts-check
/** The dialog for a new character. */

import { h } from "../core/dom.js";
import { poll } from "../core/status.js";
import { post } from "../core/net.js";
import { openTab } from "../core/tabs.js";
import { button, dialog, problemLine, wordsOf } from "../core/ui.js";
import { openPractice } from "./practice.js";

/** @import { NewCharacter } from "../types.js" */

/**
 * A line of text to fill in, with what it is.
 * @param {string} id
 * @param {string} label
 * @param {string} [value]
 * @param {string} [placeholder]
 */
function field(id, label, value = "", placeholder = "") {
  const input = h("input", { id, type: "text", autocomplete: "off", placeholder, value });
  return { input, line: h("label", { class: "field" }, h("span", {}, label), input) };
}

/**
 * @param {NewCharacter} asked
 * @param {HTMLElement} problem
 * @param {() => void} done
 */
async function create(asked, problem, done) {
  try {
    await post("/characters", asked);
    done();
    await poll();
    openTab("enrich");
  } catch (error) {
    problem.textContent = wordsOf(error);
  }
}

/** By what a character can be told, with words. */
const JUDGES = [
  ["face", "its face: photographs of a person"],
  ["look", "its look: a toy, an animal, a drawing"],
  ["none", "my eyes alone"],
];

function judgeField() {
  const options = JUDGES.map(([value, words]) => h("option", { value }, words));
  const input = h("select", { id: "character-judge" }, ...options);
  const chosen = () => /** @type {NewCharacter["judged_by"]} */ (input.value);
  return { chosen, line: h("label", { class: "field" }, h("span", {}, "What tells it from others"), input) };
}

export function openNewCharacter() {
  const name = field("character-name", "Name", "", "Ada");
  const kind = field("character-class", "What it is", "person", "person, cat, robot");
  const token = field("character-token", "Word that stands for it in prompts", "ohwx_char");
  const origin = field("character-origin", "Where the pictures come from", "", "my own drawings; photos of me");
  const judge = judgeField();
  const mayUse = h("input", { id: "character-may-use", type: "checkbox" });
  const problem = problemLine();
  const close = () => box.close();
  const onsubmit = (/** @type {SubmitEvent} */ event) => {
    event.preventDefault();
    const words = { name: name.input.value, class_prompt: kind.input.value, token: token.input.value };
    const rest = { origin: origin.input.value, may_use: mayUse.checked, judged_by: judge.chosen() };
    create({ ...words, ...rest }, problem, close);
  };
  const form = h(
    "form",
    { class: "form", onsubmit },
    name.line,
    kind.line,
    token.line,
    origin.line,
    judge.line,
    h("label", { class: "check" }, mayUse, "I may use these pictures to train a model."),
    problem,
    h(
      "div",
      { class: "row end" },
      button("No pictures? Practice characters", () => (close(), openPractice()), {
        id: "practice-open",
        class: "quiet",
      }),
      h("span", { class: "grow" }),
      h("button", { id: "create-character", type: "submit", class: "fb primary" }, "Create character"),
    ),
  );
  const box = dialog("New character", form, { id: "character-dialog" });
  box.showModal();
  name.input.focus();
}
