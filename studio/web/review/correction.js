// @ts-check
/** A picture that needs correction: a corrected file, or a better try of the same source, teaches the editor (flywheel 2). */

import { h, put } from "../core/dom.js";
import { poll } from "../core/status.js";
import { get, post } from "../core/net.js";
import { attempt, button, toast } from "../core/ui.js";
import { lineage } from "../pictures/open.js";
import { flushDecisions } from "./decisions.js";
import { openTries } from "./tries.js";

/** @import { Corrected, PileItem, Picture, Try } from "../types.js" */
/** @typedef {(tile: PileItem, answer: Corrected, words: string) => void} Kept hears what the studio kept */

const KEPT = "The correction is kept: it teaches the editor (flywheel 2).";

export class Correction {
  /**
   * @param {() => PileItem | undefined} current
   * @param {Kept} kept
   */
  constructor(current, kept) {
    this.current = current;
    this.kept = kept;
    this.file = h("input", {
      id: "correction-file",
      type: "file",
      accept: "image/*",
      "aria-label": "Corrected picture",
    });
    this.wrong = h("textarea", { id: "correction-wrong", rows: "2", placeholder: "What was wrong" });
    this.wrong.addEventListener("keydown", (event) => event.key === "Enter" && event.ctrlKey && this.send());
    /** @type {string | undefined} */
    this.shown = undefined;
    this.trace = h("div", { id: "correction-given" });
    this.node = this.build();
  }

  build() {
    const better = { id: "correction-better", title: "Another picture of the same source (B)" };
    const send = { id: "correction-send", title: "Send the corrected file (Ctrl+Enter)" };
    const title = h("h3", {}, "Corrected picture");
    return h(
      "section",
      { class: "rv-fix" },
      h(
        "div",
        { class: "row" },
        title,
        h("span", { class: "grow" }),
        button("A better try…", () => this.better(), better),
      ),
      this.wrong,
      h(
        "div",
        { class: "row" },
        this.file,
        button("Send", () => this.send(), send),
      ),
      this.trace,
    );
  }

  /** @param {PileItem | undefined} tile */
  paint(tile) {
    if (this.shown !== tile?.id) put(this.trace);
    this.shown = tile?.id;
    this.node.classList.toggle("off", !tile?.correctable || !tile.piles.includes("needs_correction"));
  }

  /**
   * What was given for the picture stays beside it.
   * @param {Picture} picture
   */
  given(picture) {
    put(this.trace, lineage("Corrected by", picture.corrected_by));
  }

  send() {
    return attempt(async () => {
      const tile = this.current();
      const file = this.file.files?.[0];
      if (!tile || !file) throw new Error("Choose the corrected picture first.");
      const form = new FormData();
      form.append("image", tile.id);
      form.append("what_was_wrong", this.wrong.value);
      form.append("file", file);
      await flushDecisions();
      this.done(tile, await post("/corrections", form), "corrected by a file");
    });
  }

  better() {
    return attempt(async () => {
      const tile = this.current();
      if (!tile?.correctable) throw new Error("Only a picture that was edited from a source has other tries.");
      const { pictures } = /** @type {{ pictures: Try[] }} */ (await get(`/review/tries/${tile.id}`));
      openTries(tile, pictures, async (chosen) => {
        await flushDecisions();
        const said = { image: tile.id, better: chosen.id, what_was_wrong: this.wrong.value };
        this.done(tile, await post("/corrections/with", said), `corrected by ${chosen.title}`);
      });
    });
  }

  /**
   * @param {PileItem} tile
   * @param {Corrected} answer
   * @param {string} words
   */
  done(tile, answer, words) {
    this.file.value = this.wrong.value = "";
    toast(KEPT);
    this.kept(tile, answer, words);
    put(this.trace, lineage("Corrected by", [answer.target]));
    poll();
  }
}
