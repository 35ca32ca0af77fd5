// @ts-check
/** Two pictures of a survey held against each other: slider, blink, difference, side by side. Keys for all of it. */

import { clamp } from "../charts/scale.js";
import { across } from "../charts/plot.js";
import { Zoom } from "./zoom.js";
import { h, press, setSource } from "../core/dom.js";
import { pictureUrl } from "../core/net.js";
import { button, dialog, keyHint, select } from "../core/ui.js";
import { loaded, pixelDifference } from "./difference.js";

/** @import { Tile } from "../types.js" */
/**
 * @typedef {"a" | "b"} Side
 * @typedef {{ words: string, key: string, pictures: Record<string, Pick<Tile, "id" | "verdict" | "score"> | undefined> }} Spot a place of the survey, with the picture of each column
 * @typedef {{ key: string, words: string }} Column
 * @typedef {{ at: number, a: string, b: string }} Start
 */

/** @type {Record<string, { words: string, key: string }>} */
const MODES = {
  slider: { words: "Slider", key: "s" },
  blink: { words: "Blink", key: "b" },
  difference: { words: "Difference", key: "d" },
  beside: { words: "Side by side", key: "t" },
};
const BLINK_MS = 700;
const REMEMBER = "flen:compare";
const STEP = 5;

/** @type {readonly Side[]} */
const SIDES = ["a", "b"];

/**
 * @param {string} id
 * @param {string} label
 * @param {[string, string]} range
 * @param {(value: number) => void} moved
 */
function slider(id, label, [min, max], moved) {
  const input = h("input", {
    id,
    type: "range",
    min,
    max,
    "aria-label": label,
    oninput: () => moved(Number(input.value)),
  });
  return input;
}

/** @param {Side} side */
const layer = (side) => h("img", { class: `cp-${side}`, alt: "", draggable: false });

class Comparison {
  /**
   * @param {Spot[]} spots
   * @param {Column[]} columns
   * @param {Start} start
   */
  constructor(spots, columns, start) {
    this.spots = spots;
    this.columns = columns;
    const remembered = localStorage.getItem(REMEMBER) ?? "";
    this.model = { ...start, mode: remembered in MODES ? remembered : "slider", split: 50, gain: 4, front: "a" };
    this.images = { a: layer("a"), b: layer("b") };
    this.canvas = h("canvas", { class: "cp-diff", role: "img" });
    this.none = h("p", { class: "cp-none" });
    this.stage = this.buildStage();
    this.zoom = new Zoom(this.stage);
    this.picks = { a: this.chooser("a", "Picture A"), b: this.chooser("b", "Picture B") };
    this.split = slider("compare-split", "Where A ends and B begins, percent", ["0", "100"], (to) => this.splitAt(to));
    this.gain = slider("compare-gain", "Difference, times", ["1", "16"], (gain) => this.change({ gain }));
    this.told = h("span", { id: "compare-told", class: "numbers dim", role: "status", "aria-live": "polite" });
    this.where = h("b", { id: "compare-where", class: "numbers" });
    this.modes = this.modeButtons();
    const content = h("div", { class: "cp" }, this.top(), this.stage, this.foot());
    this.box = dialog("Compare", content, { id: "compare-dialog", wide: true });
    this.box.addEventListener("keydown", (event) => this.key(event));
    const blinking = setInterval(() => this.blink(), BLINK_MS);
    this.box.addEventListener("close", () => clearInterval(blinking));
  }

  buildStage() {
    const pictures = [this.images.a, this.images.b, this.canvas].map((node) => h("div", { class: "cp-layer" }, node));
    const layers = [...pictures, h("i", { class: "cp-edge" }), this.none];
    return h("div", { class: "cp-stage", onpointerdown: (/** @type {PointerEvent} */ e) => this.grab(e) }, layers);
  }

  /**
   * @param {Side} side
   * @param {string} words
   */
  chooser(side, words) {
    const names = this.columns.map((c) => /** @type {[string, string]} */ ([c.key, c.words]));
    const onchange = () => this.change({ [side]: node.value });
    const node = select(names, this.model[side], { id: `compare-${side}`, "aria-label": words, onchange });
    return node;
  }

  modeButtons() {
    return Object.entries(MODES).map(([mode, { words, key }]) =>
      button(words, () => this.turn(mode), { id: `compare-${mode}`, class: "seg", title: key.toUpperCase() }),
    );
  }

  top() {
    const swap = {
      icon: /** @type {const} */ ("swap"),
      class: "quiet",
      "aria-label": "Swap A and B",
      title: "Swap (X)",
    };
    return h(
      "div",
      { class: "cp-bar" },
      h("span", { class: "dim" }, "A"),
      this.picks.a,
      button("", () => this.swap(), swap),
      h("span", { class: "dim" }, "B"),
      this.picks.b,
      h("span", { class: "grow" }),
      h("div", { class: "segs", role: "group", "aria-label": "How" }, this.modes),
    );
  }

  foot() {
    const keys = [
      keyHint("N", "next"),
      keyHint("P", "previous"),
      keyHint("X", "swap"),
      keyHint("←→", "split"),
      keyHint("+-0", "zoom"),
    ];
    return h(
      "div",
      { class: "cp-bar" },
      button("Previous", () => this.step(-1), { id: "compare-previous" }),
      button("Next", () => this.step(1), { id: "compare-next" }),
      this.where,
      h("span", { class: "grow" }),
      this.split,
      this.gain,
      this.told,
      h("span", { class: "dim cp-keys" }, keys),
    );
  }

  open() {
    this.box.showModal();
    this.paint();
    this.modes.find((b) => b.id === `compare-${this.model.mode}`)?.focus();
  }

  /** @param {Partial<Comparison["model"]>} patch */
  change(patch) {
    Object.assign(this.model, patch);
    this.paint();
  }

  /** @param {number} by */
  step(by) {
    const { length } = this.spots;
    this.change({ at: (this.model.at + by + length) % length });
  }

  swap() {
    this.change({ a: this.model.b, b: this.model.a });
  }

  /** @param {string} mode */
  turn(mode) {
    localStorage.setItem(REMEMBER, mode);
    this.change({ mode, front: "a" });
  }

  blink() {
    if (this.model.mode !== "blink") return;
    this.model.front = this.model.front === "a" ? "b" : "a";
    this.stage.dataset.front = this.model.front;
  }

  /** @param {number} percent */
  splitAt(percent) {
    this.model.split = clamp(Math.round(percent), 0, 100);
    this.stage.style.setProperty("--split", `${this.model.split}%`);
    this.split.value = String(this.model.split);
  }

  /** @param {PointerEvent} event */
  grab(event) {
    if (this.zoom.grab(event, this.model.mode === "slider")) return;
    if (this.model.mode !== "slider") return;
    event.preventDefault();
    const slide = (/** @type {PointerEvent} */ e) => this.splitAt(100 * across(e, this.stage));
    this.stage.setPointerCapture(event.pointerId);
    this.stage.addEventListener("pointermove", slide);
    this.stage.addEventListener("pointerup", () => this.stage.removeEventListener("pointermove", slide), {
      once: true,
    });
    slide(event);
  }

  /**
   * What a key does here; `undefined` when it is not ours.
   * @param {KeyboardEvent} event
   * @returns {(() => void) | undefined}
   */
  action(event) {
    const key = event.key.toLowerCase();
    const mode = Object.keys(MODES).find((m) => MODES[m].key === key);
    if (mode) return () => this.turn(mode);
    if (key === "n") return () => this.step(1);
    if (key === "p") return () => this.step(-1);
    if (key === "x") return () => this.swap();
    if (this.zoom.key(key)) return () => {};
    const slide = { ArrowLeft: -STEP, ArrowRight: STEP }[event.key];
    if (slide && this.model.mode === "slider" && event.target !== this.split)
      return () => this.splitAt(this.model.split + slide);
    return undefined;
  }

  /** @param {KeyboardEvent} event */
  key(event) {
    if (event.ctrlKey || event.altKey || event.metaKey || event.target instanceof HTMLSelectElement) return;
    const act = this.action(event);
    if (!act) return;
    event.preventDefault();
    event.stopPropagation();
    act();
  }

  /** @param {Side} side */
  tile(side) {
    return this.spots[this.model.at].pictures[this.model[side]];
  }

  /** @param {Side} side */
  paintSide(side) {
    const tile = this.tile(side);
    const image = this.images[side];
    setSource(image, tile ? pictureUrl(tile.id) : "");
    const named = this.columns.find((c) => c.key === this.model[side])?.words;
    image.alt = tile ? `${side.toUpperCase()}: ${named}` : "";
    this.picks[side].value = this.model[side];
  }

  /** @param {Side} side */
  judged(side) {
    const tile = this.tile(side);
    if (!tile?.verdict) return "";
    return `${side.toUpperCase()} ${tile.verdict}${tile.score === null ? "" : ` ${tile.score.toFixed(2)}`}`;
  }

  paint() {
    const { model } = this;
    SIDES.forEach((side) => this.paintSide(side));
    Object.assign(this.stage.dataset, { mode: model.mode, front: model.front });
    this.modes.forEach((b) => press(b, b.id === `compare-${model.mode}`));
    this.paintMissing();
    this.split.hidden = model.mode !== "slider";
    this.gain.hidden = model.mode !== "difference";
    this.gain.value = String(model.gain);
    this.where.textContent = `${model.at + 1} of ${this.spots.length}: ${this.spots[model.at].words}`;
    this.told.textContent = SIDES.map((side) => this.judged(side))
      .filter(Boolean)
      .join(", ");
    this.splitAt(model.split);
    this.measure();
  }

  paintMissing() {
    const lost = SIDES.filter((side) => !this.tile(side)).map((side) => side.toUpperCase());
    const have = lost.length > 1 ? "have" : "has";
    this.none.hidden = !lost.length;
    this.none.textContent = lost.length ? `${lost.join(" and ")} ${have} not been made here yet.` : "";
  }

  async measure() {
    const [a, b] = SIDES.map((side) => this.tile(side));
    if (this.model.mode !== "difference" || !a || !b) return;
    const { images } = this;
    await Promise.all([loaded(images.a), loaded(images.b)]).catch(() => {});
    const still = this.model.mode === "difference" && this.tile("a") === a && this.tile("b") === b;
    if (!still || !images.a.naturalWidth || !images.b.naturalWidth) return;
    const { mean, changed } = pixelDifference(images.a, images.b, this.canvas, this.model.gain);
    this.told.textContent = `mean difference ${(100 * mean).toFixed(1)} %, ${Math.round(100 * changed)} % of the pixels differ`;
    this.canvas.setAttribute("aria-label", this.told.textContent);
  }
}

/**
 * Opens the comparison.
 * @param {Spot[]} spots places of the survey
 * @param {Column[]} columns what stands in each place
 * @param {Start} start where to begin
 */
export function openComparison(spots, columns, start) {
  new Comparison(spots, columns, start).open();
}
