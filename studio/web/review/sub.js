// @ts-check
/** The second line of the review: how much is wanted and how fast it goes; in which order, near duplicates as one. */

import { h, press } from "../core/dom.js";
import { facts } from "../core/facts.js";
import { whenSeen } from "../core/status.js";
import { button, select } from "../core/ui.js";
import { thresholdDoor } from "../threshold/door.js";

/** @import { Review } from "./review.js" */

const ALIKE = "Near duplicates as one picture, the best of them (D). H keeps it and rejects the others.";
const AGAIN = "A blind second look at some of what you judged: how often do you say the same? (S)";

/**
 * Whoever came by key leaves by key; the keys are the review's again.
 * @param {KeyboardEvent} event
 */
function leaves(event) {
  if (["Enter", "Escape"].includes(event.key)) /** @type {HTMLElement} */ (event.target).blur();
}

export class SubBar {
  /** @param {Review} review */
  constructor(review) {
    this.review = review;
    this.good = h("span", { id: "review-good-count", class: "numbers" });
    this.goal = this.goalField();
    this.goalPart = h("label", { class: "rv-goal" }, this.good, this.goal, h("span", {}, "wanted"));
    this.pace = h("span", { id: "review-pace", class: "dim" });
    this.selected = h("span", { id: "review-selected", class: "dim" });
    this.order = this.orderField();
    this.alike = button("Near duplicates as one", () => review.group(), {
      id: "review-alike",
      class: "chip",
      title: ALIKE,
    });
    this.again = button("Second look", () => review.second.start(), {
      id: "review-second",
      class: "chip",
      title: AGAIN,
    });
    const door = thresholdDoor("review-threshold");
    whenSeen(review.root, door.load);
    const order = h("label", { class: "rv-order" }, h("span", {}, "Order"), this.order);
    const told = [this.goalPart, this.pace, this.selected, h("span", { class: "grow" })];
    this.node = h("div", { class: "rv-sub" }, told, order, this.alike, this.again, door.button);
  }

  goalField() {
    const onchange = () => node.value && this.review.want(Number(node.value));
    const onblur = () => this.paintCounts();
    const props = { id: "review-goal", type: "number", min: "1", max: "10000", onchange, onblur, onkeydown: leaves };
    const node = h("input", { ...props, "aria-label": "How many good pictures you want" });
    return node;
  }

  orderField() {
    const onchange = () => this.review.setOrder(node.value);
    const entries = Object.entries(facts.orders);
    const props = { id: "review-order", "aria-label": "Order", title: "Order (O)", onchange, onkeydown: leaves };
    const node = select(entries, this.review.model.sort, props);
    return node;
  }

  /** Which order, whether grouped, whether looking again. */
  paintLayout() {
    const { sort, grouped, blind } = this.review.model;
    this.order.value = sort;
    press(this.alike, grouped);
    press(this.again, blind !== null);
  }

  paintCounts() {
    const { counts, wanted, pace, selection } = this.review.model;
    const good = counts.through ?? 0;
    this.goalPart.classList.toggle("off", wanted === null);
    this.goalPart.classList.toggle("reached", wanted !== null && good >= wanted);
    this.good.textContent = `${good} good,`;
    if (document.activeElement !== this.goal) this.goal.value = wanted === null ? "" : String(wanted);
    this.pace.textContent = pace;
    this.selected.textContent = selection.size ? `${selection.size} selected: a key decides on all` : "";
  }
}
