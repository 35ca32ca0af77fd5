// @ts-check
/** Only cells in sight hold their pictures, so that a survey of thousands scrolls like one of ten. */

import { put } from "../core/dom.js";

/** @import { SurveyCell } from "../types.js" */

/** Pixels beyond the edge that count as in sight. */
const BEYOND = 400;
/** What a picture takes in a cell of several, and how many stand side by side there: until a cell has been seen. */
const SIDE = 152;
const ABREAST = 2;

export class CellsInSight {
  /**
   * @param {HTMLElement} scroll what the table is scrolled in
   * @param {(tile: SurveyCell) => HTMLElement} figure
   */
  constructor(scroll, figure) {
    this.figure = figure;
    /** @type {Map<Element, SurveyCell[]>} */
    this.tiles = new Map();
    /** @type {Element | null} the cell that stays, because the keyboard is in it or would come to it */
    this.kept = null;
    this.observer = new IntersectionObserver((seen) => this.changed(seen), { root: scroll, rootMargin: `${BEYOND}px` });
  }

  /** Forgets all cells. */
  begin() {
    this.observer.disconnect();
    this.tiles.clear();
    this.kept = null;
  }

  /**
   * @param {HTMLTableCellElement} cell an empty one
   * @param {SurveyCell[]} tiles
   */
  watch(cell, tiles) {
    this.tiles.set(cell, tiles);
    cell.style.height = `${Math.ceil(tiles.length / ABREAST) * SIDE}px`;
    this.observer.observe(cell);
  }

  /** @param {IntersectionObserverEntry[]} seen */
  changed(seen) {
    for (const { target, isIntersecting, boundingClientRect: at } of seen) {
      const cell = /** @type {HTMLElement} */ (target);
      if (isIntersecting) this.fill(cell);
      else if (cell !== this.kept && cell.firstChild) this.empty(cell, at);
    }
  }

  /**
   * The pictures of a cell, which has them from now on.
   * @param {Element} cell
   * @returns {HTMLElement[]}
   */
  fill(cell) {
    const tiles = this.tiles.get(cell);
    if (!tiles) return [];
    if (!cell.firstChild) {
      put(cell, tiles.map(this.figure));
      /** @type {HTMLElement} */ (cell).style.height = "";
    }
    return /** @type {HTMLElement[]} */ ([...cell.children]);
  }

  /**
   * @param {HTMLElement} cell
   * @param {DOMRectReadOnly} at the room that it had, and keeps
   */
  empty(cell, at) {
    cell.style.height = `${at.height}px`;
    cell.style.minWidth = `${at.width}px`;
    put(cell);
  }

  /**
   * The cell of a picture stays until another does.
   * @param {SurveyCell | null | undefined} tile
   */
  keep(tile) {
    for (const [cell, tiles] of this.tiles) {
      if (!tile || !tiles.includes(tile)) continue;
      this.kept = cell;
      this.fill(cell);
      return;
    }
  }
}
