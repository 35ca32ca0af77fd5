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

/**
 * Enrich is opened with these chains, too.
 * @param {string[]} chains
 */
export function planChains(chains) {
  const field = /** @type {HTMLTextAreaElement | null} */ (document.querySelector("#enrich-chains textarea"));
  if (!field) throw new Error("Open Enrich once, then try again.");
  field.value = withChains(field.value, chains);
  field.dispatchEvent(new Event("input", { bubbles: true }));
  openTab("enrich");
}
