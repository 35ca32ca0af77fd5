// @ts-check
/** The comparison matrix: sticky row pictures and column stacks; every output in its cell, rated where it stands. */

import { count } from "../core/format.js";
import { h, put, within } from "../core/dom.js";
import { facts } from "../core/facts.js";
import { icon } from "../core/icons.js";
import { island } from "../core/island.js";
import { whenSeen } from "../core/status.js";
import { pictureUrl, tryGet } from "../core/net.js";
import { attempt, keyHint } from "../core/ui.js";
import { openPicture } from "../pictures/open.js";
import { identity, labelClass, thumb } from "../pictures/parts.js";
import { decide, flushDecisions, foresee, fresher } from "../review/decisions.js";
import { blind, goBlind, unled } from "./blind.js";
import { CellsInSight } from "./cells_in_sight.js";
import { openComparison } from "./compare.js";
import { matrixBar } from "./matrix_bar.js";
import { DIMENSIONS, MatrixModel } from "./matrix_model.js";
import { download, drawMatrix } from "./matrix_picture.js";

/** @import { Frame } from "../core/island.js" */
/** @import { Matrix as MatrixTold, SurveyCell } from "../types.js" */
/** @import { Value } from "./matrix_model.js" */

/** @type {Record<string, [number, number]>} */
const ARROWS = { ArrowRight: [1, 0], ArrowLeft: [-1, 0], ArrowDown: [0, 1], ArrowUp: [0, -1] };

/** @param {Value} value */
function heading(value) {
  const image = value.image ? h("img", { src: pictureUrl(value.image, 256), alt: value.words }) : null;
  return [image, h("span", { title: value.about ?? value.words }, value.words)];
}

/** @param {SurveyCell} tile */
function under(tile) {
  const { identity: stars, edit, failures } = tile.state;
  const rated = stars || edit;
  return h(
    "span",
    { class: "mx-under" },
    identity(unled(tile)),
    rated ? h("span", { class: "mx-rate", title: "identity, edit quality" }, `${stars ?? "-"} / ${edit ?? "-"}`) : null,
    failures.length
      ? h("span", { class: "mx-fail", title: failures.join(", ") }, count(failures.length, "flaw"))
      : null,
  );
}

const notMade = () =>
  h("span", { class: "mx-none", role: "img", "aria-label": "Not made yet", title: "Not made yet" }, icon("dash"));

/**
 * The picture that an arrow leads to; in a cell of several the one at the same place.
 * @param {HTMLElement} from
 * @param {[number, number]} way
 * @param {(cell: Element) => HTMLElement[]} pictures of a cell
 * @returns {HTMLElement | undefined}
 */
function neighbour(from, [dx, dy], pictures) {
  const cell = /** @type {HTMLTableCellElement} */ (from.closest("td"));
  const row = /** @type {HTMLTableRowElement} */ (cell.parentElement);
  const place = pictures(cell).indexOf(from);
  if (dx && pictures(cell)[place + dx]) return pictures(cell)[place + dx];
  const line = dx ? [...row.cells] : [.../** @type {HTMLElement} */ (row.parentElement).children];
  for (let n = line.indexOf(dx ? cell : row) + dx + dy; line[n]; n += dx + dy) {
    const there = pictures(dx ? line[n] : /** @type {HTMLTableRowElement} */ (line[n]).cells[cell.cellIndex]);
    if (there.length) return there.at(dx ? Math.min(0, dx) : Math.min(place, there.length - 1));
  }
  return undefined;
}

class Matrix {
  /** @param {Frame} frame */
  constructor(frame) {
    this.frame = frame;
    this.survey = frame.value || frame.options.survey;
    this.model = new MatrixModel();
    /** @type {SurveyCell | null} the picture that has, or had last, the keyboard */
    this.focus = null;
    /** @type {SurveyCell | undefined} the picture that the Tab key comes to */
    this.stop = undefined;
    /** the next letter is that of a failure mode */
    this.armed = false;
    this.print = "";
    this.bar = h("div", { class: "mx-bar" });
    this.table = h("table", { class: "mx" });
    this.live = h("div", { class: "sr", role: "status", "aria-live": "polite" });
    const hints = [
      ["←→↑↓", "move"],
      ["1-5", "identity"],
      ["Shift+1-5", "edit"],
      ["F", "failure"],
      ["C", "compare"],
      ["Enter", "open"],
    ];
    this.keys = h(
      "p",
      { class: "mx-hint" },
      hints.map(([key, words]) => keyHint(key, words)),
    );
    frame.root.classList.add("matrix");
    const scroll = h("div", { class: "mx-scroll" }, this.table);
    this.inSight = new CellsInSight(scroll, (tile) => this.figure(tile));
    frame.root.append(this.bar, scroll, this.keys, this.live);
    frame.root.addEventListener("keydown", (event) => this.key(event));
  }

  async load() {
    const asked = performance.now();
    const survey = /** @type {MatrixTold | null} */ (
      (await tryGet(`/survey/${this.survey || "latest"}`))?.survey ?? null
    );
    const print = JSON.stringify(survey);
    if (print === this.print) return;
    this.print = print;
    this.keepFresh(survey, asked);
    this.model.take(survey);
    const focused = document.activeElement instanceof HTMLElement ? document.activeElement.dataset.id : "";
    this.paint();
    if (focused) this.pictureOf(focused)?.focus({ preventScroll: true });
  }

  /**
   * Pictures that were decided on after `asked` keep the state that they have on the page.
   * @param {MatrixTold | null} survey
   * @param {number} asked
   */
  keepFresh(survey, asked) {
    const mine = fresher(asked);
    const old = new Map(
      (this.model.data?.cells ?? []).map(({ id, state, piles, above }) => [id, { state, piles, above }]),
    );
    for (const tile of survey?.cells ?? []) if (mine.has(tile.id)) Object.assign(tile, old.get(tile.id));
  }

  /** @param {string} id */
  pictureOf(id) {
    return /** @type {HTMLElement | null} */ (this.table.querySelector(`[data-id="${CSS.escape(id)}"]`));
  }

  paint() {
    const { model } = this;
    this.keys.hidden = !model.data?.cells.length;
    if (!model.data) {
      put(this.table);
      put(this.bar, h("p", { class: "empty" }, this.frame.options.empty));
      return;
    }
    put(this.bar, matrixBar(model, this.doors()));
    this.table.dataset.rows = model.rows;
    this.inSight.begin();
    put(this.table, this.heads(), this.body());
    this.rove();
  }

  /** What the bar above the matrix does. */
  doors() {
    return {
      change: (/** @type {() => void} */ change) => {
        change();
        if (this.model.blind !== blind()) goBlind(this.model.blind);
        this.paint();
      },
      open: (/** @type {string} */ survey) => this.open(survey),
      compare: () => this.compare(),
      picture: () => this.picture(),
    };
  }

  heads() {
    const { model } = this;
    const columns = model.values(model.columns).map((v) => h("th", { scope: "col" }, heading(v)));
    return h("thead", {}, h("tr", {}, h("th", { class: "corner" }, DIMENSIONS[model.rows]), columns));
  }

  body() {
    const { model } = this;
    const cells = model.cells();
    const row = (/** @type {Value} */ v, /** @type {number} */ n) =>
      h(
        "tr",
        {},
        h("th", { scope: "row" }, heading(v)),
        cells[n].map((tiles) => this.cell(tiles)),
      );
    return h("tbody", {}, model.values(model.rows).map(row));
  }

  /** @param {SurveyCell[]} tiles */
  cell(tiles) {
    const made = h("td", { class: this.model.several ? "several" : "" }, tiles.length ? null : notMade());
    if (tiles.length) this.inSight.watch(made, tiles);
    return made;
  }

  /** @param {SurveyCell} tile */
  figure(tile) {
    const onfocus = () => {
      this.focus = tile;
      this.rove();
    };
    const onclick = () => {
      this.frame.trigger("select", { image: tile.id });
      const siblings = () => this.model.cells().flatMap((row) => row.flat().map(({ id }) => id));
      openPicture(tile.id, { where: "survey", blind: blind(), after: () => this.settle(), siblings });
    };
    const look = {
      type: "button",
      class: `mx-pic ${labelClass(tile.state.label)}`,
      dataset: { id: tile.id },
      tabindex: tile === this.stop ? "0" : "-1",
    };
    return h("button", { ...look, onfocus, onclick }, thumb(tile), under(tile));
  }

  /** One picture of the matrix is a stop of the Tab key; arrows go on from there. */
  rove() {
    const { model } = this;
    this.focus = model.shown.find((tile) => tile.id === this.focus?.id) ?? null;
    this.stop = this.focus ?? model.first;
    this.inSight.keep(this.stop);
    for (const before of this.table.querySelectorAll(".mx-pic[tabindex='0']")) before.setAttribute("tabindex", "-1");
    if (this.stop) this.pictureOf(this.stop.id)?.setAttribute("tabindex", "0");
  }

  /** Decisions are on the disk, the matrix is what the studio makes of them. */
  async settle() {
    await flushDecisions();
    await this.load();
  }

  /** @param {string} survey */
  open(survey) {
    this.survey = survey;
    this.load();
  }

  compare() {
    const { spots, columns, start } = this.model.comparison(this.focus);
    if (spots.length) openComparison(spots, columns, start);
  }

  picture() {
    return attempt(async () => {
      const { model } = this;
      const [rows, columns, corner] = [model.values(model.rows), model.values(model.columns), DIMENSIONS[model.rows]];
      const { id, version } = model.survey;
      const title = `Survey ${version}${model.only ? `, ${model.words(model.third, model.only)}` : ""}`;
      const canvas = await drawMatrix({
        title,
        corner,
        rows,
        columns,
        cells: model.cells().map((row) => row.map((tiles) => tiles.map(unled))),
      });
      canvas.toBlob((blob) => blob && download(blob, `survey-${id.replace("/", "-")}.png`));
    });
  }

  /**
   * @param {"identity" | "edit" | "failure"} action
   * @param {number | string | null} value
   */
  rate(action, value) {
    const tile = this.focus;
    if (!tile) return;
    decide(tile.id, action, value, { where: "survey" });
    Object.assign(tile, foresee(tile, action, value));
    this.live.textContent = `${action} ${value ?? "cleared"}`;
    const fresh = this.figure(tile);
    this.pictureOf(tile.id)?.replaceWith(fresh);
    fresh.focus();
  }

  /** @param {string} letter */
  fail(letter) {
    this.armed = false;
    const name = facts.failures[letter];
    if (name) this.rate("failure", name);
  }

  arm() {
    this.armed = true;
    this.live.textContent = "Failure mode: press its letter.";
  }

  /**
   * @param {HTMLElement} picture
   * @param {string} key
   */
  goto(picture, key) {
    neighbour(picture, ARROWS[key], (cell) => this.inSight.fill(cell))?.focus();
  }

  /**
   * What a key does on a picture; `undefined` when it is not ours.
   * @param {KeyboardEvent} event
   * @param {HTMLElement} picture
   * @returns {(() => void) | undefined}
   */
  action(event, picture) {
    const letter = event.key.toLowerCase();
    const digit = /^Digit([0-5])$/.exec(event.code)?.[1];
    if (this.armed) return () => this.fail(letter);
    if (digit) return () => this.rate(event.shiftKey ? "edit" : "identity", Number(digit) || null);
    if (event.key in ARROWS) return () => this.goto(picture, event.key);
    if (letter === "c") return () => this.compare();
    return letter === "f" ? () => this.arm() : undefined;
  }

  /** @param {KeyboardEvent} event */
  key(event) {
    const picture = within(event, ".mx-pic");
    if (!picture || event.ctrlKey || event.altKey || event.metaKey) return;
    const act = this.action(event, picture);
    if (!act) return;
    event.preventDefault();
    act();
  }
}

island("matrix", (frame) => {
  const matrix = new Matrix(frame);
  frame.onValue((value) => matrix.open(value || "latest"));
  whenSeen(frame.root, () => matrix.load());
});
