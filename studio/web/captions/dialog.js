// @ts-check
/** Captions of all pictures: what is doubtful about them, edited one by one or together, taken back, exported. */

import { h, put } from "../core/dom.js";
import { count } from "../core/format.js";
import { address, get, post } from "../core/net.js";
import { attempt, button, dialog, relabel, select, toast } from "../core/ui.js";
import { captionRow } from "./row.js";

/** @import { CaptionChange, CaptionRow, CaptionsTold } from "../types.js" */

const KINDS = /** @type {const} */ ([
  ["all", "All pictures"],
  ["source", "Sources"],
  ["enriched", "Enriched"],
  ["synthetic", "Generated"],
]);
const SETS = /** @type {const} */ ([
  ["source", "Sources"],
  ["enriched", "Good enriched pictures"],
  ["pristine", "Pristine pictures"],
  ["training", "What the next training learns from"],
  ["editor", "Corrections (control folder)"],
]);
const WAIT_MS = 250;

/**
 * A line of text with what it is.
 * @param {string} id
 * @param {string} label
 * @param {string} placeholder
 */
function field(id, label, placeholder) {
  const input = h("input", { id, type: "text", autocomplete: "off", placeholder, maxlength: "2000" });
  return { input, line: h("label", { class: "field" }, h("span", {}, label), input) };
}

class CaptionsDialog {
  constructor() {
    /** @type {CaptionsTold | null} */
    this.data = null;
    /** @type {Record<string, string>} what the change would make of captions */
    this.after = {};
    this.timer = 0;
    this.kind = select(KINDS, "all", {
      id: "captions-kind",
      onchange: () => this.load(),
      "aria-label": "Which pictures",
    });
    this.tag = field("captions-tag", "Only with this tag", "front, smiling, film grain");
    this.doubtful = h("input", { id: "captions-doubtful", type: "checkbox", onchange: () => this.paint() });
    this.find = field("captions-find", "Find", "words to replace");
    this.replace = field("captions-replace", "Replace with", "nothing: take out");
    this.remove = field("captions-remove", "Remove tags", "film grain, hat");
    this.add = field("captions-add", "Add tags", "in a garden");
    this.front = h("input", { id: "captions-front", type: "checkbox", onchange: () => this.soon() });
    this.go = button("Change captions", () => this.change(), {
      id: "captions-change",
      class: "primary",
      disabled: true,
    });
    this.back = button("", () => this.undo(), { id: "captions-undo", icon: "undo", hidden: true });
    this.machine = button("Have captions written", () => this.ask(), { id: "captions-machine", icon: "pen" });
    this.list = h("ol", { id: "captions-list", class: "capt-list", "aria-label": "Captions" });
    this.said = h("div", { id: "captions-said", class: "capt-said", role: "status" });
    this.what = select(SETS, "training", { id: "captions-what", "aria-label": "What to export" });
    this.box = dialog("Captions", this.body(), { id: "captions-dialog", wide: true });
  }

  body() {
    this.tag.input.addEventListener("change", () => this.load());
    for (const { input } of [this.find, this.replace, this.remove, this.add]) {
      input.addEventListener("input", () => this.soon());
    }
    const check = (/** @type {HTMLInputElement} */ box, /** @type {string} */ words) =>
      h("label", { class: "check" }, box, words);
    const top = h(
      "div",
      { class: "capt-tools" },
      this.kind,
      this.tag.line,
      check(this.doubtful, "Only doubtful ones"),
      h("span", { class: "grow" }),
      this.back,
      this.machine,
    );
    const edit = h(
      "div",
      { class: "capt-tools" },
      [this.find, this.replace, this.remove, this.add].map(({ line }) => line),
      check(this.front, "in front"),
      this.go,
    );
    const leave = button("Export", () => this.leave(), { id: "captions-export", icon: "download" });
    const words = "Pictures with .txt, JSONL and kohya's metadata beside them, for other trainers.";
    const foot = h(
      "div",
      { class: "capt-foot" },
      h("span", { class: "dim" }, words),
      h("span", { class: "grow" }),
      this.what,
      leave,
    );
    return h("div", { class: "capt" }, top, edit, this.said, this.list, foot);
  }

  /** @returns {CaptionChange} */
  asked() {
    const words = (/** @type {{ input: HTMLInputElement }} */ { input }) => input.value;
    const [find, replace, remove, add] = [this.find, this.replace, this.remove, this.add].map(words);
    return { find, replace, remove, add, front: this.front.checked };
  }

  async open() {
    this.box.showModal();
    await this.load();
  }

  async load() {
    const kinds = this.kind.value === "all" ? KINDS.slice(1).map(([name]) => name) : [this.kind.value];
    const query = new URLSearchParams(kinds.map((kind) => ["kind", kind]));
    query.set("tag", this.tag.input.value);
    this.data = (await attempt(() => get(`/captions?${query}`))) ?? this.data;
    this.soon(0);
    this.paint();
  }

  soon(ms = WAIT_MS) {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.foresee(), ms);
  }

  /** What the change would make of the captions that are shown. */
  async foresee() {
    const change = this.asked();
    const nothing = !change.find && !change.remove?.trim() && !change.add?.trim();
    const images = this.shown().map(({ id }) => id);
    const told = nothing ? { captions: {} } : await attempt(() => post("/captions/preview", { images, change }));
    this.after = told?.captions ?? {};
    const many = Object.keys(this.after).length;
    this.go.disabled = !many;
    relabel(this.go, many ? `Change ${count(many, "caption")}` : "Change captions");
    this.paint();
  }

  /** @returns {CaptionRow[]} */
  shown() {
    return (this.data?.rows ?? []).filter(({ notes }) => !this.doubtful.checked || notes.length);
  }

  change() {
    return attempt(async () => {
      const { captions } = await post("/captions/change", { images: Object.keys(this.after), change: this.asked() });
      toast(`${count(Object.keys(captions).length, "caption")} changed.`);
      for (const { input } of [this.find, this.replace, this.remove, this.add]) input.value = "";
      await this.load();
    });
  }

  /** Have a model that sees write the captions that no human wrote. */
  ask() {
    return attempt(async () => {
      const images = this.shown().map(({ id }) => id);
      const { title } = await post("/captions/machine", { images });
      toast(`${title}: it is in the job bar. What you wrote stays as it is.`);
    });
  }

  undo() {
    return attempt(async () => {
      const { captions, words } = await post("/captions/undo");
      toast(`${count(captions, "caption")} as before: ${words}.`);
      await this.load();
    });
  }

  /**
   * @param {CaptionRow} row
   * @param {string} caption
   */
  write(row, caption) {
    return attempt(async () => {
      await post("/captions/write", { captions: { [row.id]: caption } });
      await this.load();
    });
  }

  leave() {
    return attempt(async () => {
      const path = address(`/export/${this.what.value}.zip`);
      const answer = await fetch(path);
      if (!answer.ok) throw new Error((await answer.json().catch(() => null))?.detail ?? "It could not be exported.");
      const link = h("a", {
        href: URL.createObjectURL(await answer.blob()),
        download: `captions-${this.what.value}.zip`,
      });
      link.click();
      setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
    });
  }

  paint() {
    const undo = this.data?.undo ?? "";
    this.back.hidden = !undo;
    relabel(this.back, `Undo: ${undo}`);
    if (this.data) this.offer(this.data);
    const rows = this.shown();
    const empty = this.data?.rows.length ? "Nothing is doubtful here." : "No pictures here yet.";
    const draw = (/** @type {CaptionRow} */ row) =>
      captionRow(row, this.after[row.id], (caption) => this.write(row, caption));
    put(this.list, rows.length ? rows.map(draw) : h("li", { class: "dim" }, empty));
    put(this.said, this.data ? summary(this.data) : null);
  }

  /** @param {CaptionsTold} told */
  offer({ captioner, lacking, rows }) {
    this.machine.disabled = !captioner || !rows.length;
    this.machine.title = captioner ? `Written by ${captioner}` : lacking;
  }
}

/**
 * What is said of all captions that are listed.
 * @param {CaptionsTold} told
 */
function summary({ rows, notes, exact, most, captioner, lacking }) {
  const doubtful = rows.filter((row) => row.notes.length).length;
  const by = exact ? "the model's own tokenizer" : "words, for its tokenizer is not here";
  const said = `${count(rows.length, "caption")}, ${doubtful} doubtful. Tokens (at most ${most}) are counted by ${by}.`;
  const who = captioner ? `${captioner} can write those that no human wrote.` : `No captioner is here. ${lacking}`;
  return [
    h("p", {}, said),
    h("p", { id: "captions-captioner", class: "dim" }, who),
    notes.map((note) => h("p", { class: "capt-note" }, note)),
  ];
}

export function openCaptions() {
  if (document.getElementById("captions-dialog")) return;
  attempt(() => new CaptionsDialog().open());
}
