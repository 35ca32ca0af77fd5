// @ts-check
/** The narrow panel: scores, the decision, stars, what it shows, failure modes, the correction, the recipe. */

import { h, press, put } from "../core/dom.js";
import { facts } from "../core/facts.js";
import { tryGet } from "../core/net.js";
import { button, definitionLines } from "../core/ui.js";
import { identity } from "../pictures/parts.js";
import { Correction } from "./correction.js";
import { LABELS } from "./decisions.js";
import { Note } from "./note.js";
import { Shows } from "./shows.js";

/** @import { Label } from "../shapes.js" */
/** @import { Picture, PileItem } from "../types.js" */
/** @import { Review } from "./review.js" */

const STARS = [1, 2, 3, 4, 5];
/** A recipe is fetched when one stays at a picture. */
const STAY_MS = 140;

/** @type {Record<Label, { id: string, words: string, key: string }>} */
const CHOICES = {
  good: { id: "review-good", words: "Good", key: "P" },
  needs_correction: { id: "review-correct", words: "Needs correction", key: "N" },
  reject: { id: "review-reject", words: "Reject", key: "X" },
};

/**
 * What was asked for and what a machine measured, where either is known; what differs is marked.
 * @param {PileItem} tile
 */
function askedAndMeasured({ asked, measured }) {
  const known = (/** @type {string} */ word) => word !== "unsure";
  const differs = (/** @type {number} */ n) => known(asked[n]) && known(measured[n]) && asked[n] !== measured[n];
  const line = (/** @type {string} */ name, /** @type {string[]} */ words) => {
    if (!words.some(known)) return null;
    const parts = words.map((word, n) =>
      known(word) ? h("span", { class: words === measured && differs(n) ? "other" : "" }, word) : null,
    );
    return h("span", { class: "rv-pair" }, h("b", {}, name), parts);
  };
  return [line("asked", asked), line("measured", measured)];
}

/** @param {string} name */
function earlierFailure(name) {
  const title = "Noted earlier; there is no such failure mode any more";
  return h("span", { class: "fail", "aria-pressed": "true", title }, name);
}

export class SidePanel {
  /** @param {Review} review */
  constructor(review) {
    this.review = review;
    this.scores = h("div", { class: "rv-scores" });
    this.recipe = h("dl", { class: "facts" });
    this.choices = this.choiceButtons();
    this.stars = { identity: this.starButtons("identity"), edit: this.starButtons("edit") };
    this.failures = this.failureButtons();
    this.earlier = h("span", { id: "review-earlier-failures" });
    this.shows = new Shows((said) => review.tag(said));
    this.note = new Note((tile, words) => review.deciding.note(tile, words));
    this.measured = h("div", { id: "review-measured", class: "rv-measured" });
    this.correction = new Correction(
      () => review.model.current,
      (tile, answer, words) => review.corrected(tile, answer, words),
    );
    const rates = [this.starRow("Identity", this.stars.identity), this.starRow("Edit", this.stars.edit)];
    this.node = h(
      "aside",
      { class: "rv-side" },
      this.scores,
      this.measured,
      h("div", { class: "choices" }, [...this.choices.values()]),
      h("div", { class: "rates" }, rates),
      this.shows.node,
      this.note.node,
      h("div", { class: "fails" }, [...this.failures.values()], this.earlier),
      this.correction.node,
      h("section", {}, this.recipe),
    );
    this.asked = 0;
  }

  choiceButtons() {
    const choice = (/** @type {Label} */ label) => {
      const { id, words, key } = CHOICES[label];
      const look = { id, icon: LABELS[label].icon, class: `choice l-${label}`, title: key };
      return button(words, () => this.review.deciding.label(label), look);
    };
    const labels = /** @type {Label[]} */ (Object.keys(CHOICES));
    return new Map(labels.map((label) => [label, choice(label)]));
  }

  /** @param {"identity" | "edit"} action */
  starButtons(action) {
    const star = (/** @type {number} */ n) =>
      h("button", { type: "button", onclick: () => this.review.deciding.rate(action, n) }, String(n));
    return STARS.map(star);
  }

  /**
   * @param {string} words
   * @param {HTMLElement[]} buttons
   */
  starRow(words, buttons) {
    const props = { class: "stars", role: "group", "aria-label": `${words} 1 to 5` };
    return h("div", props, h("span", {}, words), buttons);
  }

  failureButtons() {
    const failure = (/** @type {string} */ letter, /** @type {string} */ name) => {
      const props = {
        type: "button",
        class: "fail",
        dataset: { words: name },
        onclick: () => this.review.deciding.fail(letter),
      };
      return h("button", props, h("kbd", {}, letter.toUpperCase()), facts.failure_words[name] ?? name);
    };
    return new Map(Object.entries(facts.failures).map(([letter, name]) => [name, failure(letter, name)]));
  }

  /** @param {PileItem} tile */
  paint(tile) {
    const { blind } = this.review.model;
    const noFace = tile.faces === 0 && h("span", { class: "identity v-wrong" }, "no face");
    const scores = blind ? [] : [identity(tile), noFace];
    put(this.scores, scores, h("span", { class: "rv-title" }, tile.title));
    const [asked, measured] = askedAndMeasured(tile);
    put(this.measured, asked, !blind && measured);
    this.shows.paint(tile);
    clearTimeout(this.asked);
    if (blind) put(this.recipe);
    else this.asked = setTimeout(() => this.paintRecipe(tile), STAY_MS);
  }

  /** @param {PileItem} tile */
  async paintRecipe(tile) {
    const full = /** @type {Picture | null} */ (await tryGet(`/picture/${tile.id}`));
    if (!full || this.review.model.current?.id !== tile.id) return;
    put(this.recipe, definitionLines([...full.scores, ...full.recipe]));
    this.correction.given(full);
  }

  /** @param {PileItem | undefined} tile at a second look nothing but its label is shown and asked */
  paintState(tile) {
    const { blind, armed } = this.review.model;
    const said = tile && this.review.model.labelOf(tile);
    for (const [label, node] of this.choices) press(node, said === label);
    this.node.classList.toggle("blind", blind !== null);
    this.node.classList.toggle("armed", armed);
    this.paintSaid(blind ? undefined : tile);
  }

  /** @param {PileItem | undefined} tile */
  paintSaid(tile) {
    const state = tile?.state;
    this.paintStars("identity", state?.identity ?? 0);
    this.paintStars("edit", state?.edit ?? 0);
    this.paintFailures(state?.failures ?? []);
    this.note.paint(tile);
    this.correction.paint(tile);
  }

  /** @param {string[]} noted */
  paintFailures(noted) {
    for (const [name, node] of this.failures) press(node, noted.includes(name));
    put(this.earlier, noted.filter((name) => !this.failures.has(name)).map(earlierFailure));
  }

  /**
   * @param {"identity" | "edit"} action
   * @param {number} count
   */
  paintStars(action, count) {
    this.stars[action].forEach((node, n) => press(node, n < count));
  }

  /** A cell of the card is judged by what it was asked for. */
  paintLayout() {
    this.shows.node.classList.toggle("off", this.review.model.gate === "card");
  }
}
