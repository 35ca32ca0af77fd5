// @ts-check
/** The narrow panel: scores, the decision, stars, what it shows, failure modes, the correction, the recipe. */

import { h, press, put } from "../core/dom.js";
import { facts } from "../core/facts.js";
import { tryGet } from "../core/net.js";
import { button, factLines } from "../core/ui.js";
import { identity } from "../pictures/parts.js";
import { Correction } from "./correction.js";
import { LABELS } from "./decisions.js";
import { Shows } from "./shows.js";

/** @import { Label, Picture, PileTile } from "../shapes.js" */
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

export class SidePanel {
  /** @param {Review} review */
  constructor(review) {
    this.review = review;
    this.scores = h("div", { class: "rv-scores" });
    this.recipe = h("dl", { class: "facts" });
    this.choices = this.choiceButtons();
    this.stars = { identity: this.starButtons("identity"), edit: this.starButtons("edit") };
    this.failures = this.failureButtons();
    this.shows = new Shows((said) => review.tag(said));
    this.correction = new Correction(
      () => review.model.current,
      (tile, answer, words) => review.corrected(tile, answer, words),
    );
    const rates = [this.starRow("Identity", this.stars.identity), this.starRow("Edit", this.stars.edit)];
    this.node = h(
      "aside",
      { class: "rv-side" },
      this.scores,
      h("div", { class: "choices" }, [...this.choices.values()]),
      h("div", { class: "rates" }, rates),
      this.shows.node,
      h("div", { class: "fails" }, [...this.failures.values()]),
      this.correction.node,
      h("section", {}, this.recipe),
    );
    this.asked = 0;
  }

  choiceButtons() {
    const choice = (/** @type {Label} */ label) => {
      const { id, words, key } = CHOICES[label];
      const look = { id, icon: LABELS[label].icon, class: `choice l-${label}`, title: key };
      return button(words, () => this.review.label(label), look);
    };
    const labels = /** @type {Label[]} */ (Object.keys(CHOICES));
    return new Map(labels.map((label) => [label, choice(label)]));
  }

  /** @param {"identity" | "edit"} action */
  starButtons(action) {
    const star = (/** @type {number} */ n) =>
      h("button", { type: "button", onclick: () => this.review.rate(action, n) }, String(n));
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
    const failure = (/** @type {string} */ letter, /** @type {string} */ words) => {
      const props = { type: "button", class: "fail", onclick: () => this.review.fail(letter) };
      return h("button", props, h("kbd", {}, letter.toUpperCase()), words);
    };
    return new Map(Object.entries(facts.failures).map(([letter, words]) => [words, failure(letter, words)]));
  }

  /** @param {PileTile} tile */
  paint(tile) {
    const noFace = tile.faces === 0 && h("span", { class: "identity v-wrong" }, "no face");
    put(this.scores, identity(tile), noFace, h("span", { class: "rv-title" }, tile.title));
    this.shows.paint(tile);
    clearTimeout(this.asked);
    this.asked = setTimeout(() => this.paintRecipe(tile), STAY_MS);
  }

  /** @param {PileTile} tile */
  async paintRecipe(tile) {
    const full = /** @type {Picture | null} */ (await tryGet(`/picture/${tile.id}`));
    if (!full || this.review.model.current?.id !== tile.id) return;
    put(this.recipe, factLines([...full.scores, ...full.recipe]));
  }

  /** @param {PileTile | undefined} tile */
  paintState(tile) {
    const state = tile?.state;
    for (const [label, node] of this.choices) press(node, state?.label === label);
    this.paintStars("identity", state?.identity ?? 0);
    this.paintStars("edit", state?.edit ?? 0);
    for (const [words, node] of this.failures) press(node, Boolean(state?.failures.includes(words)));
    this.node.classList.toggle("armed", this.review.model.armed);
    this.correction.paint(tile);
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
