// @ts-check
/** The practice characters: faces to click. */

import { h, put } from "../core/dom.js";
import { poll } from "../core/status.js";
import { address, get, post } from "../core/net.js";
import { openTab } from "../core/tabs.js";
import { attempt, dialog, toast } from "../core/ui.js";

/** @import { Practice } from "../types.js" */

const PLACES = 10;
/** @type {Practice[] | null} */
let cast = null;

/**
 * Create the character and go where its pictures will appear; while that lasts, nobody else can be chosen.
 * @param {Practice} who
 * @param {HTMLElement} box
 * @param {HTMLElement} face
 * @param {() => void} begun
 */
async function begin(who, box, face, begun) {
  if (box.classList.contains("busy")) return;
  box.classList.add("busy");
  face.classList.add("chosen");
  try {
    await post(`/practice/${who.number}`);
    begun();
    await poll();
    openTab("enrich");
    toast(`${who.name}'s 12 pictures are being drawn. They appear in Enrich.`);
  } finally {
    box.classList.remove("busy");
    face.classList.remove("chosen");
  }
}

/**
 * @param {Practice} who
 * @param {HTMLElement} box
 * @param {() => void} begun
 */
function portrait(who, box, begun) {
  const choose = () => attempt(() => begin(who, box, node, begun));
  const image = { src: address(`/practice/${who.number}.webp`), alt: "", width: 320, height: 320, draggable: false };
  const node = h(
    "button",
    { type: "button", class: "face", dataset: { number: who.number }, title: who.looks, onclick: choose },
    h("span", { class: "frame" }, h("img", image)),
    h("b", {}, who.name),
    h("small", {}, who.looks.split(", ")[0]),
  );
  return node;
}

/**
 * The faces, filled when they have come; empty frames until then.
 * @param {() => void} begun called when one was chosen
 * @returns {HTMLElement}
 */
export function faces(begun) {
  const frame = () => h("span", { class: "face" }, h("span", { class: "frame" }));
  const box = h("div", { class: "faces" }, Array.from({ length: PLACES }, frame));
  attempt(async () => {
    cast ??= /** @type {Practice[]} */ ((await get("/practice")).cast);
    put(
      box,
      cast.map((who) => portrait(who, box, begun)),
    );
  });
  return box;
}

export function openPractice() {
  const words = "They live in a small world on this machine: 12 pictures each, drawn in seconds, nothing to download.";
  const content = h(
    "div",
    { class: "start-practice" },
    h("p", { class: "dim" }, words),
    faces(() => box.close()),
  );
  const box = dialog("Practice characters", content, { id: "practice-dialog", wide: true });
  box.showModal();
}
