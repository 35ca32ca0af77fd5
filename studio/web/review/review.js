// @ts-check
/** Review: what is at the gate, where we are in it, and what was decided. */

import { within } from "../core/dom.js";
import { count } from "../core/format.js";
import { island } from "../core/island.js";
import { hear, status, poll, whenSeen } from "../core/status.js";
import { get, post, tryGet } from "../core/net.js";
import { attempt, toast } from "../core/ui.js";
import { flushDecisions, fresher, settle } from "./decisions.js";
import { Deciding } from "./deciding.js";
import { Keyboard } from "./keyboard.js";
import { ReviewModel, standing } from "./model.js";
import { openPristine } from "./pristine.js";
import { SecondLook } from "./second_look.js";
import { Turning } from "./turning.js";
import { UndoHistory } from "./undo_history.js";
import { ReviewView } from "./view.js";

/** @import { Settled } from "../shapes.js" */
/** @import { Candidates, Corrected, PileItem } from "../types.js" */
/** @import { Memory } from "./model.js" */
/** @import { Tags } from "./undo_history.js" */
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
    /** whose gate the user has asked for: there is no better one to open */
    this.insisted = "";
    this.deciding = new Deciding(this);
    this.turning = new Turning(this);
    this.second = new SecondLook(this);
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
    const { model } = this;
    const { gate, sort } = model;
    const arrival = this.owner !== model.owner;
    if (arrival) await flushDecisions(); // what can be taken back is known when it has arrived
    await this.telling;
    const { told } = this;
    const asked = performance.now();
    const elsewhere = arrival && this.insisted !== this.owner;
    const found = await tryGet(`/review?${new URLSearchParams({ gate, order: sort, elsewhere: String(elsewhere) })}`);
    if (!found || gate !== model.gate) return undefined;
    if (told !== this.told || sort !== model.sort) return this.load(); // said meanwhile: the answer knows nothing of it
    if (found.gate !== gate) model.open(found.gate);
    if (model.take(found, fresher(asked), this.owner)) this.history.begin(found.undo);
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
    this.model.selection.clear();
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

  /**
   * A picture of the grid was clicked: alone, with Ctrl one more of the selection, with Shift all up to it.
   * @param {number} at
   * @param {MouseEvent} event
   */
  pick(at, event) {
    const { model } = this;
    const { selection, order } = model;
    if (event.shiftKey) selection.reach(order, model.at, at);
    else if (event.ctrlKey || event.metaKey) selection.flip(order, model.at, at);
    else selection.clear();
    model.go(at);
    this.paint("picture");
  }

  /**
   * Shift and an arrow: one further of the selection; of what is zoomed, its next part.
   * @param {string} key
   */
  further(key) {
    const { model } = this;
    if (model.mode === "single") {
      this.view.stage.pan.by(key);
      return;
    }
    const { columns } = this.view.grid.layout;
    const step = { ArrowRight: 1, ArrowLeft: -1, ArrowDown: columns, ArrowUp: -columns }[key] ?? 0;
    model.go(model.selection.reach(model.order, model.at, model.at + step));
    this.paint("picture");
  }

  selectAll() {
    const { model } = this;
    if (model.mode !== "grid") return;
    model.selection.all(model.order);
    this.paint("state");
  }

  /** @param {"advance" | "compare" | "info" | "zoom"} name */
  toggle(name) {
    this.model[name] = !this.model[name];
    this.paint("layout");
  }

  /** @param {"single" | "grid"} mode */
  setMode(mode) {
    if (this.model.blind) return; // one by one
    this.model.mode = mode;
    this.model.selection.clear();
    this.paint("layout");
  }

  /** @param {boolean} on */
  peek(on) {
    this.model.peek = on;
    this.paint("picture");
  }

  escape() {
    const { model } = this;
    model.armed = false;
    if (model.zoom) this.toggle("zoom");
    else if (model.blind) this.second.end();
    else {
      model.selection.clear();
      this.paint("state");
    }
  }

  /** Near duplicates as one, or each by itself. */
  group() {
    this.model.group();
    this.view.say(this.model.grouped ? "Near duplicates are shown as one." : "Every picture is shown.");
    this.paint("all");
  }

  /** @param {string} sort */
  setOrder(sort) {
    this.model.sort = sort;
    this.paint("layout");
    this.load().then(() => {
      this.model.again();
      this.paint("all");
    });
  }

  /** @param {string} gate */
  openGate(gate) {
    this.model.open(gate);
    this.insisted = this.owner;
    this.paint("all");
    this.load();
  }

  /**
   * Somebody wants a gate to be seen, or a picture at it.
   * @param {string} gate
   * @param {string} [image]
   */
  goTo(gate, image) {
    const { model } = this;
    const here = gate === model.gate;
    if (here && !image) return;
    if (here && image && model.tiles.has(image)) {
      model.goTo(image);
      this.paint("all");
      return;
    }
    model.sent = image ?? "";
    this.openGate(gate);
  }

  /** @param {string} pile */
  choosePile(pile) {
    this.model.choose(pile, this.owner);
    this.paint("all");
  }

  /* ---- deciding */

  /** @param {number} number of good pictures that are wanted here */
  want(number) {
    return attempt(async () => {
      this.model.tally(await post("/review/wanted", { gate: this.model.gate, number }));
      this.paint("state");
    });
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
    hear("flen:goto", ({ gate, image }) => gate && gate in model.gates && this.goTo(gate, image));
    whenSeen(root, () => this.refresh());
  }
}

island("review", ({ root, options }) => new Review(root, options.gates).listen());
