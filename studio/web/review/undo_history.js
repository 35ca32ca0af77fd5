// @ts-check
/** What can be undone and redone: decisions, corrections, and what a picture is said to show. No DOM. */

/** @import { Action } from "../shapes.js" */
/** @import { Standing, UndoStep } from "../types.js" */
/**
 * @typedef {{ angle?: string, expression?: string }} Tags
 * @typedef {{ tile: string, decision: string, before: Standing, after: Standing }} DecidedItem of one picture
 * @typedef {{ tile: string, words: string, kind: "decision", action: Action, value: string | number | null, where: string, items: DecidedItem[] }} DecisionEntry
 * @typedef {{ tile: string, words: string, kind: "earlier", step: string, undone: string }} EarlierEntry what the studio remembers; `undone` names what took it back
 * @typedef {{ image: string, last: string, before: Standing, after: Standing }} CorrectionEvent
 * @typedef {{ tile: string, words: string, kind: "correction", events: CorrectionEvent[] }} CorrectionEntry
 * @typedef {{ tile: string, words: string, kind: "tags", before: Tags, after: Tags }} TagEntry
 * @typedef {DecisionEntry | CorrectionEntry | TagEntry | EarlierEntry} Entry
 */

export class UndoHistory {
  constructor() {
    /** @type {Entry[]} */
    this.done = [];
    /** @type {Entry[]} */
    this.undone = [];
  }

  /**
   * Another gate, or another page: what can be taken back is what the studio remembers.
   * @param {UndoStep[]} steps the last at the end
   */
  begin(steps) {
    this.done = steps.map(({ id, image, words }) => ({ kind: "earlier", tile: image, words, step: id, undone: "" }));
    this.undone = [];
  }

  /** @param {Entry} entry */
  add(entry) {
    this.done.push(entry);
    this.undone = [];
  }

  /**
   * What a picture is said to show. Typing a word into a chooser passes others on the way: that is one entry.
   * @param {string} tile
   * @param {Tags} before
   * @param {Tags} after
   * @param {string} words
   * @returns {TagEntry}
   */
  addTags(tile, before, after, words) {
    const last = this.done[this.done.length - 1];
    const goesOn = last?.kind === "tags" && last.tile === tile && Object.keys(after).every((key) => key in last.after);
    if (goesOn) this.done.pop();
    const entry = /** @type {TagEntry} */ ({ kind: "tags", tile, before: goesOn ? last.before : before, after, words });
    this.add(entry);
    return entry;
  }

  /**
   * Takes the entry that is to be undone (or redone); it can be turned back.
   * @param {boolean} back
   * @returns {Entry | undefined}
   */
  turn(back) {
    const [from, to] = back ? [this.done, this.undone] : [this.undone, this.done];
    const entry = from.pop();
    if (entry) to.push(entry);
    return entry;
  }
}
