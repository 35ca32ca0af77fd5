// @ts-check
/** Model Card's doors to the rounds, and to the LoRA of the card that is shown. */

import { button } from "../core/ui.js";
import { openWheel } from "./dialog.js";
import { openLora } from "./lora.js";

/** @import { CardSummary } from "../types.js" */

export class Doors {
  constructor() {
    this.lora = "";
    this.where = button("Where is it", () => openLora(this.lora), { id: "card-where", class: "quiet", hidden: true });
    this.nodes = [this.where, button("Rounds", openWheel, { id: "card-wheel", class: "quiet" })];
  }

  /** @param {CardSummary | undefined} card */
  show(card) {
    this.lora = card?.lora_id ?? "";
    this.where.hidden = !this.lora;
    this.where.title = `Path, download and copies of ${card?.lora}`;
  }
}
