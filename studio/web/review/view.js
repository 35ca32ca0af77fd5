// @ts-check
/** How the review looks. Everything is built once; a decision or a step changes sources, texts, classes, never places. */

import { h, put } from "../core/dom.js";
import { openTab } from "../core/tabs.js";
import { button, keyHint } from "../core/ui.js";
import { Film } from "./film.js";
import { ReviewGrid } from "./grid.js";
import { SidePanel } from "./side.js";
import { Stage } from "./stage.js";
import { SubBar } from "./sub.js";
import { TopBar } from "./top.js";

/** @import { Review } from "./review.js" */
/** @typedef {"all" | "layout" | "picture" | "state"} What has changed */

/** Unsent decisions that are worth a word. */
const MANY = 20;
/** A width to begin with, before there is a layout, px. */
const SOME_WIDTH = 900;

/** @type {Record<string, [string, string]>} the tab where pictures of a gate come from */
const MADE_IN = {
  enriched: ["enrich", "Enrich"],
  synthetic: ["generate", "Generate"],
  card: ["model_card", "Model Card"],
};

/** @type {[string, string][]} */
const HINTS = [
  ["P", "good"],
  ["N", "needs correction"],
  ["X", "reject"],
  ["1-5", "identity"],
  ["F", "failure"],
  ["←→", "move"],
  ["W", "note"],
  ["Z", "zoom"],
  ["R", "peek"],
  ["?", "all keys"],
];

export class ReviewView {
  /** @param {Review} review */
  constructor(review) {
    this.review = review;
    const { root, model } = review;
    this.top = new TopBar(review);
    this.sub = new SubBar(review);
    this.stage = new Stage(model);
    this.side = new SidePanel(review);
    const go = (/** @type {number} */ at) => review.go(at);
    const pick = (/** @type {number} */ at, /** @type {MouseEvent} */ event) => review.pick(at, event);
    this.grid = new ReviewGrid(model, { pick, single: () => review.setMode("single") });
    this.film = new Film(model, go);
    this.position = h("span", { id: "review-position", class: "numbers" });
    this.unsentWords = h("span", { class: "dim" });
    this.advance = h("input", { type: "checkbox", onchange: () => review.toggle("advance") });
    this.live = h("div", { id: "review-live", class: "rv-live", role: "status", "aria-live": "polite" });
    this.empty = h("div", { class: "rv-empty" });
    const main = h("div", { class: "rv-main" }, this.stage.node, this.stage.beside, this.side.node);
    root.classList.add("rv");
    root.append(this.top.node, this.sub.node, main, this.grid.node, this.empty, this.film.node, this.line(), this.live);
    new ResizeObserver(() => this.resized()).observe(root);
  }

  line() {
    const undo = button("Undo", () => this.review.turning.turn(true), {
      id: "review-undo",
      icon: "undo",
      class: "quiet",
    });
    return h(
      "div",
      { class: "rv-line" },
      this.position,
      h(
        "span",
        { class: "hints" },
        HINTS.map(([key, words]) => keyHint(key, words)),
      ),
      this.unsentWords,
      h("label", { class: "check" }, this.advance, "Go on after a decision"),
      undo,
    );
  }

  resized() {
    this.paintFilm();
    if (this.review.model.mode === "grid") this.grid.relayout();
  }

  /** @param {What} what */
  paint(what) {
    if (what === "all" || what === "layout") this.paintLayout();
    if (what !== "state") this.paintPicture();
    this.paintState();
  }

  paintLayout() {
    const { root, model } = this.review;
    const some = model.order.length > 0;
    root.dataset.mode = some ? model.mode : "empty";
    root.classList.toggle("no-ref", !model.compare);
    root.classList.toggle("no-info", !model.info);
    this.stage.paintLayout();
    this.advance.checked = model.advance;
    this.top.paintLayout();
    this.sub.paintLayout();
    this.side.paintLayout();
    if (!some) this.paintEmpty();
    if (model.mode === "grid") this.grid.relayout();
  }

  paintEmpty() {
    const { review } = this;
    const { tiles, gate } = review.model;
    const [tab, title] = MADE_IN[gate];
    if (tiles.size) {
      const all = button("Show all", () => review.choosePile("all"));
      put(this.empty, h("p", {}, "No picture is behind this filter."), all);
      return;
    }
    const words = h("p", {}, `Nothing to review here yet: pictures come from ${title}.`);
    put(
      this.empty,
      words,
      button(`Open ${title}`, () => openTab(tab)),
    );
  }

  paintPicture() {
    const { at, order, current } = this.review.model;
    this.position.textContent = order.length ? `${at + 1} of ${order.length}` : "";
    if (!current) return;
    this.stage.paint(current);
    this.side.paint(current);
  }

  paintState() {
    const { current } = this.review.model;
    this.stage.paintLabel(current);
    this.side.paintState(current);
    this.top.paintCounts();
    this.sub.paintCounts();
    this.paintFilm();
    this.grid.paint();
  }

  paintFilm() {
    this.film.paint(this.film.node.clientWidth || this.review.root.clientWidth || SOME_WIDTH);
  }

  /** @param {string} words said to who cannot see what has changed, too */
  say(words) {
    this.live.textContent = words;
  }

  /** @param {{ count: number, words: string }} waiting */
  unsent({ count, words }) {
    this.unsentWords.textContent = words || count <= MANY ? "" : `${count} decisions on their way`;
  }
}
