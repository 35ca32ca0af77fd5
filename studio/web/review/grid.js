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
/** @typedef {{ pick: (at: number, event: MouseEvent) => void, single: () => void }} Commands */
/** @typedef {{ node: HTMLElement, mark: HTMLElement, many: HTMLElement }} Cell */

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
    const { node, mark, many } = this.shown.get(tile.id) ?? this.add(tile);
    const { x, y } = placeOf(this.layout, at);
    const { model } = this;
    const [label, selected, alike] = [model.labelOf(tile), model.selection.ids.has(tile.id), model.standsFor(tile.id)];
    const classes = ["cell", labelClass(label), at === model.at && "here", selected && "chosen"];
    node.className = classes.filter(Boolean).join(" ");
    node.setAttribute("aria-pressed", String(selected));
    node.style.transform = `translate(${x}px, ${y}px)`;
    put(mark, label && icon(LABELS[label].icon));
    put(many, alike > 1 && `${alike} alike`);
  }

  /**
   * @param {PileItem} tile
   * @returns {Cell}
   */
  add(tile) {
    const onclick = (/** @type {MouseEvent} */ event) => this.commands.pick(this.model.order.indexOf(tile.id), event);
    const open = () => this.commands.single();
    const mark = h("i");
    const many = h("b", { class: "many" });
    const image = h("img", { src: pictureUrl(tile.id, 256), alt: "", decoding: "async", draggable: false });
    const props = { type: "button", "aria-label": tile.title, onclick, ondblclick: open };
    const cell = {
      node: h("button", props, image, mark, many, h("span", { class: "cap" }, identity(tile))),
      mark,
      many,
    };
    this.shown.set(tile.id, cell);
    this.canvas.append(cell.node);
    return cell;
  }
}
