// @ts-check
/** Strips of pictures that keep themselves fresh while a job makes more. */

import { h, put } from "../core/dom.js";
import { island } from "../core/island.js";
import { hear, poll, whenSeen } from "../core/status.js";
import { newest } from "../core/net.js";
import { flipped } from "../core/sets.js";
import { button } from "../core/ui.js";
import { openPicture } from "./open.js";
import { identity, labelClass, mark, thumb } from "./parts.js";

/** @import { Frame } from "../core/island.js" */
/** @import { Tile } from "../types.js" */
/** @typedef {{ tile: Tile, print: string, node: HTMLElement, tick: HTMLInputElement | null }} Shown */

/**
 * What the filter would sort out at this cut: the studio says of each picture above which line it goes.
 * @param {Pick<Tile, "above">} tile
 * @param {number | null} cut `null` while the line has not been moved
 */
export function goesAt({ above }, cut) {
  return cut !== null && above !== null && cut > above;
}

/**
 * A tile's name, short enough for it: of an edit what it gave, of a chain what each of its edits did.
 * @param {Pick<Tile, "kind" | "angle" | "title">} tile
 */
export function nameOf({ kind, angle, title }) {
  if (kind === "source" && angle !== "unsure") return angle;
  if (kind !== "enriched") return title;
  return title
    .split(" > ")
    .map((edit) => (edit.includes(" ") ? edit : edit.slice(edit.indexOf("/") + 1))) // own words are no names of edits
    .join(", ");
}

class Strip {
  /** @param {Frame} frame */
  constructor(frame) {
    this.frame = frame;
    this.options = frame.options;
    this.head = h("div", { class: "strip-head" });
    this.list = h("div", { class: "strip", style: { "--tile": `${this.options.size}px` } });
    /** @type {Map<string, Shown>} */
    this.shown = new Map();
    /** @type {Set<string>} */
    this.ticked = new Set(frame.value ?? []);
    this.started = false;
    this.ask = newest();
    /** @type {number | null} */
    this.cut = null;
    frame.root.append(this.head, this.list);
  }

  async load() {
    const { kind, version, run, newestFirst } = this.options;
    const found = await this.ask(`/pictures?${new URLSearchParams({ kind, version, run })}`);
    if (!found) return;
    const tiles = /** @type {Tile[]} */ (newestFirst ? found.pictures.reverse() : found.pictures);
    const changed = this.tick(tiles);
    this.shown = new Map(tiles.map((tile) => [tile.id, this.fresh(tile)]));
    const nodes = [...this.shown.values()].map((shown) => shown.node);
    put(this.list, nodes.length ? nodes : h("p", { class: "empty" }, this.options.empty));
    this.dim();
    if (!this.options.pick) return;
    this.count();
    if (changed || !this.started) this.tell();
    this.started = true;
  }

  /**
   * Ticks follow the pictures: those that are gone lose theirs, new ones get one if all are wanted.
   * @param {Tile[]} tiles
   * @returns {boolean} whether a tick has changed
   */
  tick(tiles) {
    const ids = new Set(tiles.map((t) => t.id));
    const kept = [...this.ticked].filter((id) => ids.has(id));
    const news = this.options.pickAll ? [...ids].filter((id) => !this.shown.has(id)) : [];
    const changed = kept.length < this.ticked.size || news.length > 0;
    this.ticked = new Set([...kept, ...news]);
    return changed;
  }

  /**
   * The tile as it stands on the page, made anew only if something about it has changed.
   * @param {Tile} tile
   * @returns {Shown}
   */
  fresh(tile) {
    const print = JSON.stringify(tile);
    const old = this.shown.get(tile.id);
    return old?.print === print ? old : this.draw(tile, print);
  }

  /**
   * @param {Tile} tile
   * @param {string} print
   * @returns {Shown}
   */
  draw(tile, print) {
    const tick = this.options.pick ? this.tickBox(tile) : null;
    const open = () => openPicture(tile.id, { after: () => poll(), siblings: () => [...this.shown.keys()] });
    const props = { type: "button", class: "open", "aria-label": `Open ${tile.title}`, onclick: open };
    const judged = this.options.scores ? identity(tile) : null;
    const node = h(
      "figure",
      { class: `tile ${labelClass(tile.state.label)}`, dataset: { id: tile.id } },
      tick,
      h("button", props, thumb(tile)),
      tile.kind === "source" ? null : mark(tile.state.label),
      tile.broke ? h("span", { class: "broke", title: tile.broke }, "chain stopped") : null,
      h("figcaption", {}, judged, h("span", { class: "name", title: tile.title }, nameOf(tile))),
    );
    return { tile, print, node, tick };
  }

  /** @param {Tile} tile */
  tickBox({ id, title }) {
    const onchange = () => {
      this.ticked = flipped(this.ticked, id);
      this.tell();
    };
    const checked = this.ticked.has(id);
    return h("input", { type: "checkbox", class: "tick", checked, "aria-label": `Use ${title}`, onchange });
  }

  /** @param {Iterable<string>} ids */
  tickThese(ids) {
    this.ticked = new Set(ids);
    for (const [id, { tick }] of this.shown) if (tick) tick.checked = this.ticked.has(id);
    this.count();
  }

  count() {
    const all = (/** @type {boolean} */ on) => () => {
      this.tickThese(on ? this.shown.keys() : []);
      this.tell();
    };
    const words = h("span", { class: "dim" }, `${this.ticked.size} of ${this.shown.size} chosen`);
    put(this.head, words, button("All", all(true), { class: "quiet" }), button("None", all(false), { class: "quiet" }));
  }

  tell() {
    this.count();
    this.frame.tell([...this.ticked]);
  }

  dim() {
    for (const { node, tile } of this.shown.values()) node.classList.toggle("below", goesAt(tile, this.cut));
  }

  /** @param {number | null} cut */
  cutAt(cut) {
    this.cut = cut;
    this.dim();
  }
}

island("picture-strip", (frame) => {
  const strip = new Strip(frame);
  if (strip.options.cut) hear("flen:cut", ({ cut }) => strip.cutAt(cut));
  frame.onValue((value) => strip.options.pick && Array.isArray(value) && strip.tickThese(value));
  whenSeen(frame.root, () => strip.load());
});
