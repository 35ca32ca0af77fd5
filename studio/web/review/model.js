// @ts-check
/** What lies at a gate of the review, which of it is shown, and where one is in it. No DOM. */

import { clamp } from "../charts/scale.js";

/** @import { Pile, PileItem, Standing, Tally } from "../types.js" */
/** @typedef {{ gate?: string, at?: Record<string, string>, advance?: boolean, compare?: boolean, info?: boolean }} Memory */

/**
 * @param {Standing} tile
 * @returns {Standing}
 */
export function standing({ state, piles, above }) {
  return { state, piles, above };
}

export class ReviewModel {
  /**
   * @param {Record<string, string>} gates words by gate
   * @param {Memory} memory of an earlier page
   */
  constructor(gates, memory) {
    const known = memory.gate && memory.gate in gates ? memory.gate : Object.keys(gates)[0];
    this.gates = gates;
    this.memory = memory.at ?? {};
    this.advance = memory.advance !== false;
    this.compare = memory.compare !== false;
    this.info = memory.info !== false;
    /** @type {"single" | "grid"} */
    this.mode = "single";
    this.zoom = false;
    this.peek = false;
    /** the next letter is that of a failure mode */
    this.armed = false;
    /** whose pictures are here: character and gate */
    this.owner = "";
    /** whose pictures the user has chosen a filter for: their arrival does not choose another */
    this.picked = "";
    this.gate = known;
    this.filter = "open";
    /** @type {Map<string, PileItem>} */
    this.tiles = new Map();
    /** @type {Record<string, number>} */
    this.counts = {};
    /** how many the filter by rule would sort out */
    this.going = 0;
    /** @type {string[]} the pictures that are shown */
    this.order = [];
    this.at = 0;
  }

  /** @param {string} gate */
  open(gate) {
    Object.assign(this, { gate, filter: "open", tiles: new Map(), counts: {}, going: 0, order: [], at: 0 });
    this.forget();
  }

  /** What comes next is an arrival: filter and place are chosen anew. */
  forget() {
    this.owner = "";
    this.picked = "";
  }

  get current() {
    return this.tiles.get(this.order[this.at]);
  }

  get where() {
    return this.gate === "card" ? "card" : "review";
  }

  /** @returns {Memory} what a page to come needs */
  remembered() {
    const here = this.current;
    if (here) this.memory = { ...this.memory, [this.gate]: here.id };
    const { gate, advance, compare, info, memory: at } = this;
    return { gate, advance, compare, info, at };
  }

  /** @returns {string[]} */
  inFilter() {
    return [...this.tiles.values()].filter((tile) => tile.piles.includes(this.filter)).map((tile) => tile.id);
  }

  /**
   * Show another pile, staying at the picture if it is in it.
   * @param {string} filter
   * @param {string} owner
   */
  choose(filter, owner) {
    this.filter = filter;
    this.picked = owner;
    this.show(this.inFilter(), this.order[this.at]);
  }

  /**
   * @param {string[]} order
   * @param {string | undefined} here
   */
  show(order, here) {
    this.order = order;
    this.at = Math.max(0, order.indexOf(here ?? ""));
  }

  /**
   * The studio's answer. Pictures that were decided on meanwhile (`mine`) keep what the page knows of them.
   * @param {Pile} found
   * @param {Set<string>} mine
   * @param {string} owner
   * @returns {boolean} whether these are another's pictures than before
   */
  take(found, mine, owner) {
    const old = this.tiles;
    this.tally(found);
    this.tiles = new Map(found.items.map((tile) => [tile.id, tile]));
    for (const id of mine) {
      const [before, now] = [old.get(id), this.tiles.get(id)];
      if (before && now) this.place(now, standing(before));
    }
    const others = owner !== this.owner;
    if (others) this.arrive(owner);
    else this.refresh();
    return others;
  }

  /** @param {Tally} tally */
  tally({ counts, filter }) {
    this.counts = { ...counts };
    this.going = filter;
  }

  /** @param {string} owner */
  arrive(owner) {
    this.owner = owner;
    if (this.picked !== owner) {
      this.picked = "";
      this.filter = this.counts.open ? "open" : "all";
    }
    this.show(this.inFilter(), this.memory[this.gate]);
  }

  /** What is on the screen stays in its order, decided on or not; news come behind. */
  refresh() {
    const kept = this.order.filter((id) => this.tiles.has(id));
    const there = new Set(kept);
    this.show([...kept, ...this.inFilter().filter((id) => !there.has(id))], this.order[this.at]);
  }

  /**
   * A picture stands elsewhere now: it leaves its piles for others.
   * @param {PileItem} tile
   * @param {Standing} now
   */
  place(tile, now) {
    for (const pile of tile.piles) this.counts[pile] = (this.counts[pile] ?? 0) - 1;
    for (const pile of now.piles) this.counts[pile] = (this.counts[pile] ?? 0) + 1;
    Object.assign(tile, now);
  }

  /**
   * @param {string} id
   * @param {Standing} now
   */
  placeIfHere(id, now) {
    const tile = this.tiles.get(id);
    if (tile) this.place(tile, now);
  }

  get atLast() {
    return this.at === this.order.length - 1;
  }

  /**
   * @param {number} to
   * @returns {"first" | "last" | null} the end that one ran against
   */
  go(to) {
    const bound = clamp(to, 0, Math.max(0, this.order.length - 1));
    const stuck = bound === this.at && to !== bound;
    this.at = bound;
    this.peek = false;
    if (!stuck) return null;
    return to < 0 ? "first" : "last";
  }

  /** @param {string} id */
  goTo(id) {
    const at = this.order.indexOf(id);
    if (at >= 0) this.at = at;
  }
}
