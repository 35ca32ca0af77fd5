// @ts-check
/** A picture as large as fits, with its recipe, lineage and decisions. */

import { h } from "../core/dom.js";
import { facts } from "../core/facts.js";
import { poll } from "../core/status.js";
import { get, pictureUrl, post } from "../core/net.js";
import { attempt, dialog, definitions, select } from "../core/ui.js";
import { LABELS } from "../review/decisions.js";
import { actions } from "./actions.js";
import { judgement, Judging } from "./judgement.js";
import { act, neighbour, pictureKeys } from "./keys.js";
import { identity } from "./parts.js";

/** @import { Label } from "../shapes.js" */
/** @import { Found } from "./keys.js" */
/** @import { DecisionSaid, Picture, Tags } from "../types.js" */
/**
 * @typedef {{ where?: string, blind?: boolean, after?: () => void, siblings?: () => string[] }} Options `after` hears of
 *   every decision; `blind` shows nothing that tells how the picture was made, or what machines say of it; `siblings` are
 *   the pictures among which the arrows go
 */

/** How many of the latest decisions are told. */
const TOLD = 8;
/** @type {Record<string, string>} where a decision about a picture of this kind is made */
const WHERE = { survey: "survey", card: "card" };

/** @type {Record<DecisionSaid["action"], (value: any) => string>} */
const SAID = {
  label: (value) => (value ? LABELS[/** @type {Label} */ (value)].words : "label cleared"),
  identity: (value) => `identity ${value ?? "cleared"}`,
  edit: (value) => `edit quality ${value ?? "cleared"}`,
  failure: (value) => `failure: ${value}`,
  note: (value) => `note: ${value}`,
  undo: () => "undone",
};

/** @param {DecisionSaid} decision */
function decisionLine({ action, value, who, reason }) {
  const by = who === "rule" ? "a rule" : who;
  return h("li", {}, `${SAID[action](value)} (${[by, reason].filter(Boolean).join(", ")})`);
}

/** @param {Picture} picture */
function history({ decisions, trained }) {
  if (!decisions.length) return null;
  const list = h("ol", { class: "history" }, decisions.slice(-TOLD).map(decisionLine));
  const learnt = trained.length ? h("p", { class: "dim" }, `Trained: ${trained.join(", ")}`) : null;
  return h("section", {}, h("h3", {}, "Decisions"), list, learnt);
}

/**
 * @param {string} title
 * @param {string[]} ids
 * @param {Options} [options] for those that are opened from here
 */
export function lineage(title, ids, options) {
  if (!ids.length) return null;
  const link = (/** @type {string} */ id) => {
    const props = {
      type: "button",
      class: "tiny",
      onclick: () => openPicture(id, options),
      "aria-label": "Open picture",
    };
    return h("button", props, h("img", { src: pictureUrl(id, 256), alt: "" }));
  };
  return h("section", {}, h("h3", {}, title), h("div", { class: "lineage" }, ids.map(link)));
}

/**
 * @param {string} id
 * @param {string} label
 * @param {string[]} values
 * @param {string} value
 * @param {(value: string) => void} save
 */
function chooser(id, label, values, value, save) {
  const entries = values.map((v) => /** @type {[string, string]} */ ([v, v]));
  const node = select(entries, value, { id, onchange: () => save(node.value) });
  return h("label", { class: "field" }, h("span", {}, label), node);
}

/** @param {Picture} picture */
function tags({ id, tags: said, caption }) {
  const save = (/** @type {Record<string, string>} */ change) =>
    attempt(async () => {
      await post(`/picture/${id}/tags`, /** @type {Tags} */ (change));
      poll();
    });
  const text = h("textarea", { rows: "2", value: caption, onchange: () => save({ caption: text.value }) });
  const angles = [...facts.angles, "unsure"];
  const expressions = [...facts.expressions, "unsure"];
  const choosers = [
    chooser("picture-angle", "Angle", angles, said.angle, (angle) => save({ angle })),
    chooser("picture-expression", "Expression", expressions, said.expression, (expression) => save({ expression })),
  ];
  const words = h("label", { class: "field" }, h("span", {}, "Caption"), text);
  return h("section", {}, h("h3", {}, "What it shows"), h("div", { class: "row" }, choosers), words);
}

/**
 * @param {Picture} picture
 * @param {Judging} judging
 * @param {Options} options
 * @param {() => void} close
 */
function panel(picture, judging, { blind }, close) {
  const judged = picture.kind === "source" ? tags(picture) : judgement(picture, judging);
  if (blind) return h("aside", {}, judged, lineage("Made from", picture.parents, { blind }));
  const section = (/** @type {string} */ title, /** @type {Picture["recipe"]} */ lines) =>
    lines.length ? h("section", {}, h("h3", {}, title), definitions(lines)) : null;
  return h(
    "aside",
    {},
    h("p", { class: "row" }, identity(picture)),
    picture.broke ? h("p", { id: "picture-broke", class: "warn" }, picture.broke) : null,
    judged,
    actions(picture, close),
    section("Scores", picture.scores),
    section("Recipe", picture.recipe),
    lineage("Made from", picture.parents),
    lineage("Became", picture.children),
    lineage("Corrected by", picture.corrected_by),
    lineage("Corrects", picture.corrects),
    history(picture),
  );
}

/** Keys that come while the next picture is on its way are for that one. */
const next = { asked: 0, coming: false, keys: /** @type {Found[]} */ ([]) };

/**
 * @param {string} id
 * @param {Options} [options]
 */
export function openPicture(id, options = {}) {
  const mine = ++next.asked;
  return attempt(async () => {
    try {
      const picture = /** @type {Picture} */ (await get(`/picture/${id}`));
      if (mine === next.asked) show(picture, options); // else another was asked for meanwhile
    } finally {
      if (mine === next.asked) Object.assign(next, { coming: false, keys: [] });
    }
  });
}

/**
 * @param {Picture} picture
 * @param {Options} options
 */
function show(picture, options) {
  const before = /** @type {HTMLDialogElement | null} */ (document.getElementById("picture-dialog"));
  before?.close();
  before?.remove();
  const judging = new Judging(picture, options.where ?? WHERE[picture.kind] ?? "review", options.after);
  const image = h("img", { src: pictureUrl(picture.id), alt: picture.title });
  const stage = h("div", { class: "stage", tabindex: "-1" }, image);
  const aside = panel(picture, judging, options, () => box.close());
  const box = dialog(picture.title, h("div", { class: "big" }, stage, aside), { id: "picture-dialog", wide: true });
  const handle = handler(picture, judging, options);
  box.addEventListener("keydown", pictureKeys(handle));
  box.showModal();
  stage.focus(); // the keys are the picture's
  const waited = next.keys;
  Object.assign(next, { coming: false, keys: [] });
  waited.forEach(handle);
}

/**
 * What a key does now.
 * @param {Picture} picture
 * @param {Judging} judging
 * @param {Options} options
 */
function handler(picture, judging, options) {
  const go = (/** @type {number} */ way) => {
    const id = neighbour(options.siblings?.() ?? [], picture.id, way);
    if (!id) return;
    next.coming = true;
    openPicture(id, options);
  };
  const judge = picture.kind === "source" ? null : judging.say;
  return (/** @type {Found} */ found) => {
    if (next.coming) next.keys.push(found);
    return next.coming || act(found, judge, go);
  };
}
