// @ts-check
/** Dark or light, as the workspace's settings say or as the system does. */

import { facts } from "../core/facts.js";
import { status, onStatus, poll } from "../core/status.js";
import { post } from "../core/net.js";
import { attempt } from "../core/ui.js";

const system = () => matchMedia("(prefers-color-scheme: dark)");

/** @param {string} theme `dark`, `light`, or whatever the system has */
function paint(theme) {
  const dark = theme === "dark" || (theme !== "light" && system().matches);
  document.body.classList.toggle("dark", dark);
  document.documentElement.style.colorScheme = dark ? "dark" : "light";
}

export function switchTheme() {
  return attempt(async () => {
    const theme = document.body.classList.contains("dark") ? "light" : "dark";
    paint(theme);
    await post("/settings", { theme });
    poll();
  });
}

export function followTheme() {
  paint(facts.theme);
  onStatus((state) => paint(state.theme));
  system().addEventListener("change", () => paint(status.state?.theme ?? facts.theme));
}
