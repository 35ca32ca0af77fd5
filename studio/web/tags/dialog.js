// @ts-check
/** Tag mode: the picture large, one key for each angle, expression and framing, and who says what is known. */

import { h, put } from "../core/dom.js";
import { address, get, post } from "../core/net.js";
import { attempt, button, dialog, toast } from "../core/ui.js";
import { nextOpen, tagOf, TAGS } from "./keys.js";

/** @import { TaggedPicture, TagsTold } from "../types.js" */
/** @import { Tag } from "./keys.js" */

/** @type {Record<string, number>} */
const MOVES = { ArrowRight: 1, ArrowLeft: -1, " ": 1 };

/** @typedef {{ id: string, tag: Tag, before: string }} Step */

class TagDialog {
  constructor() {
    /** @type {TaggedPicture[]} */
    this.pictures = [];
    /** @type {Record<string, string>} who reads which tag here */
    this.readers = {};
    /** @type {Step[]} what was said, the last at the end */
    this.steps = [];
    this.at = 0;
    /** @type {Promise<unknown>} what was said is kept one after the other */
    this.sent = Promise.resolve();
    this.image = h("img", { alt: "" });
    this.name = h("p", { class: "tag-name" });
    this.groups = h("div", { class: "tag-groups" });
    this.told = h("p", { id: "tag-told", class: "dim", role: "status" });
    this.back = button("Undo", () => this.undo(), { id: "tag-undo", icon: "undo", disabled: true });
    const open = button("Next without a tag", () => this.go(Math.max(0, nextOpen(this.pictures, this.at + 1))), {
      id: "tag-next-open",
    });
    this.read = button("Have them read", () => this.ask(), { id: "tag-read", icon: "eye" });
    this.reader = h("p", { id: "tag-reader", class: "dim" });
    const keys = h(
      "p",
      { class: "dim" },
      "← → to move, Space to skip, Ctrl+Z takes back. A tag of yours wins over every reader.",
    );
    const foot = h("div", { class: "tag-foot" }, keys, h("span", { class: "grow" }), this.read, this.back, open);
    const side = h("div", { class: "tag-side" }, this.name, this.groups, this.told, this.reader);
    const content = h("div", { class: "tag-mode" }, h("div", { class: "tag-stage" }, this.image), side, foot);
    this.box = dialog("Tag the sources", content, { id: "tag-dialog", wide: true });
    this.box.addEventListener("keydown", (event) => this.press(event));
  }

  async open() {
    const told = /** @type {TagsTold} */ (await get("/tags"));
    this.take(told);
    this.at = Math.max(0, nextOpen(this.pictures, 0));
    this.box.showModal();
    this.box.focus();
    this.paint();
  }

  /** @param {TagsTold} told */
  take({ pictures, readers, reader, lacking, agreement }) {
    this.pictures = pictures;
    this.readers = readers;
    this.read.disabled = !reader || !pictures.length;
    const held = agreement.length ? ` By your tags: ${agreement.join("; ")}.` : "";
    this.reader.textContent = reader ? `${reader} can read them all.${held}` : `No reader to ask is here. ${lacking}`;
  }

  /** Have every source read; your tags stay above what is read. */
  ask() {
    return attempt(async () => {
      const { title } = await post("/tags/read");
      toast(`${title}: it is in the job bar. A tag of yours still wins.`);
    });
  }

  /**
   * What a key does now; `undefined` when it is not ours.
   * @param {KeyboardEvent} event
   * @returns {(() => unknown) | undefined}
   */
  action(event) {
    if (event.key.toLowerCase() === "z" && (event.ctrlKey || event.metaKey)) return () => this.undo();
    const said = tagOf(event);
    if (said) return () => this.say(said.tag, said.value);
    if (event.key === " " && event.target instanceof HTMLButtonElement) return undefined;
    const move = MOVES[event.key];
    return move ? () => this.go(this.at + move) : undefined;
  }

  /** @param {KeyboardEvent} event */
  press(event) {
    const act = this.action(event);
    if (!act) return;
    event.preventDefault();
    act();
  }

  /** @param {number} place */
  go(place) {
    this.at = Math.min(Math.max(place, 0), this.pictures.length - 1);
    this.paint();
  }

  /**
   * @param {Tag} tag
   * @param {string} value
   */
  say(tag, value) {
    const picture = this.pictures[this.at];
    if (!picture) return undefined;
    this.steps.push({ id: picture.id, tag, before: picture.tags[tag].human });
    return this.send(picture.id, tag, value);
  }

  undo() {
    const step = this.steps.pop();
    if (!step) return undefined;
    this.at = Math.max(
      0,
      this.pictures.findIndex(({ id }) => id === step.id),
    );
    return this.send(step.id, step.tag, step.before);
  }

  /**
   * @param {string} id
   * @param {Tag} tag
   * @param {string} value
   */
  send(id, tag, value) {
    const picture = this.pictures.find((p) => p.id === id);
    if (picture && value !== "unsure") picture.tags[tag] = { value, by: "you", human: value };
    this.paint();
    this.sent = this.sent.then(() => attempt(() => this.keep(id, tag, value))); // one after the other, as they were said
    return this.sent;
  }

  /**
   * @param {string} id
   * @param {Tag} tag
   * @param {string} value
   */
  async keep(id, tag, value) {
    await post(`/picture/${id}/tags`, { [tag]: value });
    this.take(await get("/tags"));
    this.paint();
  }

  paint() {
    const picture = this.pictures[this.at];
    this.back.disabled = !this.steps.length;
    if (!picture) {
      put(this.groups, h("p", { class: "dim" }, "No sources yet: drop pictures in Enrich."));
      return;
    }
    this.image.src = address(`/img/${picture.id}?w=1024`);
    this.image.alt = picture.name;
    this.name.textContent = `${this.at + 1} of ${this.pictures.length}: ${picture.name}`;
    put(
      this.groups,
      TAGS.map((group) => this.group(group, picture)),
    );
    const left = this.pictures.filter(({ tags }) => Object.values(tags).some(({ value }) => value === "unsure")).length;
    this.told.textContent = left ? `${left} of ${this.pictures.length} lack a tag.` : "Every picture is tagged.";
  }

  /**
   * @param {(typeof TAGS)[number]} group
   * @param {TaggedPicture} picture
   */
  group({ tag, title, values }, picture) {
    const { value, by } = picture.tags[tag];
    const choice = (/** @type {readonly [string, string, string]} */ [key, name, words]) => {
      const props = { class: "seg", "data-value": name, "aria-pressed": String(name === value) };
      const node = button(words, () => this.say(tag, name), props);
      node.prepend(h("kbd", {}, key.toUpperCase()));
      return node;
    };
    const reader = this.readers[tag] ? `Read here by ${this.readers[tag]}.` : "No reader of this is here.";
    const who = value === "unsure" ? `unsure: ${by}` : `${value}: ${by}`;
    return h(
      "fieldset",
      { class: "tag-group", "data-tag": tag },
      h("legend", {}, title),
      h("div", { class: "tag-choices" }, values.map(choice)),
      h("p", { class: "dim", title: reader }, who),
    );
  }
}

export function openTags() {
  if (document.getElementById("tag-dialog")) return;
  attempt(() => new TagDialog().open());
}
