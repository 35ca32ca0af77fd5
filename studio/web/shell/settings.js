// @ts-check
/** The dialog for the settings of the workspace. */

import { h } from "../core/dom.js";
import { poll } from "../core/status.js";
import { get, post } from "../core/net.js";
import { attempt, button, dialog, problemLine, select, toast, wordsOf } from "../core/ui.js";
import { backupSection } from "./backup.js";
import { facePacks } from "./face_packs.js";
import { chooseFolder } from "./folders.js";
import { yourPresets } from "./presets.js";

/** @import { SettingField } from "../types.js" */
/** @typedef {HTMLInputElement | HTMLSelectElement} Control */

/** Between the places of a setting that names several; on Windows a colon belongs to a drive. */
const SEPARATOR = navigator.platform.startsWith("Win") ? ";" : ":";

/**
 * @param {SettingField} setting
 * @returns {Control}
 */
function control({ name, value, choices, low, high }) {
  if (choices)
    return select(
      choices.map((c) => [String(c), String(c) || "the first"]),
      String(value),
      { name },
    );
  if (typeof value === "boolean") return h("input", { name, type: "checkbox", checked: value });
  if (typeof value !== "number") return h("input", { name, type: "text", value: value ?? "" });
  return h("input", { name, type: "number", step: "any", min: low ?? "", max: high ?? "", value });
}

/**
 * What a control says, in the kind of value that the setting had.
 * @param {Control} input
 * @param {SettingField["value"]} old
 * @returns {SettingField["value"]}
 */
export function read(input, old) {
  if (input instanceof HTMLInputElement && input.type === "checkbox") return input.checked;
  if (typeof old === "number") return Number(input.value);
  return input.value === "" && old === null ? null : input.value;
}

/**
 * @param {[SettingField, Control][]} controls
 * @returns {Record<string, SettingField["value"]>} what was changed
 */
function changes(controls) {
  const now = controls.map(([{ name, value }, input]) => ({ name, old: value, value: read(input, value) }));
  return Object.fromEntries(now.filter((s) => s.value !== s.old).map((s) => [s.name, s.value]));
}

/**
 * The field of a folder with a button that chooses one; of several folders, one more.
 * @param {SettingField} setting
 * @param {HTMLInputElement} input
 */
function browsing({ name, title, folder }, input) {
  const there = () => (folder === "several" ? (input.value.split(SEPARATOR).at(-1) ?? "") : input.value);
  const take = (/** @type {string} */ place) => {
    input.value = folder === "several" && input.value ? `${input.value}${SEPARATOR}${place}` : place;
    input.focus();
  };
  const choose = button("Browse…", () => chooseFolder(title, there(), take), { id: `browse-${name}` });
  return h("div", { class: "row" }, input, choose);
}

/** @param {[SettingField, Control]} line */
function field([setting, input]) {
  const words = h("span", {}, setting.title);
  const part = setting.folder && input instanceof HTMLInputElement ? browsing(setting, input) : input;
  return h("label", { class: "field" }, words, part, setting.about ? h("small", {}, setting.about) : null);
}

export function openSettings() {
  return attempt(async () => {
    const { fields } = /** @type {{ fields: SettingField[] }} */ (await get("/settings"));
    const controls = fields.map((f) => /** @type {[SettingField, Control]} */ ([f, control(f)]));
    const problem = problemLine();
    const onsubmit = async (/** @type {SubmitEvent} */ event) => {
      event.preventDefault();
      try {
        const { found } = /** @type {{ found: string[] }} */ (await post("/settings", changes(controls)));
        box.close();
        const kept = "Settings are saved in the workspace. What is loaded already changes with the next start.";
        toast([kept, ...found].join("\n"));
        poll();
      } catch (error) {
        problem.textContent = wordsOf(error);
      }
    };
    const save = h("button", { id: "settings-save", type: "submit", class: "fb primary" }, "Save");
    const form = h(
      "form",
      { class: "form settings", onsubmit },
      controls.map(field),
      problem,
      h("div", { class: "row end" }, save),
    );
    const box = dialog("Settings of this workspace", h("div", {}, form, facePacks(), backupSection(), yourPresets()), {
      id: "settings-dialog",
    });
    box.showModal();
  });
}
