// @ts-check
/** The dialog for a new character. */

import { h } from "../core/dom.js";
import { poll } from "../core/status.js";
import { post } from "../core/net.js";
import { openTab } from "../core/tabs.js";
import { button, dialog, problemLine, wordsOf } from "../core/ui.js";
import { awayButtons } from "./away.js";
import { forNew } from "./models.js";
import { openPractice } from "./practice.js";

/** @import { Character, NewCharacter } from "../types.js" */

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
  const models = forNew();
  const problem = problemLine();
  const close = () => box.close();
  const onsubmit = (/** @type {SubmitEvent} */ event) => {
    event.preventDefault();
    const words = { name: name.input.value, kind: kind.input.value, token: token.input.value };
    const rest = { origin: origin.input.value, may_use: mayUse.checked, judged_by: judge.chosen() };
    create({ ...words, ...models.chosen(), ...rest }, problem, close);
  };
  const form = h(
    "form",
    { class: "form", onsubmit },
    h("div", { class: "pair" }, name.line, kind.line),
    h("div", { class: "pair" }, origin.line, token.line),
    judge.line,
    models.box,
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

/**
 * The dialog that says anew what a character is.
 * @param {Character} who
 */
export function openCharacter(who) {
  const name = field("character-rename", "Name", who.name);
  const kind = field("character-kind", "What it is", who.kind, "person, cat, robot");
  const called = field("character-called", "What prompts and captions call it", who.class_prompt);
  const said = { kind: () => kind.input.value.trim(), called: () => called.input.value.trim() };
  const together = who.kind === who.class_prompt;
  kind.input.addEventListener("input", () => {
    if (together) called.input.value = kind.input.value;
    show();
  });
  called.input.addEventListener("input", () => show());
  const example = h("p", { class: "dim" });
  const show = () => {
    example.textContent = `Captions: "${who.token} ${said.called()}". Edits: "Keep the same ${said.kind()}". What is made already stays as it is.`;
  };
  const problem = problemLine();
  const onsubmit = async (/** @type {SubmitEvent} */ event) => {
    event.preventDefault();
    try {
      const changes = { kind: said.kind(), class_prompt: said.called(), name: name.input.value };
      await post(`/characters/${who.id}`, changes);
      box.close();
      await poll();
    } catch (error) {
      problem.textContent = wordsOf(error);
    }
  };
  const save = h("button", { id: "save-character", type: "submit", class: "fb primary" }, "Save");
  const away = awayButtons(who, () => box.close(), problem);
  const ends = h("div", { class: "row end" }, away, h("span", { class: "grow" }), save);
  const form = h("form", { class: "form", onsubmit }, name.line, kind.line, called.line, example, problem, ends);
  const box = dialog(who.name, form, { id: "character-change" });
  show();
  box.showModal();
  kind.input.focus();
}
