// @ts-check
/** What lies at a gate of the review, which of it is shown, and where one is in it. No DOM. */

import { clamp } from "../charts/scale.js";
import { Groups } from "./alike.js";
import { Selection } from "./selection.js";

/** @import { Pile, PileItem, Standing, Tally } from "../types.js" */
/** @import { Label } from "../shapes.js" */
/** @typedef {{ gate?: string, at?: Record<string, string>, advance?: boolean, compare?: boolean, info?: boolean, sort?: string, grouped?: boolean }} Memory */
/** @typedef {{ where: string, told: Map<string, Label> }} Blind a second look: where it is recorded, and what was said */

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
    this.sort = memory.sort ?? "made";
    this.grouped = memory.grouped === true;
    this.groups = new Groups();
    this.selection = new Selection();
    /** @type {Blind | null} */
    this.blind = null;
    /** @type {number | null} how many good pictures are wanted here */
    this.wanted = null;
    this.pace = "";
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
    /** the picture that somebody sent the reviewer to, whatever the filter */
    this.sent = "";
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
    Object.assign(this, { blind: null, groups: new Groups(), wanted: null, pace: "" });
    this.selection.clear();
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
    return this.blind?.where ?? (this.gate === "card" ? "card" : "review");
  }

  /** What a key decides on: all that is selected, else the present picture. */
  get targets() {
    const ids = this.mode === "grid" ? this.selection.in(this.order) : [];
    const here = this.current;
    const chosen = ids.map((id) => this.tiles.get(id)).filter((tile) => tile !== undefined);
    return chosen.length ? chosen : here ? [here] : [];
  }

  /**
   * The label that may be seen: at a second look only what was said at it.
   * @param {Standing & { id: string }} tile
   * @returns {Label | null}
   */
  labelOf({ id, state }) {
    return this.blind ? (this.blind.told.get(id) ?? null) : state.label;
  }

  /**
   * How many pictures one stands for.
   * @param {string} id
   */
  standsFor(id) {
    return this.grouped && !this.blind ? this.groups.around(id).length : 0;
  }

  /** @returns {Memory} what a page to come needs */
  remembered() {
    const here = this.current;
    if (here && !this.blind) this.memory = { ...this.memory, [this.gate]: here.id };
    const { gate, advance, compare, info, sort, grouped, memory: at } = this;
    return { gate, advance, compare, info, sort, grouped, at };
  }

  /** @returns {string[]} */
  inFilter() {
    const ids = [...this.tiles.values()].filter((tile) => tile.piles.includes(this.filter)).map((tile) => tile.id);
    return this.grouped ? this.groups.oneOfEach(ids) : ids;
  }

  /** Near duplicates as one, or each by itself. */
  group() {
    this.grouped = !this.grouped;
    this.again();
  }

  /** What the filter lets through is shown anew, at the present picture. */
  again() {
    this.selection.clear();
    this.show(this.inFilter(), this.order[this.at]);
  }

  /**
   * A second look at some pictures.
   * @param {string[]} ids
   * @param {string} where
   */
  lookAgain(ids, where) {
    this.blind = { where, told: new Map() };
    this.mode = "single";
    this.show(ids, ids[0]);
  }

  /** The second look is over. */
  seeAgain() {
    this.blind = null;
    this.again();
  }

  /**
   * Show another pile, staying at the picture if it is in it.
   * @param {string} filter
   * @param {string} owner
   */
  choose(filter, owner) {
    this.filter = filter;
    this.picked = owner;
    this.blind = null;
    this.again();
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
    this.groups = new Groups(found.alike);
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
  tally({ counts, filter, wanted, pace }) {
    this.counts = { ...counts };
    Object.assign(this, { going: filter, wanted, pace });
  }

  /** @param {string} owner */
  arrive(owner) {
    this.owner = owner;
    if (this.picked !== owner) {
      this.picked = "";
      this.filter = this.counts.open ? "open" : "all";
    }
    this.show(this.inFilter(), this.memory[this.gate]);
    if (this.sent && this.tiles.has(this.sent)) this.goTo(this.sent);
    this.sent = "";
  }

  /** What is on the screen stays in its order, decided on or not; news come behind. */
  refresh() {
    const kept = this.order.filter((id) => this.tiles.has(id));
    const there = new Set(kept);
    const others = this.blind ? [] : this.inFilter().filter((id) => !there.has(id));
    const news = this.grouped ? this.groups.oneOfEach(others, kept) : others;
    this.show([...kept, ...news], this.order[this.at]);
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
    else this.order.splice(this.at, 0, id); // what was decided before is behind the filter: it is looked at again
  }
}
