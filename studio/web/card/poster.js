// @ts-check
/** The poster: a cell's frame tells its verdict by colour, line and mark; switching versions flips in place. */

import { h, put, setSource } from "../core/dom.js";
import { facts } from "../core/facts.js";
import { icon } from "../core/icons.js";
import { pictureUrl } from "../core/net.js";
import { cellWords, layout, SIGNS } from "./describe.js";

/** @import { CardPlace, CardSummary, CellTold } from "../types.js" */
/** @import { CardVerdict } from "./describe.js" */
/** @typedef {{ open: (cell: CardPlace) => void, key: (event: KeyboardEvent, cell: PosterCell) => void }} Judge */
/** @typedef {Record<string, number>} Place in the poster's grid */

/** Bodies stand in a column of their own behind the five angles. */
const BODY_COLUMN = 7;
/** A key step goes at least so far, px: what stands beside is not ahead. */
const LEAST_STEP = 4;
/** Being off the line counts so much more than being far. */
const ASIDE = 3;

export class PosterCell {
  /**
   * @param {CellTold} spec
   * @param {Place} place
   * @param {Judge} judge
   */
  constructor({ name, title }, place, judge) {
    this.name = name;
    /** @type {CardPlace} */
    this.state = { name, image: null, verdict: "missing", by: "", why: "", read: "" };
    this.image = h("img", { alt: "", draggable: false });
    this.mark = h("span", { class: "verdict" });
    const on = {
      onclick: () => judge.open(this.state),
      onkeydown: (/** @type {KeyboardEvent} */ event) => judge.key(event, this),
    };
    const props = { type: "button", class: "cell", dataset: { cell: name }, style: place };
    this.node = h(
      "button",
      { ...props, ...on },
      this.image,
      h("span", { class: "cell-name" }, title || name),
      this.mark,
    );
  }

  /** @param {CardPlace | undefined} state */
  paint(state) {
    this.state = state ?? { name: this.name, image: null, verdict: "missing", by: "", why: "", read: "" };
    setSource(this.image, this.state.image ? pictureUrl(this.state.image.id, 512) : "");
    this.showVerdict(this.state.verdict);
    this.node.dataset.by = this.state.by;
    this.node.title = cellWords(this.state);
    this.node.setAttribute("aria-label", this.node.title);
  }

  /** @param {CardVerdict} verdict */
  showVerdict(verdict) {
    if (this.node.dataset.verdict === verdict) return;
    this.node.dataset.verdict = verdict;
    put(this.mark, icon(SIGNS[verdict]));
  }
}

/**
 * How hard another cell is to reach on a step: the smaller the nearer; never, if it lies elsewhere.
 * @param {DOMRect} from
 * @param {DOMRect} to
 * @param {[number, number]} way
 */
export function distance(from, to, [dx, dy]) {
  const x = to.x + to.width / 2 - (from.x + from.width / 2);
  const y = to.y + to.height / 2 - (from.y + from.height / 2);
  const along = x * dx + y * dy;
  return along > LEAST_STEP ? along + ASIDE * Math.abs(x * dy + y * dx) : Infinity;
}

export class Poster {
  /**
   * @param {string} id
   * @param {Judge} judge
   */
  constructor(id, judge) {
    this.judge = judge;
    this.node = h("div", { class: "poster", id, role: "group", "aria-label": "Model card" });
    /** @type {PosterCell[]} */
    this.cells = [];
    this.built = "";
  }

  /**
   * @param {CellTold[]} spec
   * @param {CardSummary | undefined} card
   */
  paint(spec, card) {
    this.build(spec);
    const known = new Map(card?.cells.map((cell) => [cell.name, cell]));
    for (const cell of this.cells) cell.paint(known.get(cell.name));
  }

  /** @param {CellTold[]} spec */
  build(spec) {
    const print = JSON.stringify(spec);
    if (print === this.built) return;
    this.built = print;
    const { portraits, bodies, columns, rows } = layout(spec, facts);
    const at = (/** @type {number} */ column, /** @type {number} */ row) => ({
      "grid-column": column,
      "grid-row": row,
    });
    const head = (/** @type {string} */ words, /** @type {number} */ column) =>
      h("span", { class: "head", style: at(column, 1) }, words);
    const cellAt = (/** @type {CellTold} */ c) =>
      new PosterCell(c, at(columns.indexOf(c.angle) + 2, rows.indexOf(c.expression) + 2), this.judge);
    const faces = portraits.map(cellAt);
    const poses = bodies.map((c) => new PosterCell(c, {}, this.judge));
    this.cells = [...faces, ...poses];
    put(
      this.node,
      columns.map((angle, n) => head(angle.replace("-", " "), n + 2)),
      head("body", BODY_COLUMN),
      rows.map((expression, n) => h("span", { class: "side", style: at(1, n + 2) }, expression)),
      faces.map((cell) => cell.node),
      h(
        "div",
        { class: "bodies" },
        poses.map((cell) => cell.node),
      ),
    );
  }

  /**
   * Give the keyboard to the cell that lies next on the way.
   * @param {PosterCell} from
   * @param {[number, number]} way
   */
  step(from, way) {
    const box = from.node.getBoundingClientRect();
    const others = this.cells.filter((cell) => cell !== from);
    const far = others.map(({ node }) => ({ node, by: distance(box, node.getBoundingClientRect(), way) }));
    const next = far.reduce((a, b) => (b.by < a.by ? b : a));
    if (next.by < Infinity) next.node.focus();
  }
}
