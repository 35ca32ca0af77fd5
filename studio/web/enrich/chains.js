// @ts-check
/** Chains that another tab asks for, put into the field of Enrich. */

import { openTab } from "../core/tabs.js";

/**
 * The lines of a field with others behind them, each once.
 * @param {string} written
 * @param {string[]} chains
 */
export function withChains(written, chains) {
  const lines = written.split("\n").filter((line) => line.trim());
  return [...new Set([...lines, ...chains])].join("\n");
}

/** How often each step of what failed is tried, of which the best is kept. */
const TRIES = 4;

/**
 * Enrich is opened with these chains, too, each step tried a few times. No other edit stays ticked: each source would
 * take its share of them, of the same few.
 * @param {string[]} chains
 */
export function planChains(chains) {
  const field = /** @type {HTMLTextAreaElement | null} */ (document.querySelector("#enrich-chains textarea"));
  if (!field) throw new Error("Open Enrich once, then try again.");
  for (const ticked of document.querySelectorAll("#enrich-axes input:checked"))
    /** @type {HTMLInputElement} */ (ticked).click();
  const tries = /** @type {HTMLInputElement | null} */ (document.querySelector("#enrich-best-of input[type=number]"));
  if (tries && Number(tries.value) < TRIES) {
    tries.value = String(TRIES);
    for (const kind of ["input", "change", "blur"]) tries.dispatchEvent(new Event(kind, { bubbles: true }));
  }
  field.value = withChains(field.value, chains);
  field.dispatchEvent(new Event("input", { bubbles: true }));
  openTab("enrich");
}
