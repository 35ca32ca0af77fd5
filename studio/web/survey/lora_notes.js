// @ts-check
/** What the user found out about a LoRA of the catalogue: stars on four axes, a note, how far it was looked into. */

import { h } from "../core/dom.js";
import { post } from "../core/net.js";
import { poll } from "../core/status.js";
import { attempt, button, dialog, problemLine, wordsOf } from "../core/ui.js";

/** @typedef {{ key: string, title: string, scores: Record<string, number>, note: string, looked: string, tested: string }} Noted */

/** What each axis asks, by its name. */
const AXES = {
  character: "keeps the character",
  angle: "reaches the angle",
  light: "light and complexion",
  quality: "a clean picture",
};
const LOOKED = { "": "not looked into", "card read": "card read", "to test": "to be tested", "left out": "left out" };
const STARS = [1, 2, 3, 4, 5];
const LONGEST = 2000;

/**
 * What was found out, in a few words; "" when nothing was.
 * @param {Noted} noted
 * @returns {string}
 */
export function foundWords({ scores, looked, tested }) {
  const given = Object.values(scores);
  const mean = given.reduce((sum, stars) => sum + stars, 0) / given.length;
  const rated = given.length ? `${mean.toFixed(1)} of 5 on ${given.length} of ${Object.keys(AXES).length} axes` : "";
  return [tested ? `tested in ${tested}` : looked, rated].filter(Boolean).join(" · ");
}

/**
 * @param {string} key
 * @param {{ scores?: Record<string, number | null>, note?: string, looked?: string }} found
 */
function keep(key, found) {
  return attempt(async () => {
    await post("/loras/notes", { key, ...found });
    poll();
  });
}

/**
 * Five stars; a click on the one that is given takes it away.
 * @param {Noted} noted
 * @param {string} axis
 * @param {string} words
 */
function axisRow({ key, scores }, axis, words) {
  const given = scores[axis] ?? 0;
  const star = (/** @type {number} */ n) =>
    h(
      "button",
      {
        type: "button",
        class: n <= given ? "on" : "",
        "aria-label": `${words}: ${n} of ${STARS.length}`,
        "aria-pressed": String(n === given),
        onclick: () => keep(key, { scores: { [axis]: n === given ? null : n } }),
      },
      "★",
    );
  return h(
    "div",
    { class: "axis", "data-axis": axis },
    h("span", {}, words),
    h("span", { class: "five" }, STARS.map(star)),
  );
}

/**
 * The note is written in a dialog of its own: the list may be drawn anew at any moment.
 * @param {Noted} noted
 */
function writeNote({ key, title, note }) {
  const words = h("textarea", { rows: 5, maxlength: LONGEST, value: note, "aria-label": "note" });
  const onsubmit = async (/** @type {SubmitEvent} */ event) => {
    event.preventDefault();
    try {
      await post("/loras/notes", { key, note: words.value });
      box.close();
      poll();
    } catch (error) {
      problem.textContent = wordsOf(error); // what was written stays
    }
  };
  const problem = problemLine();
  const help = "What its card promises, what you saw of it. It goes into the survey's report.";
  const keepIt = h("button", { type: "submit", class: "fb primary", id: "lora-note-keep" }, "Keep it");
  const form = h(
    "form",
    { class: "form", onsubmit },
    words,
    h("small", {}, help),
    problem,
    h("div", { class: "row end" }, keepIt),
  );
  const box = dialog(`Note on ${title}`, form, { id: "lora-note" });
  box.showModal();
  words.focus();
}

/** @param {Noted} noted */
export function loraNotes(noted) {
  const { key, note, looked } = noted;
  const option = (/** @type {[string, string]} */ [value, words]) =>
    h("option", { value, selected: value === looked }, words);
  const onchange = (/** @type {Event} */ event) =>
    keep(key, { looked: /** @type {HTMLSelectElement} */ (event.target).value });
  const how = h("select", { onchange, "aria-label": "how far it was looked into" }, Object.entries(LOOKED).map(option));
  return h(
    "div",
    { class: "found" },
    Object.entries(AXES).map(([axis, words]) => axisRow(noted, axis, words)),
    note ? h("p", { class: "note" }, note) : null,
    h(
      "div",
      { class: "last" },
      how,
      button(note ? "Change the note" : "Write a note", () => writeNote(noted)),
    ),
  );
}
