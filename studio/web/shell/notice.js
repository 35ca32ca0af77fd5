// @ts-check
/** What the user has to be told of the workspace: quiet, beside the tabs, until it is closed. */

import { h } from "../core/dom.js";
import { icon } from "../core/icons.js";
import { onStatus, poll } from "../core/status.js";
import { post } from "../core/net.js";
import { attempt } from "../core/ui.js";

/** A line for notices; it hears of them from the poll. */
export function noticeLine() {
  const words = h("span");
  const onclick = () =>
    attempt(async () => {
      node.hidden = true;
      await post("/notices/close");
      poll();
    });
  const props = { type: "button", id: "notice-close", class: "fb quiet", "aria-label": "Close", onclick };
  const close = h("button", props, icon("cross"));
  const node = h("div", { id: "notice", class: "notice", role: "status", hidden: true }, words, close);
  onStatus(({ notices }) => {
    words.textContent = notices.join(" ");
    node.hidden = !notices.length;
  });
  return node;
}
