// @ts-check
/** Buttons that tell the identity threshold and open it. */

import { h } from "../core/dom.js";
import { icon } from "../core/icons.js";
import { island } from "../core/island.js";
import { whenSeen } from "../core/status.js";
import { newest } from "../core/net.js";
import { openThreshold } from "./dialog.js";

/** @import { ThresholdNow } from "../types.js" */

/** @param {ThresholdNow} calibration */
export function doorWords({ state, threshold }) {
  if (state === "used") return `Identity calibration ${threshold?.toFixed(2)}`;
  if (state === "provisional") return "Identity line: provisional";
  return state === "stale" ? "Identity line: calibrate again" : "Identity line: calibrate";
}

/**
 * @param {string} id
 * @returns {{ button: HTMLButtonElement, load: () => Promise<void> }}
 */
export function thresholdDoor(id) {
  const words = h("span");
  const title = "Where the identity line lies, and why";
  const props = { id, type: "button", class: "fb quiet threshold-door", title, onclick: openThreshold };
  const button = h("button", props, icon("rule"), words);
  const ask = newest();
  const load = async () => {
    const calibration = /** @type {ThresholdNow | null} */ (await ask("/thresholds/now"));
    if (!calibration) return;
    button.hidden = calibration.state === "nobody";
    button.classList.toggle("alert", ["provisional", "stale"].includes(calibration.state));
    words.textContent = doorWords(calibration);
    button.setAttribute("aria-label", words.textContent);
  };
  return { button, load };
}

island("identity-threshold", ({ root, options }) => {
  const { button, load } = thresholdDoor(options.id);
  root.append(button);
  whenSeen(root, load);
});
