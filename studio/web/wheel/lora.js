// @ts-check
/** Where a LoRA is, and how it leaves: its file, ComfyUI's folder, a folder for a hub, one for other trainers. */

import { h, put } from "../core/dom.js";
import { bytes } from "../core/format.js";
import { address, get, post } from "../core/net.js";
import { attempt, button, definitions, dialog, problemLine, toast, wordsOf } from "../core/ui.js";
import { mergeForm } from "./merge.js";
import { chooseFolder } from "../shell/folders.js";

/** @import { LoraGoes, LoraPlace, LoraWent } from "../types.js" */

/** @param {string} id */
export function openLora(id) {
  return attempt(async () => {
    const place = /** @type {LoraPlace} */ (await get(`/loras/${encodeURIComponent(id)}/place`));
    const box = dialog(`Where is ${place.name}`, content(place), { id: "lora-dialog" });
    box.showModal();
  });
}

/** @param {LoraPlace} place */
function content(place) {
  const file = address(`/loras/${encodeURIComponent(place.id)}/file`);
  const download = h("a", { class: "fb", id: "lora-download", href: file, download: "" }, "Download");
  /** @type {[string, string][]} */
  const lines = [["Size", bytes(place.bytes)]];
  if (place.trigger) lines.unshift(["Trigger", place.trigger]);
  if (place.path) lines.unshift(["File", place.path]);
  const elsewhere = "Folders are opened and written on the machine that runs the studio. The file can be downloaded.";
  return h(
    "div",
    { class: "wheel-body" },
    definitions(lines),
    h("div", { class: "row" }, place.here ? folderButtons(place) : null, download),
    place.here ? ways(place) : h("p", { class: "dim" }, elsewhere),
    place.beside.length ? mergeForm(place) : null,
  );
}

/** @param {LoraPlace} place */
function folderButtons(place) {
  const show = () => attempt(() => post(`/loras/${encodeURIComponent(place.id)}/open`));
  const copy = () =>
    attempt(async () => {
      await navigator.clipboard.writeText(place.path);
      toast("The path is copied.");
    });
  return [
    button("Open folder", show, { id: "lora-open", icon: "folder" }),
    button("Copy path", copy, { id: "lora-path" }),
  ];
}

/**
 * @typedef {{ what: LoraGoes["what"], title: string, hint: string, known?: string[] }} Way one way for a LoRA to leave:
 *   `known` are folders that it may go into
 */

/** @param {LoraPlace} place */
function ways(place) {
  /** @type {Way[]} */
  const all = [
    { what: "comfyui", title: "Copy to ComfyUI", hint: "ComfyUI's folder, or its models/loras", known: place.comfy },
    { what: "hub", title: "Write a folder for a hub", hint: "A new folder: the file, a README card, pictures" },
  ];
  const trainers = "A new folder: pictures, captions, settings for ai-toolkit and kohya";
  if (place.trained) all.push({ what: "trainers", title: "Write what it was trained with", hint: trainers });
  return all.map((way) => wayOut(place.id, way));
}

/**
 * A folder, a button, and what came of it.
 * @param {string} id
 * @param {Way} way
 */
function wayOut(id, { what, title, hint, known = [] }) {
  const list = `lora-known-${what}`;
  const props = { type: "text", value: known[0] ?? "", placeholder: hint, list, "aria-label": hint };
  const folder = h("input", { id: `lora-to-${what}`, ...props });
  const said = h("div", { id: `lora-said-${what}`, role: "status" });
  const problem = problemLine();
  const write = () => leave(id, { what, folder: folder.value }, said, problem);
  const pick = () => chooseFolder("A folder", folder.value, (chosen) => (folder.value = chosen));
  const choose = { icon: /** @type {const} */ ("folder"), class: "quiet", "aria-label": "Choose a folder" };
  const offered = known.map((value) => h("option", { value }));
  const row = [folder, h("datalist", { id: list }, offered), button("", pick, choose)];
  return h(
    "section",
    { class: "lora-way" },
    h("h3", {}, title),
    h("div", { class: "row" }, row, button("Write", write, { id: `lora-write-${what}` })),
    problem,
    said,
  );
}

/**
 * @param {string} id
 * @param {LoraGoes} goes
 * @param {HTMLElement} said
 * @param {HTMLElement} problem
 */
async function leave(id, goes, said, problem) {
  put(said);
  problem.textContent = "";
  try {
    put(said, wentWords(/** @type {LoraWent} */ (await post(`/loras/${encodeURIComponent(id)}/write`, goes))));
  } catch (error) {
    problem.textContent = wordsOf(error);
  }
}

/** @param {LoraWent} went */
function wentWords({ folder, files, unmapped }) {
  const named = Object.entries(unmapped).map(([trainer, words]) => [
    h("p", { class: "dim" }, `${trainer} does otherwise:`),
    h(
      "ul",
      {},
      words.map((line) => h("li", {}, line)),
    ),
  ]);
  const shown = files.slice(0, 6).join(", ") + (files.length > 6 ? `, and ${files.length - 6} more` : "");
  return [h("p", {}, `Written to ${folder}: ${shown}`), named];
}
