// @ts-check
/** Settings of a picture are put into a tab again: of one that is open, or of a file that is dropped on the page. */

import { h } from "../core/dom.js";
import { post } from "../core/net.js";
import { attempt, button, dialog } from "../core/ui.js";

/** @import { Restored } from "../types.js" */

/** @type {Record<Restored["tab"], string>} */
const TITLES = { generate: "Generate", enrich: "Enrich" };
/** Where something else takes what is dropped. */
const TAKEN = "input, textarea, [data-testid], dialog";
/** What may tell how it was made. */
const TYPES = new Set(["image/png", "image/jpeg", "image/webp"]);

/**
 * A tab is filled anew from what is kept for it.
 * @param {string} tab
 */
export function restart(tab) {
  history.replaceState(null, "", `#${tab}`);
  location.reload();
}

/**
 * Have the studio restore settings, and say what of them; then the tab is filled anew.
 * @param {() => Promise<Restored>} ask
 */
export function use(ask) {
  return attempt(async () => openRestored(await ask()));
}

/** @param {Restored} found */
function openRestored({ tab, restored, lost }) {
  const lines = lost.map((line) => h("li", {}, line));
  const takes = restored.length ? `${TITLES[tab]} takes: ${restored.join(", ")}.` : "Nothing of it can be set here.";
  const content = h(
    "div",
    { class: "restored" },
    h("p", {}, takes),
    lost.length ? [h("p", {}, "Not taken:"), h("ul", {}, lines)] : null,
    h(
      "div",
      { class: "row" },
      button(`Open ${TITLES[tab]}`, () => box.close(), { id: "restored-open", class: "primary" }),
    ),
  );
  /** @type {HTMLDialogElement | null} */ (document.getElementById("picture-dialog"))?.close();
  const box = dialog("Settings of the picture", content, { id: "restored-dialog" });
  box.addEventListener("close", () => restart(tab));
  box.showModal();
}

/**
 * The one picture that is dropped where nothing else takes it.
 * @param {DragEvent} event
 */
function droppedPicture(event) {
  const files = [...(event.dataTransfer?.files ?? [])];
  const taken = event.defaultPrevented || (event.target instanceof Element && event.target.closest(TAKEN));
  const telling = files.length === 1 && (TYPES.has(files[0].type) || /\.(png|jpe?g|webp)$/i.test(files[0].name));
  return !taken && telling ? files[0] : null;
}

/** A picture that is dropped on a tab restores its settings. */
export function restoreDropped() {
  document.addEventListener("dragover", (event) => {
    if (event.dataTransfer?.types.includes("Files")) event.preventDefault(); // else the browser opens the file
  });
  document.addEventListener("drop", (event) => {
    const file = droppedPicture(event);
    if (event.dataTransfer?.files.length) event.preventDefault();
    if (!file) return;
    const form = new FormData();
    form.append("file", file);
    use(() => post("/recipe", form));
  });
}
