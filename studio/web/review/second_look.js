// @ts-check
/** A blind second look: some of what was judged is shown again without its label and scores, and judged once more. */

import { get } from "../core/net.js";
import { count } from "../core/format.js";
import { attempt, toast } from "../core/ui.js";
import { flushDecisions } from "./decisions.js";

/** @import { Label } from "../shapes.js" */
/** @import { SecondLook as Found } from "../types.js" */
/** @import { Review } from "./review.js" */

export class SecondLook {
  /** @param {Review} review */
  constructor(review) {
    this.review = review;
  }

  /** @returns {Promise<Found>} */
  async ask() {
    await flushDecisions();
    return get(`/review/second-look?gate=${this.review.model.gate}`);
  }

  start() {
    const { review } = this;
    const { model } = review;
    if (model.blind) return this.end();
    return attempt(async () => {
      const { images, words, where } = await this.ask();
      const there = images.filter((id) => model.tiles.has(id));
      if (!there.length) {
        toast(`Nothing to look at again: judge more first. ${words}`);
        return;
      }
      model.lookAgain(there, where);
      review.paint("all");
      review.view.say(`A second look at ${count(there.length, "picture")}: P, N or X. Escape ends it.`);
    });
  }

  /**
   * A label was said, or taken back.
   * @param {string} id
   * @param {Label | null} label
   */
  told(id, label) {
    const { blind } = this.review.model;
    if (!blind) return;
    if (label) blind.told.set(id, label);
    else blind.told.delete(id);
  }

  /** All are judged again, or one has enough: how often both looks said the same. */
  end() {
    const { review } = this;
    const { model } = review;
    const looked = [...(model.blind?.told.keys() ?? [])];
    model.seeAgain();
    review.paint("all");
    return attempt(async () => {
      const { words, differing } = await this.ask();
      const now = differing.filter((id) => looked.includes(id) && model.tiles.has(id));
      if (now.length) model.show(now, now[0]);
      toast(now.length ? `${words} Here ${now.length === 1 ? "is" : "are"} what you judged otherwise now.` : words);
      review.paint("all");
    });
  }
}
