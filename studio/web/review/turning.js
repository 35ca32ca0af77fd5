// @ts-check
/** Undoing and redoing: what was done on this page, and before it what the studio knows of earlier ones. */

import { post } from "../core/net.js";
import { attempt } from "../core/ui.js";
import { decideAll, flushDecisions, newBatch, settle } from "./decisions.js";

/** @import { Label } from "../shapes.js" */
/** @import { StepTaken } from "../types.js" */
/** @import { Review } from "./review.js" */
/** @import { CorrectionEntry, DecisionEntry, EarlierEntry, Entry, TagEntry } from "./undo_history.js" */

export class Turning {
  /** @param {Review} review */
  constructor(review) {
    this.review = review;
    /** the studio is asked one after another, in the order of the keys */
    this.asking = Promise.resolve();
  }

  /** @param {boolean} back undo, else redo */
  turn(back) {
    const { review } = this;
    const entry = review.history.turn(back);
    if (!entry) {
      review.view.say(back ? "Nothing to undo." : "Nothing to redo.");
      return;
    }
    this.act(entry, back);
    if (review.model.tiles.has(entry.tile)) review.model.goTo(entry.tile);
    review.model.refresh(); // what stands in the filter again is seen again, all of it
    review.view.say(`${back ? "undone" : "redone"}: ${entry.words}`);
    review.paint("picture");
  }

  /**
   * @param {Entry} entry
   * @param {boolean} back
   */
  act(entry, back) {
    if (entry.kind === "earlier") this.recall(entry, back);
    else if (!this.review.model.tiles.has(entry.tile)) return;
    else if (entry.kind === "tags") this.retag(entry, back);
    else if (entry.kind === "correction") this.recorrect(entry, back);
    else this.redecide(entry, back);
  }

  /**
   * What an earlier page, another page or the command line decided: the studio takes it back, of all pictures that one
   * key was pressed for.
   * @param {EarlierEntry} entry
   * @param {boolean} back
   */
  recall(entry, back) {
    const { review } = this;
    const { gate } = review.model;
    const ask = async () => {
      await flushDecisions();
      const answer = /** @type {StepTaken} */ (
        back
          ? await post("/review/undo", { gate, step: entry.step })
          : await post("/review/redo", { step: entry.undone })
      );
      if (back) entry.undone = answer.id;
      settle(answer);
      review.model.refresh();
      review.paint("all");
    };
    this.asking = this.asking.then(() => attempt(ask));
  }

  /**
   * @param {DecisionEntry} entry
   * @param {boolean} back
   */
  redecide(entry, back) {
    const { review } = this;
    const { items, action, value, where } = entry;
    const batch = items.length > 1 ? newBatch() : "";
    const undo = /** @type {const} */ ("undo");
    const ids = decideAll(
      items.map(({ tile: image, decision }) =>
        back ? { image, action: undo, value: null, undoes: decision, where } : { image, action, value, where, batch },
      ),
    );
    items.forEach((item, n) => {
      if (!back) item.decision = ids[n].id;
      review.model.placeIfHere(item.tile, back ? item.before : item.after);
      if (action === "label") review.second.told(item.tile, back ? null : /** @type {Label | null} */ (value));
    });
    review.decided = performance.now();
  }

  /**
   * A correction is two decisions, on the picture and on what corrects it: each is undone, and undone again to redo.
   * @param {CorrectionEntry} entry
   * @param {boolean} back
   */
  recorrect(entry, back) {
    const where = "correction";
    const said = entry.events.map(({ image, last }) => ({
      image,
      action: /** @type {const} */ ("undo"),
      value: null,
      undoes: last,
      where,
    }));
    const ids = decideAll(said);
    entry.events.forEach((event, n) => {
      event.last = ids[n].id;
      this.review.model.placeIfHere(event.image, back ? event.before : event.after);
    });
    this.review.decided = performance.now();
  }

  /**
   * @param {TagEntry} entry
   * @param {boolean} back
   */
  retag(entry, back) {
    this.review.tell(entry.tile, back ? entry.before : entry.after);
  }
}
