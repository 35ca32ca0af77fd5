// @ts-check
/** What the next card is run with: LoRA, strength, others beside it, seed, how many seeds. It comes back after a reload. */

import { h, put } from "../core/dom.js";
import { Choice, inline, numberField } from "./parts.js";
import { loraWords, withWords } from "./describe.js";

/** @import { CardLora, CardSetup, Cards } from "../types.js" */

const WEIGHTS = { min: "-2", max: "2", step: "0.05" };

/** LoRAs beside the card's own, each with its weight: a list that opens. */
class Beside {
  /** @param {() => void} changed */
  constructor(changed) {
    this.changed = changed;
    /** @type {CardLora[]} */
    this.there = [];
    /** @type {Record<string, number>} weights by id of those that are ticked */
    this.weights = {};
    this.summary = h("summary", {});
    this.rows = h("div", { class: "beside-rows" });
    this.node = h("details", { id: "card-stack", class: "card-stack" }, this.summary, this.rows);
    this.node.addEventListener("keydown", ({ key }) => key === "Escape" && this.close());
    document.addEventListener("pointerdown", ({ target }) => {
      if (!this.node.contains(/** @type {Node} */ (target))) this.node.open = false;
    });
    this.print = "";
  }

  close() {
    this.node.open = false;
    this.summary.focus();
  }

  /**
   * @param {CardLora[]} loras that can be had, without the card's own
   * @param {Record<string, number>} generate the stack in Generate
   */
  paint(loras, generate) {
    this.there = loras;
    this.words();
    const print = JSON.stringify([loras, generate]);
    if (print === this.print) return;
    this.print = print;
    const taken = Object.entries(generate).filter(([id]) => loras.some((lora) => lora.id === id));
    const asThere = h("button", { type: "button", class: "fb quiet", id: "card-stack-generate" }, "As in Generate");
    asThere.onclick = () => {
      this.set(Object.fromEntries(taken));
      this.changed();
    };
    asThere.hidden = !taken.length;
    const none = h("p", { class: "dim" }, "No other LoRA for this model is here. Generate takes files in.");
    put(this.rows, loras.length ? loras.map((lora) => this.row(lora)) : none, asThere);
  }

  /** @param {CardLora} lora */
  row(lora) {
    const { id } = lora;
    const ticked = id in this.weights;
    const tick = h("input", { type: "checkbox", checked: ticked });
    const value = String(this.weights[id] ?? lora.weight);
    const weight = h("input", { type: "number", "aria-label": `Weight of ${lora.name}`, ...WEIGHTS, value });
    weight.disabled = !ticked;
    const read = () => {
      weight.disabled = !tick.checked;
      const others = Object.entries(this.weights).filter(([other]) => other !== id);
      const said = weight.value === "" ? lora.weight : Number(weight.value);
      this.weights = Object.fromEntries(tick.checked ? [...others, [id, said]] : others);
      this.changed();
    };
    tick.onchange = weight.onchange = read;
    return h("div", { "data-id": id }, h("label", { class: "inline" }, tick, loraWords(lora)), weight);
  }

  /** @param {Record<string, number>} weights that the rows do not show yet */
  set(weights) {
    this.weights = weights;
    this.print = "";
  }

  /** Those that are ticked and can be had. */
  get value() {
    const there = new Set(this.there.map(({ id }) => id));
    return Object.fromEntries(Object.entries(this.weights).filter(([id]) => there.has(id)));
  }

  words() {
    const names = new Map(this.there.map((lora) => [lora.id, loraWords(lora)]));
    this.summary.textContent = withWords(Object.entries(this.value).map(([id, w]) => [names.get(id) ?? "", w]));
  }
}

export class Setup {
  /** @param {(setup: CardSetup) => void} keep */
  constructor(keep) {
    /** @type {string | null} the LoRA that the user has chosen ("": the base model); until then the newest is offered */
    this.chosen = null;
    /** @type {Cards | null} */
    this.list = null;
    const changed = () => {
      if (this.list) this.paint(this.list);
      keep({ ...this.value, lora: this.chosen });
    };
    this.lora = new Choice("card-lora", "LoRA", (id) => {
      this.chosen = id;
      changed();
    });
    this.strength = numberField("card-strength", "Strength", { ...WEIGHTS, min: "0" });
    this.seed = numberField("card-seed", "Seed", { min: "0" });
    this.seeds = numberField("card-seeds", "Seeds", { min: "1", max: "16", step: "1" });
    for (const node of [this.strength, this.seed, this.seeds]) node.onchange = changed;
    this.beside = new Beside(changed);
    const [strength, seed, seeds] = [this.strength, this.seed, this.seeds].map((node) =>
      inline(node.getAttribute("aria-label") ?? "", node),
    );
    this.node = h("span", { class: "card-setup" }, this.lora.field, strength, this.beside.node, seed, seeds);
    this.forget();
  }

  /** Nothing can be set before it is known what was: for a start, and for another character. */
  forget() {
    this.chosen = this.list = null;
    this.node.inert = true;
  }

  /**
   * What was chosen stays; else the character's own newest is offered, never another's.
   * @param {Cards} list
   */
  paint(list) {
    if (!this.list) this.fill(list.setup, list.seed);
    this.list = list;
    this.node.inert = false;
    const { loras, generate } = list;
    const usable = loras.map((x) => /** @type {[string, string]} */ ([x.id, loraWords(x)]));
    const there = this.chosen === "" || loras.some((x) => x.id === this.chosen);
    const offered = loras.find((x) => x.own)?.id ?? "";
    const lora = there ? (this.chosen ?? "") : offered;
    this.lora.fill([["", "Base model"], ...usable], lora);
    const others = loras.filter(({ id }) => id !== lora);
    this.beside.paint(others, generate);
  }

  /**
   * @param {CardSetup} setup
   * @param {number} seed the benchmark's own
   */
  fill(setup, seed) {
    this.chosen = setup.lora;
    this.strength.value = String(setup.strength);
    this.seed.value = String(setup.seed ?? seed);
    this.seeds.value = String(setup.seeds);
    this.beside.set(setup.beside);
  }

  /** @returns {CardSetup} */
  get value() {
    const number = (/** @type {HTMLInputElement} */ node) => (node.value === "" ? 1 : Number(node.value));
    return {
      lora: this.lora.node.value,
      strength: number(this.strength),
      seed: this.seed.value === "" || Number(this.seed.value) === this.list?.seed ? null : Number(this.seed.value),
      seeds: number(this.seeds),
      beside: this.beside.value,
    };
  }
}
