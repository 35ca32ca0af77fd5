// @ts-check
/** An empty workspace: three ways in. The practice characters can be had later, too, from the dialog of a new one. */

import { h } from "../core/dom.js";
import { island } from "../core/island.js";
import { status, onStatus } from "../core/status.js";
import { button } from "../core/ui.js";
import { openNewCharacter } from "./character.js";
import { faces } from "./practice.js";
import { openWorkspace } from "./workspaces.js";

/**
 * @param {string} title
 * @param {string} about
 * @param {HTMLElement} door
 */
function way(title, about, door) {
  return h("section", { class: "way" }, h("h2", {}, title), h("p", {}, about), door);
}

function page() {
  const own = button("New character", openNewCharacter, { id: "start-new", icon: "plus", class: "primary" });
  const elsewhere = button("Open workspace", openWorkspace, { id: "start-open", icon: "folder" });
  return h(
    "div",
    { class: "start" },
    h(
      "div",
      { class: "start-ways" },
      h("h1", {}, "A LoRA that draws your character, from 10 to 20 pictures"),
      h(
        "p",
        { class: "lead" },
        "From any angle, with any expression, in any pose. You judge every picture that it learns from, and 23 test pictures prove it.",
      ),
      way("Your own pictures", "10 to 20 photos, sketches or renders, from two angles or more.", own),
      way("Go on elsewhere", "Characters you began in another folder.", elsewhere),
    ),
    h(
      "div",
      { id: "start-cast", class: "start-practice" },
      h("h2", {}, "Try with a practice character"),
      h(
        "p",
        {},
        "They live in a small world on this machine: 12 pictures each, drawn in seconds, nothing to download. Click a face.",
      ),
      faces(() => {}),
    ),
  );
}

island("start", ({ root }) => {
  let shown = false;
  const show = () => {
    if (shown || !status.state || status.state.character) return;
    shown = true;
    root.append(page());
  };
  onStatus(show);
  show();
});
