// @ts-check
/** The six tabs of the page: which one is open, opening one, coming back to it after a reload. */

import { within } from "./dom.js";

const BUTTON = /^tab-(\w+)-button$/;
/** @type {Record<string, string>} the one primary button of each tab */
const RUNS = {
  survey: "survey-run",
  enrich: "enrich-make",
  train: "train-run",
  generate: "generate-run",
  model_card: "card-run",
};
/** Gradio draws the tabs before it listens to them: so many clicks are tried, so far apart. */
const TRIES = 100;
const APART_MS = 100;

/** @param {string} name */
const buttonOf = (name) => document.getElementById(`tab-${name}-button`);

/**
 * The tab that an element of the tab list opens; `undefined` when it is none.
 * @param {Element | null} tab
 * @returns {string | undefined}
 */
export function nameOf(tab) {
  return BUTTON.exec(tab?.id ?? "")?.[1];
}

/** The name of the tab that is open. */
export function openTabName() {
  return nameOf(document.querySelector('[role=tab][aria-selected="true"]'));
}

/** @type {Set<(name: string) => void>} */
const listeners = new Set();
let known = "";

function lookAtTabs() {
  const name = openTabName();
  if (!name || name === known) return;
  known = name;
  for (const listen of listeners) listen(name);
}

/**
 * Hear the name of each tab when it is open, however it was opened.
 * @param {(name: string) => void} listen
 */
export function onTab(listen) {
  if (!listeners.size) {
    const watched = { subtree: true, attributeFilter: ["aria-selected"] };
    new MutationObserver(lookAtTabs).observe(document.body, watched);
  }
  listeners.add(listen);
}

/**
 * Open a tab by its name (`enrich`), as a click on it would.
 * @param {string} name
 */
export function openTab(name) {
  buttonOf(name)?.click();
}

/**
 * Click until the tab has heard it.
 * @param {string} name
 * @param {number} tries
 */
function insist(name, tries) {
  const tab = buttonOf(name);
  if (tries === 0 || tab?.getAttribute("aria-selected") === "true") return;
  tab?.click();
  setTimeout(() => insist(name, tries - 1), APART_MS);
}

/** The primary button of the open tab, when it can be pressed. */
function runButton() {
  const run = document.getElementById(RUNS[openTabName() ?? ""] ?? "");
  return run instanceof HTMLButtonElement && !run.disabled && run.offsetParent ? run : null;
}

/**
 * Ctrl+Enter runs what the open tab is for, from any of its fields. In Review and in a dialog it has its own meaning.
 * @param {KeyboardEvent} event
 */
function runTab(event) {
  const asked = event.key === "Enter" && (event.ctrlKey || event.metaKey) && !event.isComposing;
  const run = asked && runButton();
  if (!run || document.querySelector("dialog[open]")) return;
  event.preventDefault();
  run.click();
}

/** A reload comes back to the tab that was open; the address names it, so that it can be kept as a bookmark. */
export function keepTab() {
  document.addEventListener("keydown", runTab);
  document.addEventListener("click", (event) => {
    const tab = within(event, "[role=tab]");
    const name = nameOf(tab);
    if (name) history.replaceState(null, "", `#${name}`);
    if (tab && event.detail) tab.blur(); // clicked, not keyed: the keys are the tab's content's
  });
  const wanted = location.hash.slice(1);
  if (/^\w+$/.test(wanted)) insist(wanted, TRIES);
}
