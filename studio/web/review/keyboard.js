// @ts-check
/** The keyboard of the review: what the actions of the key table do. */

import { within } from "../core/dom.js";
import { typing } from "../core/ui.js";
import { openKeyHelp } from "./key_help.js";
import { keyAction, REPEATED } from "./keys.js";

/** @import { Review } from "./review.js" */

/**
 * @param {Review} review
 * @returns {Record<string, (key: string) => unknown>}
 */
function commands(review) {
  const { model } = review;
  return {
    next: () => review.go(model.at + 1),
    previous: () => review.go(model.at - 1),
    first: () => review.go(0),
    last: () => review.go(model.order.length - 1),
    down: () => review.goRow(1),
    up: () => review.goRow(-1),
    further: (key) => review.further(key),
    all: () => review.selectAll(),
    good: () => review.deciding.label("good"),
    reject: () => review.deciding.label("reject"),
    correct: () => review.deciding.label("needs_correction"),
    clear: () => review.deciding.label(null),
    identity: (key) => review.deciding.rate("identity", Number(key)),
    edit: (key) => review.deciding.rate("edit", Number(key)),
    failure: () => review.arm(),
    note: () => review.view.side.note.focus(),
    shows: () => model.gate !== "card" && review.view.side.shows.focus(),
    keep: () => review.deciding.keepOne(),
    undo: () => review.turning.turn(true),
    redo: () => review.turning.turn(false),
    better: () => review.view.side.correction.better(),
    submit: () => review.view.side.correction.send(),
    zoom: () => review.toggle("zoom"),
    compare: () => review.toggle("compare"),
    info: () => review.toggle("info"),
    alike: () => review.group(),
    order: () => review.view.sub.order.focus(),
    goal: () => review.view.sub.goal.focus(),
    second: () => review.second.start(),
    peek: () => review.peek(true),
    grid: () => review.setMode("grid"),
    single: () => review.setMode("single"),
    help: () => openKeyHelp(),
    escape: () => review.escape(),
  };
}

export class Keyboard {
  /** @param {Review} review */
  constructor(review) {
    this.review = review;
    this.commands = commands(review);
  }

  /**
   * What a key does now; `undefined` when it is not ours.
   * @param {KeyboardEvent} event
   * @returns {(() => unknown) | undefined}
   */
  action(event) {
    if (this.review.model.armed && !event.ctrlKey && event.key.length === 1)
      return () => this.review.deciding.fail(event.key.toLowerCase());
    const found = keyAction(event);
    const onControl = within(event, "button, a, [role=tab]") && ["Enter", " "].includes(event.key);
    if (!found || onControl) return undefined;
    if (event.repeat && !REPEATED.has(found.action)) return () => {};
    return () => this.commands[found.action](found.key);
  }

  /** @param {KeyboardEvent} event */
  press(event) {
    const elsewhere = this.review.root.offsetParent === null || document.querySelector("dialog[open]") !== null;
    if (elsewhere || typing(event)) return;
    const act = this.action(event);
    if (!act) return;
    event.preventDefault();
    event.stopPropagation();
    act();
  }
}
