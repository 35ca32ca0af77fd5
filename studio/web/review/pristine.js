// @ts-check
/** Which of the good pictures the next training learns from: the best are picked, where the training set has least. */

import { h, press } from "../core/dom.js";
import { post } from "../core/net.js";
import { flipped } from "../core/sets.js";
import { attempt, button, dialog, relabel } from "../core/ui.js";
import { thumb } from "../pictures/parts.js";

/** @import { Candidate, Candidates } from "../types.js" */
/** @typedef {{ version: string, count: number }} Kept */

const ABOUT =
  "Good pictures in the order worth taking: what no source shows, the emptiest place of the training set first, there " +
  "the one with most stars, then the most alike. Click to leave one out or take it in.";

/**
 * How many pictures the training set has of each candidate's cell by the time it is taken, those before it included.
 * @param {Candidates} found
 * @returns {number[]}
 */
export function alreadyThere({ have, pictures }) {
  const counts = { ...have };
  return pictures.map(({ cell }) => {
    const before = counts[cell] ?? 0;
    counts[cell] = before + 1;
    return before;
  });
}

/**
 * @param {Candidate} picture
 * @param {number} before
 * @param {() => void} onclick
 */
function tile(picture, before, onclick) {
  const title = `${picture.title}: the training set has ${before || "none"} of ${picture.cell}`;
  const chip = h("span", { class: `kb-new${before ? "" : " first"}` }, before ? `has ${before}` : "new");
  const cell = h("span", { class: "kb-cell" }, picture.cell);
  return h("button", { type: "button", class: "kb-tile", onclick, title }, thumb(picture), cell, chip);
}

class Choice {
  /**
   * @param {Candidates} found
   * @param {(kept: Kept) => void} kept
   */
  constructor(found, kept) {
    this.found = found;
    this.kept = kept;
    /** @type {Set<number>} places in the list */
    this.picked = new Set();
    const before = alreadyThere(found);
    this.tiles = found.pictures.map((picture, n) => tile(picture, before[n], () => this.flip(n)));
    const first = Math.min(found.most, this.tiles.length);
    this.most = h("input", { id: "pristine-most", type: "number", min: "1", max: this.tiles.length, value: first });
    this.most.addEventListener("input", () => this.pickFirst(Number(this.most.value)));
    this.go = button("", () => this.keep(), { id: "pristine-keep", class: "primary" });
    this.box = dialog("Keep the best as pristine", this.content(), { id: "pristine-dialog", wide: true });
    this.pickFirst(first);
  }

  content() {
    const most = h("label", { class: "field row" }, h("span", {}, "The first"), this.most);
    const foot = h("div", { class: "kb-foot" }, most, h("span", { class: "grow" }), this.go);
    return h("div", { class: "kb" }, h("p", { class: "dim" }, ABOUT), h("div", { class: "kb-grid" }, this.tiles), foot);
  }

  /** @param {number} n */
  flip(n) {
    this.picked = flipped(this.picked, n);
    this.paint();
  }

  /** @param {number} count */
  pickFirst(count) {
    this.picked = new Set(this.tiles.slice(0, count || 0).keys());
    this.paint();
  }

  paint() {
    this.tiles.forEach((node, n) => press(node, this.picked.has(n)));
    relabel(this.go, `Keep ${this.picked.size} as pristine`);
    this.go.disabled = !this.picked.size;
  }

  keep() {
    return attempt(async () => {
      const images = this.found.pictures.filter((_, n) => this.picked.has(n)).map((p) => p.id);
      const kept = /** @type {Kept} */ (await post("/review/pristine", { images }));
      this.box.close();
      this.kept(kept);
    });
  }
}

/**
 * Opens the choice.
 * @param {Candidates} found the best first
 * @param {(kept: Kept) => void} kept hears what the studio kept
 */
export function openPristine(found, kept) {
  new Choice(found, kept).box.showModal();
}
