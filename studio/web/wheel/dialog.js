// @ts-check
/** The wheel as a whole: what the stop rule says, the lineage of the LoRAs, the rounds one by one. */

import { h, put } from "../core/dom.js";
import { count } from "../core/format.js";
import { get } from "../core/net.js";
import { openTab } from "../core/tabs.js";
import { attempt, button, dialog } from "../core/ui.js";
import { openPicture } from "../pictures/open.js";
import { thumb } from "../pictures/parts.js";
import { openLora } from "./lora.js";
import { lineagePicture } from "./picture.js";

/** @import { Node, NodePictures, RoundTold, Wheel } from "../types.js" */

const TITLES = ["Round", "State", "Learnt from", "Settings", "Card", "Since the round before"];
/** Pictures of a node that are shown at first. */
const MOST = 120;

export function openWheel() {
  return attempt(async () => {
    const wheel = /** @type {Wheel} */ (await get("/wheel"));
    const shown = h("section", { id: "wheel-node", "aria-live": "polite" });
    const open = (/** @type {Node} */ node) => attempt(() => showNode(node, shown, box));
    const box = dialog("Rounds and lineage", content(wheel, open, shown), { id: "wheel-dialog", wide: true });
    box.showModal();
  });
}

/**
 * @param {Wheel} wheel
 * @param {(node: Node) => void} open
 * @param {HTMLElement} shown
 */
function content({ rounds, rule, nodes, edges }, open, shown) {
  const picture = nodes.length
    ? h("div", { class: "lineage-frame", tabindex: -1 }, lineagePicture(nodes, edges, open))
    : h("p", { class: "dim" }, "Nothing yet: bring in pictures of the character in Enrich.");
  return h(
    "div",
    { class: "wheel-body" },
    h("p", { id: "wheel-rule", class: `wheel-rule ${rule.reason.replace(" ", "-")}` }, rule.words),
    picture,
    shown,
    rounds.length ? roundTable(rounds) : null,
  );
}

/** @param {RoundTold[]} rounds */
function roundTable(rounds) {
  const row = (/** @type {RoundTold} */ r) =>
    h(
      "tr",
      {},
      [r.version, r.state, r.learnt, r.settings, r.rate || "no card yet", r.gain].map((words) => h("td", {}, words)),
    );
  const head = h(
    "tr",
    {},
    TITLES.map((title) => h("th", {}, title)),
  );
  return h(
    "table",
    { id: "wheel-rounds", class: "wheel-rounds" },
    h("thead", {}, head),
    h("tbody", {}, rounds.map(row)),
  );
}

/**
 * What a part of the lineage stands for: a card opens where cards are, all else its pictures.
 * @param {Node} node
 * @param {HTMLElement} shown
 * @param {HTMLDialogElement} box
 */
async function showNode(node, shown, box) {
  if (node.kind === "card") {
    box.close();
    return openTab("model_card");
  }
  const { pictures } = /** @type {NodePictures} */ (await get(`/wheel/${node.id}`));
  const tile = (/** @type {NodePictures["pictures"][number]} */ picture) =>
    h(
      "button",
      { type: "button", class: "tiny", title: picture.title, onclick: () => openPicture(picture.id) },
      thumb(picture),
    );
  const more = pictures.length > MOST ? h("p", { class: "dim" }, `The first ${MOST} of ${pictures.length}.`) : null;
  put(
    shown,
    h("h3", {}, `${node.title}: ${count(pictures.length, "picture")}`),
    h("p", { class: "dim" }, node.words),
    node.lora ? button("Where is this LoRA", () => openLora(node.lora), { id: "wheel-lora" }) : null,
    h("div", { class: "lineage" }, pictures.slice(0, MOST).map(tile)),
    more,
  );
  shown.scrollIntoView({ block: "nearest" });
}
