// @ts-check
/** Which models a character works with: chosen when it is made, changed from its place in the header. */

import { h, put } from "../core/dom.js";
import { poll } from "../core/status.js";
import { get, post } from "../core/net.js";
import { attempt, dialog, problemLine, select, toast, wordsOf } from "../core/ui.js";

/** @import { Beginning, Choosing, Offer } from "../types.js" */

/** @param {Offer} offer */
function words({ title, recommended, here, practice, gib }) {
  const size = here ? "" : gib ? ` · ${gib.toFixed(0)} GB to download` : " · not here";
  return `${title}${recommended ? " · recommended" : ""}${practice ? " · drawn people only" : size}`;
}

/**
 * One model to choose, with what is worth knowing of it below.
 * @param {string} id
 * @param {string} label
 * @param {Offer[]} offers
 * @param {string} chosen
 */
function choice(id, label, offers, chosen) {
  const told = h("small", { id: `${id}-about`, class: "model-about", "aria-live": "polite" });
  const tell = () => {
    const offer = offers.find(({ name }) => name === input.value);
    const lines = offer ? offer.lines : ["Its preset is gone or broken: choose another."];
    put(
      told,
      lines.map((line) => h("span", { class: line === offer?.why ? "problem" : "" }, line)),
    );
  };
  const known = offers.some(({ name }) => name === chosen);
  const entries = offers.map((offer) => /** @type {[string, string]} */ ([offer.name, words(offer)]));
  const input = select(known ? entries : [[chosen, chosen], ...entries], chosen, { id, onchange: tell });
  tell();
  return { input, line: h("label", { class: "field" }, h("span", {}, label), input, told) };
}

/** @param {Choosing} choosing */
function choices({ generators, editors, generator, editor, machine, place }) {
  const draws = choice("character-generator", "Model that draws it", generators, generator);
  const edits = choice("character-editor", "Model that edits its pictures", editors, editor);
  const about = h("small", { class: "model-about" }, h("span", {}, machine), h("span", {}, place));
  return {
    lines: [draws.line, edits.line, about],
    chosen: () => ({ generator: draws.input.value, editor: edits.input.value }),
  };
}

/** The choice for a new character, filled when it has come; until then what is recommended is taken. */
export function forNew() {
  const box = h("div", { id: "character-models", class: "form models" }, h("small", {}, "Looking at this machine ..."));
  let chosen = () => ({ generator: "", editor: "" });
  attempt(async () => {
    const found = choices(/** @type {Choosing} */ (await get("/models")));
    chosen = found.chosen;
    put(box, found.lines);
  });
  return { box, chosen: () => chosen() };
}

/**
 * What was made so far, and that going on with another model begins a round.
 * @param {string[]} made
 */
function newRound(made) {
  const input = h("input", { id: "models-new-round", type: "checkbox" });
  const about = `Made so far with ${made.join("; ")}. It stays. LoRAs trained so far are not for another model: the next training begins anew on it, with the pictures that were found good.`;
  const line = h(
    "label",
    { class: "check wraps" },
    input,
    h("span", {}, "Begin a new round with another model. ", about),
  );
  return { input, line: made.length ? line : null };
}

/** @param {{ id: string, name: string, practice?: number | null }} character */
export function openModels({ id, name }) {
  return attempt(async () => {
    const { choosing, made } = /** @type {Beginning} */ (await get(`/characters/${encodeURIComponent(id)}/models`));
    const found = choices(choosing);
    const round = newRound(made);
    const problem = problemLine();
    const onsubmit = async (/** @type {SubmitEvent} */ event) => {
      event.preventDefault();
      try {
        const asked = { ...found.chosen(), new_round: round.input.checked };
        await post(`/characters/${encodeURIComponent(id)}/models`, asked);
        box.close();
        toast(`The models of ${name} are kept.`);
        await poll();
      } catch (error) {
        problem.textContent = wordsOf(error);
      }
    };
    const save = h("button", { id: "models-save", type: "submit", class: "fb primary" }, "Save");
    const form = h(
      "form",
      { class: "form models", onsubmit },
      found.lines,
      round.line,
      problem,
      h("div", { class: "row end" }, save),
    );
    const box = dialog(`Models of ${name}`, form, { id: "models-dialog" });
    box.showModal();
  });
}
