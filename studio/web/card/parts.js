// @ts-check
/** What the card's bar and head are made of: lists, number fields, the rate as a gauge, what is known beyond the rate. */

import { h, put } from "../core/dom.js";

/** @import { CardSummary } from "../types.js" */

/**
 * @param {string} words
 * @param {HTMLElement} control
 */
export const inline = (words, control) => h("label", { class: "inline" }, words, control);

/**
 * @param {string} id
 * @param {string} words
 * @param {Record<string, string>} bounds
 */
export const numberField = (id, words, bounds) => h("input", { id, type: "number", "aria-label": words, ...bounds });

/** A drop-down list that is filled anew only when its entries have changed. */
export class Choice {
  /**
   * @param {string} id
   * @param {string} words
   * @param {(value: string) => void} chosen
   */
  constructor(id, words, chosen) {
    this.node = h("select", { id, "aria-label": words, onchange: () => chosen(this.node.value) });
    this.field = inline(words, this.node);
    this.print = "";
  }

  /**
   * @param {[string, string][]} entries
   * @param {string} value
   */
  fill(entries, value) {
    const print = JSON.stringify([entries, value]);
    if (print === this.print) return;
    this.print = print;
    put(
      this.node,
      entries.map(([key, words]) => h("option", { value: key }, words)),
    );
    this.node.value = value;
  }
}

/** The rate with its interval and the target on a line from 0 to 1. */
export class Gauge {
  constructor() {
    this.node = h("div", { class: "rate-gauge" });
  }

  /** @param {CardSummary["rate"] | undefined} rate */
  paint(rate) {
    this.node.hidden = !rate || rate.open;
    if (!rate || rate.open) return;
    const percent = (/** @type {number} */ share) => `${(share * 100).toFixed(1)}%`;
    const { low, high, right, total, target } = rate;
    put(
      this.node,
      h("i", { class: "range", style: { left: percent(low), width: percent(high - low) } }),
      h("i", { class: "point", style: { left: percent(right / total) } }),
      h("i", { class: "target", style: { left: percent(target) } }),
    );
    this.node.title = `${right} of ${total}; the line is the target`;
  }
}

/** Where a card is right, and how far its pictures are from the sources; folded until it is asked for. */
export class Analysis {
  constructor() {
    this.node = h("details", { id: "card-analysis", class: "dim nothing" });
  }

  /** @param {CardSummary | undefined} shown */
  paint(shown) {
    const nothing = !shown || shown.rate.open || shown.rate.missing === shown.rate.total;
    this.node.classList.toggle("nothing", nothing); // its place stays: the poster does not move between versions
    const lines = shown ? [...shown.parts, shown.drift] : [];
    const items = lines.map((line) => h("li", {}, line));
    put(this.node, h("summary", {}, "By angle, expression and body; drift"), h("ul", {}, items));
  }
}
