// @ts-check
/** Practice: a hint at each gate, until it is closed. What they say is data (presets/practice.toml). */

import { h } from "../core/dom.js";
import { hear, status, onStatus } from "../core/status.js";
import { post, tryGet } from "../core/net.js";
import { openTabName } from "../core/tabs.js";
import { attempt, button } from "../core/ui.js";

/** @import { Hint } from "../types.js" */
/** @typedef {{ tab?: string, gate?: string, step?: string }} Place */

/** Time for the tab or the pile that was clicked to open. */
const OPENING_MS = 60;

/** @returns {Place} */
function here() {
  const pressed = document.querySelector('[id^="review-gate-"][aria-pressed="true"]');
  return {
    tab: openTabName(),
    gate: /^review-gate-(\w+)$/.exec(pressed?.id ?? "")?.[1],
    step: status.state?.rail.find((s) => s.state === "next")?.key,
  };
}

/**
 * The first hint for a place that has not been seen.
 * @param {Hint[]} hints
 * @param {string[]} seen
 * @param {Place} place
 */
export function dueHint(hints, seen, { tab, gate, step }) {
  const fits = (/** @type {Hint} */ x) => x.tab === tab && (!x.gate || x.gate === gate) && (!x.step || x.step === step);
  return hints.find((x) => !seen.includes(x.name) && fits(x));
}

/**
 * `P good` as a key and what it does.
 * @param {string} words
 */
function key(words) {
  const [name, ...rest] = words.split(" ");
  return h("span", {}, h("kbd", {}, name), rest.join(" "));
}

class Hints {
  constructor() {
    /** @type {{ hints: Hint[], seen: string[] }} */
    this.known = { hints: [], seen: [] };
    /** @type {string | null} */
    this.character = null;
    this.shown = "";
    /** @type {HTMLElement | null} */
    this.place = null;
  }

  /** @param {string | null} character */
  async follow(character) {
    if (character !== this.character) {
      this.character = character;
      this.known = { hints: [], seen: [] };
      const known = character ? await tryGet("/hints") : null;
      if (known && character === this.character) this.known = known;
    }
    this.paint();
  }

  /** @param {Hint} hint */
  close(hint) {
    this.known.seen.push(hint.name);
    this.paint();
    attempt(() => post(`/hints/${hint.name}/seen`));
  }

  paint() {
    const hint = dueHint(this.known.hints, this.known.seen, here());
    if ((hint?.name ?? "") === this.shown) return;
    this.shown = hint?.name ?? "";
    this.place?.remove();
    this.place = hint ? this.draw(hint) : null;
    if (this.place) document.body.append(this.place);
    this.settle();
  }

  /** @param {Hint} hint */
  draw(hint) {
    const props = { id: "hint", class: "flen-island", dataset: { hint: hint.name }, "aria-label": "Hint" };
    return h(
      "aside",
      props,
      h("div", { class: "hint-words" }, h("b", {}, hint.title), h("span", {}, hint.text)),
      hint.keys.length ? h("div", { class: "hint-keys" }, hint.keys.map(key)) : null,
      button("Got it", () => this.close(hint), { id: "hint-close" }),
    );
  }

  /** The room below gives way by what the words need. */
  settle() {
    document.body.style.setProperty("--f-hint", this.place ? `${this.place.offsetHeight}px` : "0px");
  }
}

export function followHints() {
  const hints = new Hints();
  const soon = () => setTimeout(() => hints.paint(), OPENING_MS);
  onStatus((state) => hints.follow(state.character?.id ?? null));
  document.addEventListener("click", soon);
  hear("flen:goto", soon);
  addEventListener("resize", () => hints.settle());
}
