// @ts-check
/** A short note on the picture: kept when one leaves the field. */

import { h } from "../core/dom.js";

/** @import { PileItem } from "../types.js" */

/** As the studio bounds it. */
const LONGEST = 500;

export class Note {
  /** @param {(tile: PileItem, words: string) => void} tell */
  constructor(tell) {
    this.tell = tell;
    /** @type {PileItem | undefined} whose note stands in the field */
    this.tile = undefined;
    const props = { id: "review-note", type: "text", maxlength: String(LONGEST), "aria-label": "Note" };
    const onkeydown = (/** @type {KeyboardEvent} */ event) => this.key(event);
    this.node = h("input", { ...props, placeholder: "Note", onkeydown, onblur: () => this.leave() });
  }

  focus() {
    this.node.focus();
  }

  /** @param {KeyboardEvent} event */
  key(event) {
    if (event.key === "Escape") this.node.value = this.tile?.state.note ?? "";
    if (!["Escape", "Enter"].includes(event.key) || event.isComposing) return;
    event.stopPropagation();
    this.node.blur();
  }

  leave() {
    const words = this.node.value.trim();
    if (this.tile && words !== this.tile.state.note) this.tell(this.tile, words);
  }

  /** @param {PileItem | undefined} tile */
  paint(tile) {
    const here = document.activeElement === this.node;
    const same = this.tile?.id === tile?.id; // fetched anew it is another object
    if (here && !same) this.leave();
    const typing = here && same;
    this.tile = tile;
    if (!typing) this.node.value = tile?.state.note ?? "";
  }
}
