// @ts-check
/** Choosing a folder of this machine: one goes in and out of folders, and takes the one that is shown. */

import { h, put } from "../core/dom.js";
import { get } from "../core/net.js";
import { button, dialog, problemLine, wordsOf } from "../core/ui.js";

/** @import { Folders } from "../types.js" */

/** @param {string} at */
const nameOf = (at) => at.split(/[\\/]/).filter(Boolean).at(-1) ?? at;

/**
 * The whole path of a folder in another.
 * @param {string} at
 * @param {string} name
 */
export function inside(at, name) {
  const slash = at.includes("\\") ? "\\" : "/";
  return at.endsWith(slash) ? at + name : at + slash + name;
}

class Folderer {
  constructor() {
    this.at = "";
    this.where = h("input", { id: "folder-at", type: "text", "aria-label": "Folder" });
    this.where.addEventListener("change", () => this.go(this.where.value));
    this.places = h("div", { class: "row" });
    this.list = h("div", { id: "folder-list", class: "folders" });
    this.problem = problemLine();
  }

  /** @param {string} place */
  async go(place) {
    try {
      this.show(/** @type {Folders} */ (await get(`/folders?${new URLSearchParams({ at: place })}`)));
      this.problem.textContent = "";
    } catch (error) {
      this.problem.textContent = wordsOf(error);
    }
  }

  /** @param {Folders} found */
  show({ at, parent, folders, left_out: leftOut, places }) {
    this.at = this.where.value = at;
    const row = (/** @type {string} */ words, /** @type {string} */ place) =>
      h("button", { type: "button", class: "folder", title: place, onclick: () => this.go(place) }, words);
    const dim = (/** @type {string} */ words) => h("p", { class: "dim" }, words);
    put(
      this.list,
      parent ? row("..", parent) : null,
      folders.map((name) => row(name, inside(at, name))),
      folders.length ? null : dim("No folders in here."),
      leftOut ? dim(`and ${leftOut} more: type the path above`) : null,
    );
    const begin = (/** @type {string} */ place) =>
      button(nameOf(place), () => this.go(place), { title: place, class: "quiet" });
    put(this.places, places.map(begin));
  }
}

/**
 * @param {string} title of what is chosen
 * @param {string} at where to begin
 * @param {(place: string) => void} take
 */
export function chooseFolder(title, at, take) {
  const folders = new Folderer();
  const chosen = () => {
    take(folders.at);
    box.close();
  };
  const foot = h("div", { class: "row end" }, button("Take this folder", chosen, { id: "folder-take" }));
  const parts = [folders.places, folders.where, folders.list, folders.problem, foot];
  const box = dialog(title, h("div", { class: "form" }, parts), { id: "folder-dialog" });
  box.showModal();
  return folders.go(at);
}
