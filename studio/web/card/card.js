// @ts-check
/** The model card: run it, judge it, hold its versions against each other. */

import { h, put } from "../core/dom.js";
import { facts } from "../core/facts.js";
import { count } from "../core/format.js";
import { island } from "../core/island.js";
import { poll, status, whenSeen } from "../core/status.js";
import { address, get, newest, post } from "../core/net.js";
import { attempt, button, keyHint, relabel, toast } from "../core/ui.js";
import { planChains } from "../enrich/chains.js";
import { openPicture } from "../pictures/open.js";
import { Doors } from "../wheel/doors.js";
import { decide, flushDecisions } from "../review/decisions.js";
import { Poster } from "./poster.js";
import { Analysis, Choice, Gauge } from "./parts.js";
import { Setup } from "./setup.js";
import { besideWords, named, noCardWords, ofTry, readerWords } from "./describe.js";

/** @import { CardPlace, CardSummary, Cards, CardsCompared, FailedCells } from "../types.js" */
/** @import { PosterCell } from "./poster.js" */
/** @import { CardVerdict } from "./describe.js" */

/** @type {Record<string, string | null>} */
const LABEL_KEYS = { p: "good", a: "good", x: "reject", u: null };
/** @type {[string, string][]} forms that a card is written down in */
const EXPORTS = [
  ["png", "Picture"],
  ["html", "Page"],
  ["md", "Markdown"],
  ["json", "JSON"],
];
/** @type {Record<string, [number, number]>} */
const ARROWS = { ArrowRight: [1, 0], ArrowLeft: [-1, 0], ArrowDown: [0, 1], ArrowUp: [0, -1] };

/**
 * The button that has a card's pictures read, and the words on who can.
 * @param {() => unknown} asked
 */
const readerParts = (asked) => ({
  button: button("Have it read", asked, { id: "card-read", class: "quiet", icon: "eye" }),
  words: h("p", { id: "card-reader", class: "dim" }),
});

class ModelCard {
  askCards = newest();
  askCompared = newest();
  doors = new Doors();

  /** @param {HTMLElement} root */
  constructor(root) {
    /** @type {Cards | null} */
    this.list = null;
    this.character = "";
    this.version = "";
    this.against = "";
    /** what was set last is kept last, though an earlier request is late */
    this.kept = Promise.resolve();
    this.setup = new Setup((setup) => {
      this.kept = this.kept.then(() => attempt(() => post("/cards/setup", setup)));
    });
    this.tries = new Choice("card-try", "Try", (shownTry) => this.change({ shownTry: Number(shownTry) }));
    this.tries.field.hidden = true;
    this.shownTry = 0;
    this.analysis = new Analysis();
    this.run = button("Run the card", () => this.start(), { id: "card-run", class: "primary", icon: "play" });
    this.run.disabled = true;
    this.get = button("", () => this.obtain(), { id: "card-obtain", hidden: true });
    this.ahead = h("p", { id: "card-ahead", class: "card-ahead", role: "status" });
    this.versions = new Choice("card-version", "Version", (version) => this.change({ version }));
    this.beside = new Choice("card-compare", "beside", (against) => this.change({ against }));
    const report = { href: address("/practice/report"), target: "_blank", rel: "noopener" };
    this.report = h("a", { id: "card-report", class: "fb", ...report }, "Practice report");
    this.look = button("", () => this.compareWithTruth(), { id: "card-look", class: "quiet", icon: "eye" });
    this.headline = h("p", { id: "card-headline", class: "headline", role: "status", "aria-live": "polite" });
    this.gauge = new Gauge();
    this.keys = this.keyLine();
    this.compared = h("p", { id: "card-compared", class: "card-ahead" });
    this.reader = readerParts(() => this.ask());
    this.next = button("Failed cells to Enrich", () => this.planFailed(), { id: "card-failed", class: "quiet" });
    /** @type {string | undefined} */
    this.exported = undefined;
    this.exports = h("span", { id: "card-exports", class: "row" });
    this.first = this.poster("card-poster");
    this.second = this.poster("card-poster-beside");
    this.posters = h("div", { class: "posters" }, this.first.section, this.second.section);
    this.lay(root);
  }

  /** @param {HTMLElement} root */
  lay(root) {
    root.classList.add("card-tab");
    const { headline, gauge, keys, doors } = this;
    const head = h("div", { class: "card-head" }, headline, gauge.node, keys, doors.rule);
    root.append(this.bar(), this.ahead, head, this.compared, this.reader.words, this.analysis.node, this.posters);
  }

  bar() {
    const left = [
      this.versions.field,
      this.tries.field,
      this.beside.field,
      this.doors.nodes,
      this.next,
      this.reader.button,
      this.exports,
      this.report,
      this.look,
    ];
    const right = [this.setup.node, this.get, this.run];
    return h("div", { class: "card-bar" }, left, h("span", { class: "grow" }), right);
  }

  keyLine() {
    const keys = [
      ["P", "right"],
      ["X", "wrong"],
      ["U", "clear"],
      ["←→↑↓", "move"],
      ["Enter", "open"],
    ];
    return h(
      "p",
      { class: "dim card-keys" },
      keys.map(([key, words]) => keyHint(key, words)),
    );
  }

  /** @param {string} id */
  poster(id) {
    const judge = {
      open: (/** @type {CardPlace} */ cell) => this.open(cell),
      key: (/** @type {KeyboardEvent} */ event, /** @type {PosterCell} */ cell) => this.key(event, cell, poster),
    };
    const poster = new Poster(id, judge);
    const title = h("h3", { class: "poster-title" });
    return { poster, title, section: h("section", {}, title, poster.node) };
  }

  /** @param {{ version: string } | { against: string } | { shownTry: number }} patch */
  change(patch) {
    Object.assign(this, patch);
    if (this.list) this.paint(this.list);
  }

  /**
   * Until it is known what can be run now, nothing is.
   * @param {boolean} behind
   */
  see(behind) {
    this.run.disabled ||= behind;
    return this.load();
  }

  async load() {
    this.follow(status.state?.character?.id ?? "");
    const asked = /** @type {Cards | null | undefined} */ (await this.askCards("/cards"));
    const list = asked === null ? this.list : asked;
    if (!list) return;
    this.list = list;
    this.paint(list);
  }

  /**
   * What was chosen was chosen for one character.
   * @param {string} character
   */
  follow(character) {
    if (character === this.character) return;
    this.run.disabled = true;
    [this.list, this.version, this.against] = [null, "", ""];
    this.setup.forget();
    this.character = character;
  }

  /** Decisions are on the disk, the card is what the studio makes of them. */
  async settle() {
    await flushDecisions();
    await this.load();
  }

  start() {
    return attempt(async () => {
      await post("/cards", this.setup.value);
      this.version = "";
      poll();
    });
  }

  /** Have the weights downloaded that are missing. */
  obtain() {
    return attempt(async () => {
      await post(`/models/${encodeURIComponent(this.list?.ahead.get ?? "")}/get`);
      toast("On its way. The job bar shows how far.");
      await poll();
      await this.load();
    });
  }

  /** Have angle and expression read off the pictures of the card that is shown; your word stays above it. */
  ask() {
    return attempt(async () => {
      const { title } = await post(`/cards/${this.versions.node.value}/read`);
      toast(`${title}: it is in the job bar. Where readers disagree, nobody says anything.`);
      poll();
    });
  }

  compareWithTruth() {
    return attempt(async () => {
      await post("/practice/look");
      toast("Your decisions are held against the truth; the practice report will say how often you were right.");
      poll();
    });
  }

  /** @param {CardPlace} cell */
  open({ image }) {
    if (!image) return;
    const mine = this.list?.cards.find(({ cells }) => cells.some((cell) => cell.image?.id === image.id));
    const siblings = () => mine?.cells.flatMap((cell) => cell.image?.id ?? []) ?? [];
    openPicture(image.id, { where: "card", after: () => this.settle(), siblings });
  }

  /**
   * @param {PosterCell} cell
   * @param {string | null} label
   */
  label(cell, label) {
    const { image } = cell.state;
    if (!image) return;
    decide(image.id, "label", label, { where: "card" });
    const expected = facts.outcomes.label[String(label)].cell; // nothing: the machine's word, which the studio knows
    if (expected) cell.showVerdict(/** @type {CardVerdict} */ (expected));
    this.settle();
  }

  /**
   * @param {KeyboardEvent} event
   * @param {PosterCell} cell
   * @param {Poster} poster
   */
  key(event, cell, poster) {
    if (event.ctrlKey || event.altKey || event.metaKey) return;
    const letter = event.key.toLowerCase();
    if (letter in LABEL_KEYS && cell.state.image) this.label(cell, LABEL_KEYS[letter]);
    else if (event.key in ARROWS) poster.step(cell, ARROWS[event.key]);
    else return;
    event.preventDefault();
    event.stopPropagation();
  }

  /** @param {Cards} list */
  paint(list) {
    const { cards, cells } = list;
    const shown = cards.find((c) => c.version === this.version) ?? cards.at(-1);
    const other = cards.find((c) => c.version === this.against && c !== shown);
    this.paintBar(list, shown, other);
    this.paintAhead(list.ahead);
    this.headline.textContent = shown ? shown.rate.words : noCardWords(list);
    this.gauge.paint(shown?.rate);
    this.keys.hidden = !shown;
    this.first.title.textContent = shown ? `Card ${shown.version}: ${shown.lora}` : "";
    this.first.poster.paint(cells, shown && ofTry(shown, this.shownTry));
    this.analysis.paint(shown);
    this.second.section.hidden = !other;
    this.paintUses(shown);
    this.compare(shown, other);
    this.posters.classList.toggle("two", Boolean(other));
    if (!other || !shown) return;
    this.second.title.textContent = besideWords(other, shown);
    this.second.poster.paint(cells, ofTry(other, this.shownTry));
  }

  /**
   * What is done with a card that was judged.
   * @param {CardSummary | undefined} shown
   */
  paintUses(shown) {
    this.reader.button.hidden = !shown;
    this.reader.button.disabled = !this.list?.reader?.reader;
    this.reader.words.textContent = shown ? readerWords(this.list?.reader) : "";
    this.next.hidden = !shown?.cells.some((cell) => cell.verdict === "wrong");
    this.exports.hidden = !shown;
    this.doors.show(shown, this.list);
    if (this.exported === shown?.version) return;
    this.exported = shown?.version;
    const link = ([form, words] = ["", ""]) =>
      h("a", { class: "fb quiet", href: address(`/cards/${this.exported}/export.${form}`), download: "" }, words);
    put(this.exports, shown ? EXPORTS.map(link) : null);
  }

  /**
   * Gained and lost cells, as the studio counts them.
   * @param {CardSummary | undefined} shown
   * @param {CardSummary | undefined} other
   */
  async compare(shown, other) {
    this.compared.hidden = !other;
    if (!shown || !other) return;
    const asked = new URLSearchParams({ first: other.version, second: shown.version });
    const found = /** @type {CardsCompared | null} */ (await this.askCompared(`/cards/compare?${asked}`));
    if (found) this.compared.textContent = found.words;
  }

  /** The cells that failed become chains of Enrich, where they can be looked at before anything is made. */
  planFailed() {
    return attempt(async () => {
      const { chains } = /** @type {FailedCells} */ (await get(`/cards/${this.versions.node.value}/failed`));
      planChains(chains);
      const cells = count(chains.length, "cell that failed is a chain", "cells that failed are chains");
      toast(`${cells} in Enrich now, and no other edit is ticked: look at the plan, then make it.`);
    });
  }

  /** @param {Cards["ahead"]} ahead */
  paintAhead({ obstacle, words, get: model, gib }) {
    this.run.disabled = Boolean(obstacle);
    relabel(this.run, obstacle || "Run the card");
    this.get.hidden = !model;
    relabel(this.get, gib ? `Download ${gib.toFixed(1)} GB` : "Make the copy");
    this.ahead.textContent = words.join(" ");
  }

  /**
   * @param {Cards} list
   * @param {CardSummary | undefined} shown
   * @param {CardSummary | undefined} other
   */
  paintBar(list, shown, other) {
    const { cards, report, unread } = list;
    const entry = (/** @type {CardSummary} */ card) => /** @type {[string, string]} */ ([card.version, named(card)]);
    this.setup.paint(list);
    this.versions.fill(cards.map(entry), shown?.version ?? "");
    this.beside.fill([["", "nothing"], ...cards.filter((c) => c !== shown).map(entry)], other?.version ?? "");
    const seeds = shown?.rate.seeds ?? 1;
    if (this.shownTry >= seeds) this.shownTry = 0;
    this.tries.fill(
      Array.from({ length: seeds }, (_, n) => [String(n), `${n + 1} of ${seeds}`]),
      String(this.shownTry),
    );
    this.tries.field.hidden = seeds < 2;
    this.versions.field.hidden = !cards.length;
    this.beside.field.hidden = cards.length < 2;
    this.report.hidden = !report;
    this.look.hidden = !unread;
    relabel(this.look, `Compare ${unread} decisions with the truth`);
  }
}

island("card-grid", ({ root }) => {
  const card = new ModelCard(root);
  whenSeen(root, (behind) => card.see(behind));
});
