// @ts-check
/** Characters that are put away: archived, or in the trash, from where they come back until it is emptied. */

import { h } from "../core/dom.js";
import { get, post } from "../core/net.js";
import { poll } from "../core/status.js";
import { attempt, button, dialog, toast, wordsOf } from "../core/ui.js";

/** @import { Character, CharacterName, Emptied, PutAway } from "../types.js" */

/**
 * Buttons that put a character away.
 * @param {Character} who
 * @param {() => void} close
 * @param {HTMLElement} problem
 */
export function awayButtons(who, close, problem) {
  const put = (/** @type {"archive" | "delete"} */ action, /** @type {string} */ words) => async () => {
    try {
      await post(`/characters/${who.id}/${action}`);
      close();
      await poll();
      toast(`${who.name} ${words}. "Put away", above, brings it back.`);
    } catch (error) {
      problem.textContent = wordsOf(error);
    }
  };
  const archive = { id: "character-archive", class: "quiet", title: "Out of all lists; nothing else changes" };
  const trash = {
    id: "character-delete",
    class: "quiet",
    title: "Into the trash; its files stay until that is emptied",
  };
  return [
    button("Archive", put("archive", "is archived"), archive),
    button("Delete", put("delete", "is in the trash"), trash),
  ];
}

/**
 * @param {string} title
 * @param {CharacterName[]} found
 * @param {() => void} close
 */
function group(title, found, close) {
  if (!found.length) return null;
  const back = (/** @type {string} */ id) => () =>
    attempt(async () => {
      await post(`/characters/${id}/restore`);
      close();
      await poll();
    });
  const line = (/** @type {CharacterName} */ { id, name }) =>
    h("li", { class: "row" }, h("span", { class: "grow" }, name), button("Bring back", back(id), { class: "quiet" }));
  return h("section", {}, h("h3", {}, title), h("ul", { class: "away-list" }, found.map(line)));
}

/**
 * The trash is emptied at the second press: what is in it is gone then.
 * @param {number} count
 * @param {() => void} close
 */
function emptyButton(count, close) {
  const empty = () =>
    attempt(async () => {
      const { removed, left } = /** @type {Emptied} */ (await post("/characters/trash/empty"));
      toast([`Removed for good: ${removed.join(", ")}.`, ...left].join(" "), left.length ? "problem" : "info");
      close();
      await poll();
    });
  const ask = () => {
    const sure = button("Remove records and files for good", empty, { id: "trash-sure", class: "alert" });
    first.replaceWith(sure);
    sure.focus();
  };
  const first = button("Empty the trash…", ask, { id: "trash-empty", class: "quiet" });
  return count ? first : null;
}

export function openAway() {
  return attempt(async () => {
    const { archived, trash } = /** @type {PutAway} */ (await get("/characters/away"));
    const close = () => box.close();
    const groups = [group("Archived", archived, close), group("In the trash", trash, close)];
    const foot = h("div", { class: "row end" }, emptyButton(trash.length, close));
    const box = dialog("Put away", h("div", { class: "form" }, groups, foot), { id: "away-dialog" });
    box.showModal();
  });
}
