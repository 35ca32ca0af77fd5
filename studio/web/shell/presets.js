// @ts-check
/** Settings, Your presets: what was read of the user's own files, reading them again, and a folder to begin with. */

import { h, put } from "../core/dom.js";
import { poll } from "../core/status.js";
import { get, post } from "../core/net.js";
import { attempt, button } from "../core/ui.js";

/** @import { KindTold, PresetsBegun, PresetsTold } from "../types.js" */

/** @param {KindTold} kind */
function kindLine({ title, files, count, own }) {
  const yours = own.length ? `, of these yours: ${own.join(", ")}` : "";
  return h("li", {}, `${title} (${files}): ${count}${yours}`);
}

/** What the open page does not show yet. */
function laterWords(/** @type {string[]} */ later) {
  return later.length ? `${later.join(", ")}: the tabs show the change with the next start of the studio.` : "";
}

/** The section of the dialog, and how it is painted. */
class YourPresets {
  constructor() {
    this.folder = h("code", { id: "presets-folder" });
    this.kinds = h("ul", { id: "presets-kinds" });
    this.problems = h("ul", { id: "presets-problems", class: "problem" });
    this.said = h("p", { id: "presets-said", class: "dim", role: "status" });
  }

  /**
   * @param {PresetsTold} found
   * @param {string} words
   */
  paint(found, words) {
    this.folder.textContent = found.folder;
    put(this.kinds, found.kinds.map(kindLine));
    const lines = found.problems.map((problem) => h("li", {}, problem));
    put(this.problems, lines);
    this.problems.hidden = !lines.length;
    this.said.textContent = [words, laterWords(found.later)].filter(Boolean).join(" ");
  }

  async begin() {
    const found = /** @type {PresetsBegun} */ (await post("/presets/begin"));
    const { written } = found;
    this.paint(found, written.length ? `Written: ${written.join(", ")}.` : "All examples are there already.");
  }

  async reload() {
    const found = /** @type {PresetsTold} */ (await post("/presets/reload"));
    this.paint(found, "Read again. Changed failure modes show when this page is loaded again.");
    poll();
  }
}

export function yourPresets() {
  const shown = new YourPresets();
  attempt(async () => shown.paint(/** @type {PresetsTold} */ (await get("/presets")), ""));
  const about = "Models, training, prompts, LoRAs and failure modes of your own, as TOML files over ours in ";
  const make = () => attempt(() => shown.begin());
  const buttons = [
    button("Make the folder, with examples", make, { id: "presets-begin" }),
    button("Reload", () => attempt(() => shown.reload()), { id: "presets-reload" }),
  ];
  return h(
    "section",
    { id: "your-presets", class: "form" },
    h("h3", {}, "Your presets"),
    h("small", {}, about, shown.folder),
    shown.kinds,
    shown.problems,
    shown.said,
    h("div", { class: "row" }, buttons),
  );
}
