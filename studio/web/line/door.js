// @ts-check
/** Buttons that tell the identity line and open it. */

import { h } from "../core/dom.js";
import { icon } from "../core/icons.js";
import { island } from "../core/island.js";
import { whenSeen } from "../core/live.js";
import { tryGet } from "../core/net.js";
import { openLine } from "./dialog.js";

/** @import { LineNow } from "../shapes.js" */

/** @param {LineNow} line */
export function doorWords({ state, threshold }) {
  if (state === "used") return `Identity line ${threshold?.toFixed(2)}`;
  if (state === "provisional") return "Identity line: provisional";
  return state === "stale" ? "Identity line: calibrate again" : "Identity line: calibrate";
}

/**
 * @param {string} id
 * @returns {{ button: HTMLButtonElement, load: () => Promise<void> }}
 */
export function lineDoor(id) {
  const words = h("span");
  const title = "Where the identity line lies, and why";
  const props = { id, type: "button", class: "fb quiet line-door", title, onclick: openLine };
  const button = h("button", props, icon("rule"), words);
  const load = async () => {
    const line = /** @type {LineNow | null} */ (await tryGet("/line/now"));
    if (!line) return;
    button.hidden = line.state === "nobody";
    button.classList.toggle("alert", ["provisional", "stale"].includes(line.state));
    words.textContent = doorWords(line);
    button.setAttribute("aria-label", words.textContent);
  };
  return { button, load };
}

island("identity-line", ({ root, options }) => {
  const { button, load } = lineDoor(options.id);
  root.append(button);
  whenSeen(root, load);
});
