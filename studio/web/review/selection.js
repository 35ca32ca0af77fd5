// @ts-check
/** Which pictures of the grid are selected: with Shift from where one was, with Ctrl one by one. No DOM. */

import { clamp } from "../charts/scale.js";

export class Selection {
  constructor() {
    /** @type {Set<string>} */
    this.ids = new Set();
    /** where a stretch begins: its place in the order */
    this.from = -1;
  }

  get size() {
    return this.ids.size;
  }

  clear() {
    this.ids = new Set();
    this.from = -1;
  }

  /**
   * All between where the stretch began and `to`, and nothing else.
   * @param {string[]} order
   * @param {number} at the present place: a new stretch begins there
   * @param {number} to
   * @returns {number} the place that was reached
   */
  reach(order, at, to) {
    if (!order.length) return 0;
    if (this.from < 0) this.from = at;
    const end = clamp(to, 0, order.length - 1);
    this.ids = new Set(order.slice(Math.min(this.from, end), Math.max(this.from, end) + 1));
    return end;
  }

  /**
   * One more, or one less; the first time what was looked at is selected with it.
   * @param {string[]} order
   * @param {number} at
   * @param {number} to
   */
  flip(order, at, to) {
    if (!this.size && at !== to) this.ids.add(order[at]);
    if (!this.ids.delete(order[to])) this.ids.add(order[to]);
    this.from = to;
  }

  /** @param {string[]} order */
  all(order) {
    this.ids = new Set(order);
    this.from = 0;
  }

  /**
   * What is selected, in the order it is shown.
   * @param {string[]} order
   */
  in(order) {
    return order.filter((id) => this.ids.has(id));
  }
}
