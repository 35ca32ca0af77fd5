// @ts-check
/** The review as a grid. Only what is in sight is in the page, so ten thousand pictures scroll like ten. */

import { h, put } from "../core/dom.js";
import { icon } from "../core/icons.js";
import { pictureUrl } from "../core/net.js";
import { identity, labelClass } from "../pictures/parts.js";
import { LABELS } from "./decisions.js";
import { layoutOf, placeOf, rowsInSight, scrolledTo } from "./window.js";

/** @import { PileItem } from "../types.js" */
/** @import { ReviewModel } from "./model.js" */
/** @typedef {{ go: (at: number) => void, single: () => void }} Commands */
/** @typedef {{ node: HTMLElement, mark: HTMLElement }} Cell */

export class ReviewGrid {
  /**
   * @param {ReviewModel} model
   * @param {Commands} commands
   */
  constructor(model, commands) {
    this.model = model;
    this.commands = commands;
    this.canvas = h("div", { class: "rv-canvas" });
    this.node = h("div", { class: "rv-grid", tabindex: "-1" }, this.canvas);
    this.node.addEventListener("scroll", () => requestAnimationFrame(() => this.paint()));
    /** @type {Map<string, Cell>} */
    this.shown = new Map();
    this.seen = -1;
  }

  get layout() {
    return layoutOf(this.node.clientWidth);
  }

  get view() {
    return { top: this.node.scrollTop, height: this.node.clientHeight };
  }

  /** The room has changed: the present picture is brought into sight again. */
  relayout() {
    this.seen = -1;
    this.paint();
  }

  paint() {
    const { model, layout } = this;
    if (model.mode !== "grid" || this.node.offsetParent === null) return;
    const count = model.order.length;
    this.canvas.style.height = `${Math.ceil(count / layout.columns) * layout.side}px`;
    this.canvas.style.setProperty("--side", `${layout.side}px`);
    if (this.seen !== model.at) this.node.scrollTop = scrolledTo(layout, this.view, model.at);
    this.seen = model.at;
    const [first, last] = rowsInSight(layout, this.view, count);
    this.drop(new Set(model.order.slice(first, last)));
    for (let at = first; at < last; at += 1) this.paintCell(at);
  }

  /** @param {Set<string>} wanted */
  drop(wanted) {
    for (const [id, { node }] of this.shown) {
      if (wanted.has(id)) continue;
      node.remove();
      this.shown.delete(id);
    }
  }

  /** @param {number} at */
  paintCell(at) {
    const tile = this.model.tiles.get(this.model.order[at]);
    if (!tile) return;
    const { node, mark } = this.shown.get(tile.id) ?? this.add(tile);
    const { x, y } = placeOf(this.layout, at);
    node.className = `cell ${labelClass(tile)}${at === this.model.at ? " here" : ""}`;
    node.style.transform = `translate(${x}px, ${y}px)`;
    put(mark, tile.state.label && icon(LABELS[tile.state.label].icon));
  }

  /**
   * @param {PileItem} tile
   * @returns {Cell}
   */
  add(tile) {
    const go = () => this.commands.go(this.model.order.indexOf(tile.id));
    const open = () => {
      go();
      this.commands.single();
    };
    const mark = h("i");
    const image = h("img", { src: pictureUrl(tile.id, 256), alt: "", decoding: "async", draggable: false });
    const props = { type: "button", "aria-label": tile.title, onclick: go, ondblclick: open };
    const cell = { node: h("button", props, image, mark, h("span", { class: "cap" }, identity(tile))), mark };
    this.shown.set(tile.id, cell);
    this.canvas.append(cell.node);
    return cell;
  }
}
