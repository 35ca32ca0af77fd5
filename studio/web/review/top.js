// @ts-check
/** The bar above the review: which gate, which pile, what can be done with all of it. */

import { h, press, put } from "../core/dom.js";
import { facts } from "../core/facts.js";
import { button, relabel } from "../core/ui.js";
import { openKeyHelp } from "./key_help.js";

/** @import { Review } from "./review.js" */

const SORT = "Sorts out pictures without a face or of someone else, by rule";
const KEEP = "Good pictures for the next training: the best, where it has least";

/** @param {Review} review */
function viewButtons(review) {
  const single = { icon: /** @type {const} */ ("single"), "aria-label": "Single picture", title: "Single (E)" };
  const grid = { icon: /** @type {const} */ ("grid"), "aria-label": "Grid", title: "Grid (G)" };
  return {
    single: button("", () => review.setMode("single"), { id: "review-view-single", class: "seg", ...single }),
    grid: button("", () => review.setMode("grid"), { id: "review-view-grid", class: "seg", ...grid }),
  };
}

export class TopBar {
  /** @param {Review} review */
  constructor(review) {
    this.review = review;
    this.gates = this.gateButtons();
    this.chips = this.pileChips();
    this.sort = button("Filter", () => review.sort(), { id: "review-filter", title: SORT });
    this.keep = button("Keep the best…", () => review.keepBest(), {
      id: "review-pristine",
      class: "primary",
      title: KEEP,
    });
    this.views = viewButtons(review);
    const keys = { icon: /** @type {const} */ ("question"), class: "quiet", "aria-label": "Keys", title: "Keys (?)" };
    this.node = h(
      "div",
      { class: "rv-top" },
      h("div", { class: "segs" }, [...this.gates.values()]),
      h(
        "div",
        { class: "chips" },
        [...this.chips.values()].map((c) => c.node),
      ),
      h("span", { class: "grow" }),
      this.sort,
      this.keep,
      h("div", { class: "segs" }, Object.values(this.views)),
      button("", openKeyHelp, { id: "review-help", ...keys }),
    );
  }

  gateButtons() {
    const gates = Object.entries(this.review.model.gates);
    const gate = (/** @type {string} */ name, /** @type {string} */ words) =>
      button(words, () => this.review.openGate(name), { id: `review-gate-${name}`, class: "seg" });
    return new Map(gates.map(([name, words]) => [name, gate(name, words)]));
  }

  pileChips() {
    const chip = (/** @type {string} */ pile, /** @type {string} */ words) => {
      const count = h("b");
      const node = button(words, () => this.review.choosePile(pile), { id: `review-filter-${pile}`, class: "chip" });
      node.append(count);
      return { node, count };
    };
    return new Map(Object.entries(facts.piles).map(([pile, words]) => [pile, chip(pile, words)]));
  }

  /** Where one is: which gate, which view. */
  paintLayout() {
    const { gate, mode } = this.review.model;
    for (const [name, node] of this.gates) press(node, name === gate);
    for (const [name, node] of Object.entries(this.views)) press(node, name === mode);
    this.sort.hidden = this.keep.hidden = gate !== "synthetic";
  }

  /** What lies in each pile. */
  paintCounts() {
    const { counts, filter, going } = this.review.model;
    for (const [pile, { node, count }] of this.chips) {
      put(count, String(counts[pile] ?? 0));
      node.hidden = pile === "aside" && !counts[pile] && pile !== filter;
      press(node, pile === filter);
    }
    relabel(this.sort, going ? `Filter ${going}` : "Filter");
    this.sort.disabled = !going;
    this.keep.disabled = !counts.through;
  }
}
