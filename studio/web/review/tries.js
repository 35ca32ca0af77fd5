// @ts-check
/** The choice of a better try: another picture of the same source corrects the one that needs it. */

import { h } from "../core/dom.js";
import { pictureUrl } from "../core/net.js";
import { attempt, button, dialog, toast } from "../core/ui.js";
import { makeAgain } from "../pictures/actions.js";
import { identity, mark, thumb } from "../pictures/parts.js";

/** @import { PileItem, Try } from "../types.js" */
/** @typedef {(better: Try) => Promise<void>} Chosen hears which it is; done when it is kept */

const ABOUT =
  "What you choose is what the editor should have made. It counts as found good by you. Arrows move, Enter takes it.";

/** @param {PileItem} tile */
function held({ id, parent }) {
  const figure = (/** @type {string | null} */ image, /** @type {string} */ name) =>
    image && h("figure", {}, h("img", { src: pictureUrl(image, 512), alt: name }), h("figcaption", {}, name));
  return h("div", { class: "kb-held" }, figure(id, "needs correction"), figure(parent, "source"));
}

class BetterTry {
  /**
   * @param {PileItem} tile
   * @param {Try[]} tries
   * @param {Chosen} chosen
   */
  constructor(tile, tries, chosen) {
    this.tile = tile;
    this.tries = tries;
    this.chosen = chosen;
    this.at = -1;
    this.nodes = tries.map((one, n) => this.radio(one, n));
    this.go = button("Use this try", () => this.use(), { id: "try-use", class: "primary", disabled: true });
    const title = "The same edit with four new seeds";
    this.more = button("Make four more", () => this.makeMore(), { id: "try-more", icon: "grid", title });
    this.box = dialog(`A better try of ${tile.title}`, this.content(), { id: "try-dialog", wide: true });
  }

  content() {
    const foot = h("div", { class: "kb-foot" }, this.more, h("span", { class: "grow" }), this.go);
    const two = h("div", { class: "kb-two" }, held(this.tile), this.groups());
    return h("div", { class: "kb" }, h("p", { class: "dim" }, ABOUT), two, foot);
  }

  groups() {
    const same = this.nodes.filter((_, n) => this.tries[n].same);
    const others = this.nodes.filter((_, n) => !this.tries[n].same);
    const none = "None yet. Make four more here, or enrich again with another stack.";
    const mine = same.length ? h("div", { class: "kb-grid" }, same) : h("p", { class: "empty" }, none);
    const title = "Other edits of this source: only if one shows what was asked for";
    const onkeydown = (/** @type {KeyboardEvent} */ event) => this.key(event);
    return h(
      "div",
      { class: "kb-tries", role: "radiogroup", "aria-label": "Better tries", onkeydown },
      h("section", {}, h("h3", {}, "Other tries of this edit"), mine),
      others.length ? h("section", {}, h("h3", {}, title), h("div", { class: "kb-grid" }, others)) : null,
    );
  }

  /**
   * @param {Try} one
   * @param {number} n
   */
  radio(one, n) {
    const props = {
      type: "button",
      class: "kb-tile",
      role: "radio",
      "aria-checked": "false",
      tabindex: n ? "-1" : "0",
    };
    const on = { onclick: () => this.pick(n), ondblclick: () => this.use() };
    const words = [h("span", { class: "kb-cell" }, one.title), h("span", { class: "kb-how" }, one.how)];
    const more = { dataset: { id: one.id }, title: one.prompt };
    return h("button", { ...props, ...on, ...more }, thumb(one), mark(one.state.label), words, identity(one));
  }

  open() {
    this.box.showModal();
    // an edit that was asked for something else is never chosen by itself
    if (this.tries[0]?.same) this.pick(0);
    else (this.nodes[0] ?? this.more).focus();
  }

  /** @param {number} n */
  pick(n) {
    this.at = Math.max(0, Math.min(this.nodes.length - 1, n));
    this.nodes.forEach((node, m) => {
      node.setAttribute("aria-checked", String(m === this.at));
      node.tabIndex = m === this.at ? 0 : -1;
    });
    this.nodes[this.at].focus();
    this.go.disabled = false;
  }

  /** How many tiles stand in a row. */
  across() {
    const top = this.nodes[Math.max(0, this.at)].offsetTop;
    return Math.max(1, this.nodes.filter((node) => node.offsetTop === top).length);
  }

  /** @param {KeyboardEvent} event */
  key(event) {
    const row = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key] ?? (row && row * this.across());
    if (step) this.pick(this.at + step);
    else if (event.key === "Enter") this.use();
    else return;
    event.preventDefault();
  }

  use() {
    if (this.at < 0) return;
    attempt(async () => {
      await this.chosen(this.tries[this.at]);
      this.box.close();
    });
  }

  makeMore() {
    return attempt(async () => {
      toast(`${await makeAgain(this.tile.id, "vary")}: started. They can be chosen here when they are made.`);
      this.box.close();
    });
  }
}

/**
 * Opens the choice of a better try of `tile`.
 * @param {PileItem} tile
 * @param {Try[]} tries the likeliest first
 * @param {Chosen} chosen
 */
export function openTries(tile, tries, chosen) {
  new BetterTry(tile, tries, chosen).open();
}
