// @ts-check
/** Review: what is at the gate, where we are in it, and what was decided. */

import { within } from "../core/dom.js";
import { facts } from "../core/facts.js";
import { count } from "../core/format.js";
import { island } from "../core/island.js";
import { hear, status, poll, whenSeen } from "../core/status.js";
import { get, post, tryGet } from "../core/net.js";
import { attempt, toast } from "../core/ui.js";
import { decide, flushDecisions, foresee, fresher, LABELS, settle } from "./decisions.js";
import { Keyboard } from "./keyboard.js";
import { ReviewModel, standing } from "./model.js";
import { openPristine } from "./pristine.js";
import { UndoHistory } from "./undo_history.js";
import { ReviewView } from "./view.js";

/** @import { Action, Label, Settled } from "../shapes.js" */
/** @import { Candidates, Corrected, PileItem } from "../types.js" */
/** @import { Memory } from "./model.js" */
/** @import { CorrectionEntry, DecisionEntry, TagEntry, Tags } from "./undo_history.js" */
/** @import { What } from "./view.js" */

const REMEMBER = "flen:review";
/** A pile of ten thousand is megabytes: it is fetched anew when the hands rest, not after every key. */
const REST_MS = 1500;

/** @returns {Memory} */
function recall() {
  try {
    return JSON.parse(localStorage.getItem(REMEMBER) ?? "{}");
  } catch {
    return {};
  }
}

export class Review {
  /**
   * @param {HTMLElement} root
   * @param {Record<string, string>} gates words by gate
   */
  constructor(root, gates) {
    this.root = root;
    this.model = new ReviewModel(gates, recall());
    this.history = new UndoHistory();
    this.decided = -Infinity;
    /** what pictures show is told one by one, in the order it was said */
    this.telling = Promise.resolve();
    this.told = 0;
    this.resting = 0;
    this.keyboard = new Keyboard(this);
    this.view = new ReviewView(this);
    this.paint("all");
  }

  get owner() {
    return `${status.state?.character?.id}/${this.model.gate}`;
  }

  /** @param {What} what */
  paint(what) {
    this.view.paint(what);
    localStorage.setItem(REMEMBER, JSON.stringify(this.model.remembered()));
  }

  /** @returns {Promise<void>} */
  async load() {
    await this.telling;
    const { told, model } = this;
    const asked = performance.now();
    const { gate } = model;
    const found = await tryGet(`/review?gate=${gate}`);
    if (!found || gate !== model.gate) return undefined;
    if (told !== this.told) return this.load(); // said meanwhile: the answer does not know of it
    if (model.take(found, fresher(asked), this.owner)) this.history.clear();
    this.paint("all");
    return undefined;
  }

  /** Load, but not while decisions are being made. */
  refresh() {
    clearTimeout(this.resting);
    const wait = this.decided + REST_MS - performance.now();
    if (wait > 0 && this.model.tiles.size) this.resting = setTimeout(() => this.refresh(), wait);
    else this.load();
  }

  /* ---- moving and looking */

  /** @param {number} to */
  go(to) {
    const end = this.model.go(to);
    if (end) this.view.say(`This is the ${end} picture.`);
    this.paint("picture");
  }

  /** @param {1 | -1} way */
  goRow(way) {
    const { model } = this;
    if (model.mode !== "grid") return;
    const to = model.at + way * this.view.grid.layout.columns;
    this.go(Math.max(0, Math.min(model.order.length - 1, to)));
  }

  /** @param {"advance" | "compare" | "info" | "zoom"} name */
  toggle(name) {
    this.model[name] = !this.model[name];
    this.paint("layout");
  }

  /** @param {"single" | "grid"} mode */
  setMode(mode) {
    this.model.mode = mode;
    this.paint("layout");
  }

  /** @param {boolean} on */
  peek(on) {
    this.model.peek = on;
    this.paint("picture");
  }

  escape() {
    this.model.armed = false;
    if (this.model.zoom) this.toggle("zoom");
    else this.paint("state");
  }

  /** @param {string} gate */
  openGate(gate) {
    this.model.open(gate);
    this.paint("all");
    this.load();
  }

  /** @param {string} pile */
  choosePile(pile) {
    this.model.choose(pile, this.owner);
    this.paint("all");
  }

  /* ---- deciding */

  /**
   * @param {PileItem} tile
   * @param {Action} action
   * @param {string | number | null} value
   * @param {string} words
   */
  record(tile, action, value, words) {
    const before = standing(tile);
    const { id } = decide(tile.id, action, value, { where: this.model.where });
    this.model.place(tile, foresee(tile, action, value));
    const after = standing(tile);
    this.history.add({ kind: "decision", tile: tile.id, words, action, value, decision: id, before, after });
    this.decided = performance.now();
    this.view.say(words);
  }

  /** @param {Label | null} label */
  label(label) {
    const { model } = this;
    if (!model.current) return;
    const last = model.atLast;
    this.record(model.current, "label", label, label ? LABELS[label].words : "label cleared");
    if (label && last) this.view.say(`${LABELS[label].words}. That was the last picture.`);
    const goesOn = label && model.advance && !last;
    if (goesOn) model.at += 1;
    this.paint(goesOn ? "picture" : "state");
  }

  /**
   * @param {"identity" | "edit"} action
   * @param {number} stars 0 clears
   */
  rate(action, stars) {
    const { current } = this.model;
    if (!current) return;
    const words = action === "edit" ? "edit quality" : "identity";
    this.record(current, action, stars || null, `${words} ${stars || "cleared"}`);
    this.paint("state");
  }

  /** @param {string} letter */
  fail(letter) {
    this.model.armed = false;
    const { current } = this.model;
    const name = facts.failures[letter];
    if (current && name) {
      const had = current.state.failures.includes(name);
      this.record(current, "failure", name, `${name} ${had ? "taken back" : "noted"}`);
    }
    this.paint("state");
  }

  arm() {
    this.model.armed = !this.model.armed;
    this.paint("state");
    if (this.model.armed) this.view.say("Failure mode: press its letter.");
  }

  /**
   * What the studio says of pictures and piles replaces what was foreseen.
   * @param {Settled} said
   */
  settle({ pictures, gates }) {
    for (const [id, now] of Object.entries(pictures)) this.model.placeIfHere(id, now);
    const tally = gates[this.model.gate];
    if (tally) this.model.tally(tally);
    this.paint("state");
  }

  /**
   * @param {PileItem} tile
   * @param {Corrected} answer
   * @param {string} words
   */
  corrected(tile, answer, words) {
    const { decisions, pictures } = answer;
    const events = Object.entries(decisions).map(([image, last]) => {
      const before = standing(this.model.tiles.get(image) ?? pictures[image]);
      return { image, last, before, after: pictures[image] };
    });
    this.history.add({ kind: "correction", tile: tile.id, words, events });
    this.view.say(words);
    settle(answer);
  }

  /** @param {Tags} said */
  tag(said) {
    const { current } = this.model;
    if (!current) return;
    const words = `shows ${Object.values(said).join(", ")}`;
    this.history.addTags(current.id, current.tags, said, words);
    this.view.say(words);
    this.tell(current.id, said);
  }

  /**
   * @param {string} id
   * @param {Tags} said
   */
  tell(id, said) {
    this.told += 1;
    const mine = this.told;
    const send = async () => {
      const { angle, expression, tags } = await post(`/picture/${id}/tags`, said);
      Object.assign(this.model.tiles.get(id) ?? {}, { angle, expression, tags });
      if (mine === this.told) this.paint("picture");
    };
    this.telling = this.telling.then(() => attempt(send));
  }

  /* ---- undoing and redoing */

  /** @param {boolean} back undo, else redo */
  turn(back) {
    const entry = this.history.turn(back);
    if (!entry) {
      this.view.say(back ? "Nothing to undo." : "Nothing to redo.");
      return;
    }
    if (this.model.tiles.has(entry.tile)) {
      if (entry.kind === "tags") this.retag(entry, back);
      else if (entry.kind === "correction") this.recorrect(entry, back);
      else this.redecide(entry, back);
      this.model.goTo(entry.tile);
    }
    this.view.say(`${back ? "undone" : "redone"}: ${entry.words}`);
    this.paint("picture");
  }

  /**
   * @param {DecisionEntry} entry
   * @param {boolean} back
   */
  redecide(entry, back) {
    const { where } = this.model;
    if (back) decide(entry.tile, "undo", null, { undoes: entry.decision, where });
    else entry.decision = decide(entry.tile, entry.action, entry.value, { where }).id;
    this.model.placeIfHere(entry.tile, back ? entry.before : entry.after);
  }

  /**
   * A correction is two decisions, on the picture and on what corrects it: each is undone, and undone again to redo.
   * @param {CorrectionEntry} entry
   * @param {boolean} back
   */
  recorrect(entry, back) {
    for (const event of entry.events) {
      event.last = decide(event.image, "undo", null, { undoes: event.last, where: "correction" }).id;
      this.model.placeIfHere(event.image, back ? event.before : event.after);
    }
    this.decided = performance.now();
  }

  /**
   * @param {TagEntry} entry
   * @param {boolean} back
   */
  retag(entry, back) {
    this.tell(entry.tile, back ? entry.before : entry.after);
  }

  /* ---- all of a gate */

  sort() {
    return attempt(async () => {
      await flushDecisions();
      const { rejected, left } = await post("/review/filter", { cut: null });
      toast(`${rejected} sorted out by rule, ${left} wait for your eyes. Every one can be taken back.`);
      this.model.forget();
      await this.load();
    });
  }

  keepBest() {
    return attempt(async () => {
      await this.telling;
      await flushDecisions();
      const found = /** @type {Candidates} */ (await get("/review/pristine"));
      if (!found.pictures.length) {
        toast("Every good picture is kept already: the next training learns from them.");
        return;
      }
      openPristine(found, ({ version, count: n }) => {
        toast(`${count(n, "picture is", "pictures are")} pristine ${version} now: the next training learns from them.`);
        poll();
      });
    });
  }

  listen() {
    const { root, model } = this;
    root.addEventListener("click", (event) => event.detail && within(event, "button")?.blur());
    document.addEventListener("keydown", (event) => this.keyboard.press(event), true);
    const released = (/** @type {KeyboardEvent} */ e) => e.key.toLowerCase() === "r" && model.peek && this.peek(false);
    document.addEventListener("keyup", released, true);
    hear("flen:settled", (said) => this.settle(said));
    hear("flen:unsent", (unsent) => this.view.unsent(unsent));
    hear("flen:goto", ({ gate }) => gate && gate in model.gates && gate !== model.gate && this.openGate(gate));
    whenSeen(root, () => this.refresh());
  }
}

island("review", ({ root, options }) => new Review(root, options.gates).listen());
