// @ts-check
/** The filmstrip below the picture: so many slots as fit; pictures pass through them. */

import { h, put, setSource } from "../core/dom.js";
import { icon } from "../core/icons.js";
import { pictureUrl } from "../core/net.js";
import { labelClass } from "../pictures/parts.js";
import { LABELS } from "./decisions.js";
import { filmStart } from "./window.js";

/** @import { ReviewModel } from "./model.js" */

/** A slot with its gap, px. */
const SLOT = 76;
const FEWEST = 3;

class Slot {
  /** @param {(at: number) => void} go */
  constructor(go) {
    this.at = 0;
    this.image = h("img", { alt: "" });
    this.mark = h("i");
    const props = { type: "button", tabindex: "-1", onclick: () => go(this.at) };
    this.node = h("button", props, this.image, this.mark);
  }

  /**
   * @param {ReviewModel} model
   * @param {number} at
   */
  paint(model, at) {
    const tile = model.tiles.get(model.order[at]);
    this.at = at;
    this.node.hidden = !tile;
    if (!tile) return;
    const label = model.labelOf(tile);
    this.node.className = `${labelClass(label)}${at === model.at ? " here" : ""}`;
    this.node.setAttribute("aria-label", `Picture ${at + 1}`);
    setSource(this.image, pictureUrl(tile.id, 256));
    put(this.mark, label && icon(LABELS[label].icon));
  }
}

export class Film {
  /**
   * @param {ReviewModel} model
   * @param {(at: number) => void} go
   */
  constructor(model, go) {
    this.model = model;
    this.go = go;
    this.node = h("div", { id: "review-film", class: "rv-film" });
    /** @type {Slot[]} */
    this.slots = [];
  }

  /** @param {number} width px */
  paint(width) {
    const { model } = this;
    this.fit(Math.max(FEWEST, Math.floor(width / SLOT)));
    const start = filmStart(model.at, this.slots.length, model.order.length);
    this.slots.forEach((slot, n) => slot.paint(model, start + n));
  }

  /** @param {number} count */
  fit(count) {
    if (count === this.slots.length) return;
    const more = Array.from({ length: Math.max(0, count - this.slots.length) }, () => new Slot(this.go));
    this.slots = [...this.slots.slice(0, count), ...more];
    put(
      this.node,
      this.slots.map((slot) => slot.node),
    );
  }
}
