// @ts-check
/** Deciding on a picture that is open: its label, and 1 to 5 for identity and for the edit. */

import { h, press } from "../core/dom.js";
import { hear } from "../core/status.js";
import { button } from "../core/ui.js";
import { decide, foresee, LABELS } from "../review/decisions.js";

/** @import { Label, Settled } from "../shapes.js" */
/** @import { Picture } from "../types.js" */
/** @typedef {{ node: HTMLElement, show: () => void }} Part what paints itself anew */
/** @import { Judge } from "./keys.js" */

/** @type {Record<Label, { id: string, words: string }>} */
const CHOICES = {
  good: { id: "picture-good", words: "Good" },
  needs_correction: { id: "picture-correct", words: "Needs correction" },
  reject: { id: "picture-reject", words: "Reject" },
};
const STARS = [1, 2, 3, 4, 5];

/**
 * @param {Picture} picture
 * @param {Judge} judge
 * @returns {Part}
 */
function labelButtons(picture, judge) {
  const labels = /** @type {Label[]} */ (Object.keys(CHOICES));
  const buttons = labels.map((label) => {
    const { id, words } = CHOICES[label];
    const onclick = () => judge("label", picture.state.label === label ? null : label);
    return button(words, onclick, { id, icon: LABELS[label].icon, class: `choice l-${label}` });
  });
  const show = () => labels.forEach((label, n) => press(buttons[n], label === picture.state.label));
  return { node: h("div", { class: "choices" }, buttons), show };
}

/**
 * @param {Picture} picture
 * @param {"identity" | "edit"} action
 * @param {string} words
 * @param {Judge} judge
 * @returns {Part}
 */
function stars(picture, action, words, judge) {
  const star = (/** @type {number} */ n) => {
    const onclick = () => judge(action, picture.state[action] === n ? null : n);
    return h("button", { type: "button", onclick }, String(n));
  };
  const buttons = STARS.map(star);
  const show = () => buttons.forEach((b, n) => press(b, n < (picture.state[action] ?? 0)));
  const props = { class: "stars", role: "group", "aria-label": `${words} 1 to 5` };
  return { node: h("div", props, h("span", {}, words), buttons), show };
}

/** Decides on a picture, by button and by key, and tells who shows it. */
export class Judging {
  /**
   * @param {Picture} picture
   * @param {string} where said in the decision's record
   * @param {(() => void) | undefined} after hears of every decision
   */
  constructor(picture, where, after) {
    this.show = () => {};
    /** @type {Judge} */
    this.say = (action, value) => {
      decide(picture.id, action, value, { where });
      Object.assign(picture, foresee(picture, action, value));
      this.show();
      after?.();
    };
  }
}

/**
 * @param {Picture} picture
 * @param {Judging} judging
 * @returns {HTMLElement}
 */
export function judgement(picture, judging) {
  const { say } = judging;
  const rates = [stars(picture, "identity", "Identity", say), stars(picture, "edit", "Edit", say)];
  const labels = labelButtons(picture, say);
  const parts = [labels, ...rates];
  const show = (judging.show = () => parts.forEach((part) => part.show()));
  const rows = rates.map((part) => part.node);
  const node = h("section", {}, labels.node, h("div", { class: "rates" }, rows));
  const stop = hear("flen:settled", (/** @type {Settled} */ { pictures }) => {
    if (!node.isConnected) stop();
    else if (pictures[picture.id]) {
      Object.assign(picture, pictures[picture.id]);
      show();
    }
  });
  show();
  return node;
}
