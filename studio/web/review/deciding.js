// @ts-check
/** What a key decides: on the present picture, or on all that are selected. */

import { facts } from "../core/facts.js";
import { post } from "../core/net.js";
import { attempt } from "../core/ui.js";
import { decideAll, flushDecisions, foresee, LABELS, newBatch, settle } from "./decisions.js";
import { standing } from "./model.js";

/** @import { Action, Label } from "../shapes.js" */
/** @import { PileItem } from "../types.js" */
/** @import { Review } from "./review.js" */

export class Deciding {
  /** @param {Review} review */
  constructor(review) {
    this.review = review;
  }

  /**
   * The same of each, taken back as one.
   * @param {PileItem[]} tiles
   * @param {Action} action
   * @param {string | number | null} value
   * @param {string} words
   */
  record(tiles, action, value, words) {
    const { model } = this.review;
    const { where } = model;
    const batch = tiles.length > 1 ? newBatch() : "";
    const said = decideAll(tiles.map(({ id: image }) => ({ image, action, value, where, batch })));
    const items = tiles.map((tile, n) => {
      const before = standing(tile);
      model.place(tile, foresee(tile, action, value));
      return { tile: tile.id, decision: said[n].id, before, after: standing(tile) };
    });
    const told = tiles.length > 1 ? `${tiles.length} pictures: ${words}` : words;
    this.review.history.add({ kind: "decision", tile: tiles[0].id, words: told, action, value, where, items });
    this.review.decided = performance.now();
    this.review.view.say(told);
  }

  /** @param {Label | null} label */
  label(label) {
    const { review } = this;
    const { targets, selection } = review.model;
    if (!targets.length) return;
    this.record(targets, "label", label, label ? LABELS[label].words : "label cleared");
    if (selection.size) review.paint("state");
    else this.goOn(label);
  }

  /**
   * One picture has its label: the next is shown.
   * @param {Label | null} label
   */
  goOn(label) {
    const { review } = this;
    const { model } = review;
    if (model.blind) review.second.told(model.order[model.at], label);
    this.move(label);
    if (model.blind?.told.size === model.order.length) review.second.end();
  }

  /** @param {Label | null} label */
  move(label) {
    const { review } = this;
    const { model } = review;
    const last = model.atLast;
    if (label && last) review.view.say(`${LABELS[label].words}. That was the last picture.`);
    const goesOn = label && model.advance && !last;
    if (goesOn) model.at += 1;
    review.paint(goesOn ? "picture" : "state");
  }

  /**
   * @param {"identity" | "edit"} action
   * @param {number} stars 0 clears
   */
  rate(action, stars) {
    const { targets, blind } = this.review.model;
    if (!targets.length || blind) return;
    const words = action === "edit" ? "edit quality" : "identity";
    this.record(targets, action, stars || null, `${words} ${stars || "cleared"}`);
    this.review.paint("state");
  }

  /** @param {string} letter */
  fail(letter) {
    this.review.model.armed = false;
    const { targets, blind } = this.review.model;
    const name = facts.failures[letter];
    if (name && targets.length && !blind) {
      const without = targets.filter((tile) => !tile.state.failures.includes(name));
      const words = `${name} ${without.length ? "noted" : "taken back"}`;
      this.record(without.length ? without : targets, "failure", name, words);
    }
    this.review.paint("state");
  }

  /**
   * A note on a picture; on all that are selected, if it is one of them.
   * @param {PileItem} tile
   * @param {string} words
   */
  note(tile, words) {
    const { targets } = this.review.model;
    const those = targets.includes(tile) ? targets : [tile];
    this.record(those, "note", words || null, words ? "note" : "note cleared");
    this.review.paint("state");
  }

  /** The present picture is good, and those that are nearly the same are rejected: one step. */
  keepOne() {
    const { model } = this.review;
    const { current } = model;
    if (!current || model.blind) return undefined;
    if (!model.groups.around(current.id).length) {
      this.review.view.say("No other picture is nearly the same.");
      return undefined;
    }
    return attempt(async () => {
      await flushDecisions();
      const answer = await post("/review/keep-one", { gate: model.gate, image: current.id });
      this.review.history.add({ kind: "earlier", tile: current.id, words: answer.words, step: answer.id, undone: "" });
      settle(answer);
      const last = model.atLast;
      if (model.advance && !last && model.current === current) model.at += 1;
      this.review.paint("picture");
      this.review.view.say(answer.words);
    });
  }
}
