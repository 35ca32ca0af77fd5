// @ts-check
/** The picture as large as the window allows, its label, and the reference beside it. */

import { h, put, setSource } from "../core/dom.js";
import { icon } from "../core/icons.js";
import { pictureUrl } from "../core/net.js";
import { LABELS } from "./decisions.js";
import { Pan } from "./pan.js";

/** @import { PileItem } from "../types.js" */
/** @import { ReviewModel } from "./model.js" */

/** Pictures that are fetched before they are shown, as places from the present one. */
const AHEAD = [1, 2, 3, 4, -1];

/**
 * What stands under the reference: what it shows itself, which may be another angle than the picture's.
 * @param {PileItem} tile
 */
function referenceWords({ reference, reference_angle: angle }) {
  if (!reference) return "No reference yet";
  return angle && angle !== "unsure" ? `Reference, ${angle}` : "Reference";
}

export class Stage {
  /** @param {ReviewModel} model */
  constructor(model) {
    this.model = model;
    this.picture = h("img", { id: "review-picture", alt: "", draggable: false });
    this.label = h("span", { id: "review-label", class: "rv-label" });
    this.alike = h("span", { id: "review-alike-count", class: "rv-alike" });
    this.node = h("div", { class: "rv-stage" }, this.picture, this.label, this.alike);
    this.reference = h("img", { id: "review-reference", alt: "Reference", draggable: false });
    this.words = h("figcaption");
    this.beside = h("figure", { class: "rv-ref" }, this.reference, this.words);
    const one = { node: this.node, picture: this.picture };
    this.pan = new Pan(one, { node: this.beside, picture: this.reference });
    /** @type {Map<string, HTMLImageElement>} */
    this.ahead = new Map();
  }

  /** @param {PileItem} tile */
  paint(tile) {
    const { peek } = this.model;
    setSource(this.picture, pictureUrl(peek && tile.reference ? tile.reference : tile.id));
    this.picture.alt = tile.title;
    this.picture.dataset.id = tile.id;
    this.node.classList.toggle("peek", peek);
    setSource(this.reference, tile.reference ? pictureUrl(tile.reference) : "");
    this.words.textContent = referenceWords(tile);
    const many = this.model.standsFor(tile.id);
    this.alike.textContent = many > 1 ? `1 of ${many} alike` : "";
    this.prefetch();
  }

  /** @param {PileItem | undefined} tile */
  paintLabel(tile) {
    const label = tile && this.model.labelOf(tile);
    this.node.dataset.label = label ?? "open";
    const by = tile?.state.who === "rule" && !this.model.blind ? " (by rule)" : "";
    put(this.label, label && [icon(LABELS[label].icon), `${LABELS[label].words}${by}`]);
  }

  /** Both at 100 %, or both as large as fits. */
  paintLayout() {
    const { zoom } = this.model;
    const begins = zoom && !this.node.classList.contains("zoom");
    for (const node of [this.node, this.beside]) node.classList.toggle("zoom", zoom);
    if (begins) this.pan.centre();
  }

  prefetch() {
    const { order, at } = this.model;
    const wanted = AHEAD.map((d) => order[at + d]).filter((id) => id !== undefined);
    for (const id of wanted) if (!this.ahead.has(id)) this.ahead.set(id, h("img", { src: pictureUrl(id) }));
    for (const id of this.ahead.keys()) if (!wanted.includes(id)) this.ahead.delete(id);
  }
}
