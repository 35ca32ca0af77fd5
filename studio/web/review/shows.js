// @ts-check
/** What the picture shows, to be put right where something else was asked for: captions are made of it. */

import { h } from "../core/dom.js";
import { facts } from "../core/facts.js";
import { select } from "../core/ui.js";

/** @import { PileItem } from "../types.js" */
/** @import { Tags } from "./undo_history.js" */

export class Shows {
  /** @param {(said: Tags) => void} tell */
  constructor(tell) {
    this.tell = tell;
    /** whoever came by key leaves by key; after a click the keys are the review's again */
    this.keyed = false;
    this.angle = this.chooser("angle", "Angle it shows", facts.angles);
    this.expression = this.chooser("expression", "Expression it shows", facts.expressions);
    this.node = h("div", { class: "rv-shows" }, h("span", {}, "Shows"), this.angle, this.expression);
  }

  /**
   * @param {"angle" | "expression"} name
   * @param {string} words
   * @param {readonly string[]} values
   */
  chooser(name, words, values) {
    const onchange = () => {
      this.tell({ [name]: node.value });
      if (!this.keyed) node.blur();
    };
    const onblur = () => (this.keyed = false);
    const onkeydown = (/** @type {KeyboardEvent} */ e) => ["Enter", "Escape"].includes(e.key) && node.blur();
    const entries = values.map((v) => /** @type {[string, string]} */ ([v, v]));
    const node = select(entries, "", { id: `review-${name}`, "aria-label": words, onblur, onchange, onkeydown });
    return node;
  }

  focus() {
    this.expression.focus();
    this.keyed = document.activeElement === this.expression;
  }

  /** @param {PileItem} tile */
  paint({ angle, expression }) {
    this.angle.value = angle;
    this.expression.value = expression;
  }
}
