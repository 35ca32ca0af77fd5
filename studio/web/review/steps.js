// @ts-check
/** What can be undone and redone: decisions, corrections, and what a picture is said to show. No DOM. */

/** @import { Action } from "../shapes.js" */
/** @import { Standing } from "../types.js" */
/**
 * @typedef {{ angle?: string, expression?: string }} Tags
 * @typedef {{ tile: string, words: string, kind: "decision", action: Action, value: string | number | null, decision: string, before: Standing, after: Standing }} DecisionStep
 * @typedef {{ image: string, last: string, before: Standing, after: Standing }} CorrectionEvent
 * @typedef {{ tile: string, words: string, kind: "correction", events: CorrectionEvent[] }} CorrectionStep
 * @typedef {{ tile: string, words: string, kind: "tags", before: Tags, after: Tags }} TagStep
 * @typedef {DecisionStep | CorrectionStep | TagStep} Step
 */

export class Steps {
  constructor() {
    /** @type {Step[]} */
    this.done = [];
    /** @type {Step[]} */
    this.undone = [];
  }

  clear() {
    this.done = [];
    this.undone = [];
  }

  /** @param {Step} step */
  add(step) {
    this.done.push(step);
    this.undone = [];
  }

  /**
   * What a picture is said to show. Typing a word into a chooser passes others on the way: that is one step.
   * @param {string} tile
   * @param {Tags} before
   * @param {Tags} after
   * @param {string} words
   * @returns {TagStep}
   */
  addTags(tile, before, after, words) {
    const last = this.done[this.done.length - 1];
    const goesOn = last?.kind === "tags" && last.tile === tile && Object.keys(after).every((key) => key in last.after);
    if (goesOn) this.done.pop();
    const step = /** @type {TagStep} */ ({ kind: "tags", tile, before: goesOn ? last.before : before, after, words });
    this.add(step);
    return step;
  }

  /**
   * Takes the step that is to be undone (or redone); it can be turned back.
   * @param {boolean} back
   * @returns {Step | undefined}
   */
  turn(back) {
    const [from, to] = back ? [this.done, this.undone] : [this.undone, this.done];
    const step = from.pop();
    if (step) to.push(step);
    return step;
  }
}
