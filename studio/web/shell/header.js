// @ts-check
/** The header: who, how far the round is, what comes next. */

import { h, put } from "../core/dom.js";
import { icon } from "../core/icons.js";
import { island } from "../core/island.js";
import { announce, onStatus, poll } from "../core/status.js";
import { post } from "../core/net.js";
import { openTab } from "../core/tabs.js";
import { attempt, button, clearToasts, relabel, toast } from "../core/ui.js";
import { openAway } from "./away.js";
import { openCharacter, openNewCharacter } from "./character.js";
import { openModels } from "./models.js";
import { noticeLine } from "./notice.js";
import { openSettings } from "./settings.js";
import { switchTheme } from "./theme.js";
import { openWorkspace } from "./workspaces.js";
import { openWheel } from "../wheel/dialog.js";

/** @import { NextAction, RailStep, StudioStatus } from "../types.js" */

/** @param {RailStep} step */
function railStep({ key, title, state, count, why, tab }) {
  const onclick = () => (state === "blocked" ? toast(why || "This comes later.") : openTab(tab));
  const mark = state === "done" ? icon("check") : state === "blocked" ? icon("lock") : null;
  const number = count === null || count === undefined ? null : h("b", {}, String(count));
  const node = h(
    "button",
    { type: "button", id: `rail-${key}`, title: why || "", onclick },
    mark,
    h("span", { class: "step-title" }, title),
    number,
  );
  return h("li", { class: `step ${state}`, "aria-current": state === "next" ? "step" : null }, node);
}

/** Rounds, the stop rule and lineage, behind the last step. */
function wheelDoor() {
  const props = {
    type: "button",
    id: "wheel-open",
    title: "All rounds, and where each LoRA comes from",
    onclick: openWheel,
  };
  return h(
    "li",
    { class: "step open" },
    h("button", props, icon("lineage"), h("span", { class: "step-title" }, "rounds")),
  );
}

/** @param {NextAction} next */
function goTo(next) {
  openTab(next.tab);
  announce("flen:goto", next);
}

class Header {
  /** @param {HTMLElement} root */
  constructor(root) {
    const choose = () =>
      attempt(async () => {
        await post(`/characters/${this.picker.value}/choose`);
        poll();
      });
    this.picker = h("select", { id: "character-picker", hidden: true, "aria-label": "Character", onchange: choose });
    /** @type {StudioStatus["character"]} */
    this.character = null;
    this.edit = button("", () => this.character && openCharacter(this.character), {
      id: "character-edit",
      icon: "pen",
      class: "quiet",
      hidden: true,
      "aria-label": "What this character is",
      title: "What this character is and is called; archive or delete it",
    });
    this.away = button("Put away", openAway, { id: "characters-away", class: "quiet", hidden: true });
    this.rail = h("ol", { class: "rail", "aria-label": "This round" });
    this.why = h("p", { class: "next-why" });
    /** @type {NextAction | null} */
    this.next = null;
    this.go = button("", () => this.next && goTo(this.next), { id: "next-action", class: "primary", hidden: true });
    this.place = button("", openWorkspace, {
      id: "workspace-name",
      icon: "folder",
      class: "quiet place-name",
      title: "This workspace; click to open another",
    });
    this.models = button("Models", () => this.character && openModels(this.character), {
      id: "character-models-open",
      class: "quiet",
      hidden: true,
    });
    /** @type {StudioStatus["character"]} */
    this.character = null;
    this.print = "";
    this.who = "";
    root.append(this.bar(), this.rail, noticeLine());
  }

  bar() {
    const quiet = (/** @type {string} */ words) => ({ class: "quiet", "aria-label": words, title: words });
    return h(
      "div",
      { class: "head" },
      h("strong", { class: "brand" }, "FLENwheel"),
      this.place,
      this.picker,
      this.models,
      this.edit,
      this.away,
      button("New character", openNewCharacter, { id: "new-character", icon: "plus", class: "quiet" }),
      h("div", { class: "next" }, this.why, this.go),
      button("", switchTheme, { id: "theme-switch", icon: "theme", ...quiet("Dark or light") }),
      button("", openSettings, { id: "settings-open", icon: "gear", ...quiet("Settings") }),
    );
  }

  /** @param {StudioStatus} state */
  paint(state) {
    relabel(this.place, state.workspace);
    this.character = state.character;
    this.edit.hidden = !state.character;
    this.away.hidden = !state.away;
    this.away.title = `${state.away} archived or in the trash`;
    const print = JSON.stringify([state.characters, state.character, state.rail, state.next]);
    if (print === this.print) return;
    this.print = print;
    const who = state.character?.id ?? "";
    if (this.who && who !== this.who) clearToasts();
    this.who = who;
    document.body.classList.toggle("flen-nobody", !state.character);
    this.paintPicker(state);
    const nobody = h("li", { class: "step open" }, h("span", { class: "dim" }, "Nobody is here yet."));
    put(this.rail, state.rail.length ? [state.rail.map(railStep), wheelDoor()] : nobody);
    this.paintNext(state.next);
  }

  /** @param {StudioStatus} state */
  paintPicker({ characters, character }) {
    this.character = character;
    this.models.hidden = !character;
    const { generator, editor } = character ?? { generator: "", editor: "" };
    this.models.title = `Drawn by ${generator}, edited by ${editor}; click to see what else there is`;
    put(
      this.picker,
      characters.map(({ id, name }) => h("option", { value: id, selected: id === character?.id }, name)),
    );
    this.picker.hidden = !characters.length;
  }

  /** @param {NextAction | null} next */
  paintNext(next) {
    this.next = next;
    this.why.textContent = this.why.title = next?.why ?? "";
    relabel(this.go, next?.title ?? "");
    this.go.hidden = !next; // an empty workspace has its own page, with the same buttons
  }
}

island("header", ({ root }) => {
  const header = new Header(root);
  onStatus((state) => header.paint(state));
});
