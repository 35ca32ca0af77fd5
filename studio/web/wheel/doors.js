// @ts-check
/** Model Card's doors to the rounds and what their rule says, and to the LoRA of the card that is shown. */

import { h } from "../core/dom.js";
import { button } from "../core/ui.js";
import { openWheel } from "./dialog.js";
import { openLora } from "./lora.js";

/** @import { CardSummary, Cards } from "../types.js" */

export class Doors {
  constructor() {
    this.lora = "";
    this.rule = h("p", { id: "card-rule", class: "card-rule dim" });
    this.where = button("Where is it", () => openLora(this.lora), { id: "card-where", class: "quiet", hidden: true });
    this.nodes = [this.where, button("Rounds", openWheel, { id: "card-wheel", class: "quiet" })];
  }

  /**
   * @param {CardSummary | undefined} card
   * @param {Cards | null} list whose rule says whether to turn the wheel again
   */
  show(card, list) {
    this.rule.textContent = list?.rule?.words ?? "";
    this.lora = card?.lora_id ?? "";
    this.where.hidden = !this.lora;
    this.where.title = `Path, download and copies of ${card?.lora}`;
  }
}
