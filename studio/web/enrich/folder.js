// @ts-check
/** Folders of pictures are dropped on the drop zone or chosen, and go in with all that is below them. */

import { h, put } from "../core/dom.js";
import { chosenIn, entriesOf, filesBelow } from "../core/dropped.js";
import { count } from "../core/format.js";
import { island } from "../core/island.js";
import { upload } from "../core/net.js";
import { poll } from "../core/status.js";
import { button, wordsOf } from "../core/ui.js";

/** @import { ArrivalTold } from "../types.js" */
/** @import { Named } from "../core/dropped.js" */

/** How many files the studio takes at a time. */
const MOST = 1000;

/**
 * Send files and tell of it.
 * @param {Named[]} files
 * @param {boolean} firstFrame
 * @param {HTMLElement} told
 */
async function send(files, firstFrame, told) {
  if (!files.length) throw new Error("There is nothing to take in: no file in what was dropped.");
  if (files.length > MOST) throw new Error(`${files.length} files: at most ${MOST} at a time. Take part of them.`);
  const form = new FormData();
  for (const { name, file } of files) form.append("files", file, name);
  form.append("first_frame", String(firstFrame));
  const many = count(files.length, "file");
  const progress = (/** @type {number} */ share) => {
    told.textContent = share < 1 ? `${many} on their way: ${Math.floor(100 * share)} %` : `${many} are looked at`;
  };
  const arrived = /** @type {ArrivalTold} */ (await upload("/sources", form, progress));
  const lines = arrived.lines.map((line) => h("li", {}, line));
  put(told, h("p", { class: arrived.tone }, arrived.title), lines.length ? h("ul", {}, lines) : null);
  poll();
}

island("folder", ({ root, options }) => {
  const told = h("div", { id: "folder-told", class: "folder-told", role: "status" });
  const input = h("input", { id: "folder-input", type: "file", webkitdirectory: true, hidden: true });
  const choose = button("Choose a folder", () => input.click(), {
    id: "folder-choose",
    icon: "folder",
    class: "quiet",
    title: "All pictures in it and below it, with the captions beside them. Or drop one above.",
  });
  root.append(choose, input, told);

  /** @param {() => Promise<Named[]>} find */
  const take = async (find) => {
    choose.disabled = true;
    told.textContent = "Looking through the folder";
    try {
      const firstFrame = document.querySelector(`#${options.first_frame} input:checked`) !== null;
      await send(await find(), firstFrame, told);
    } catch (error) {
      put(told, h("p", { class: "bad" }, wordsOf(error)));
    }
    choose.disabled = false;
  };

  input.addEventListener("change", () => take(async () => chosenIn(input)));
  // before Gradio, which takes a folder for a file that it cannot read
  const drop = (/** @type {DragEvent} */ event) => {
    const zone = document.getElementById(options.zone);
    if (!zone || !(event.target instanceof Node) || !zone.contains(event.target)) return;
    const entries = entriesOf(event);
    if (!entries.some((entry) => entry.isDirectory)) return;
    event.preventDefault();
    event.stopPropagation();
    take(() => filesBelow(entries));
  };
  document.addEventListener("drop", drop, true);
});
