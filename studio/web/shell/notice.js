// @ts-check
/** What the user has to be told of the workspace: quiet, beside the tabs, until it is closed. */

import { h } from "../core/dom.js";
import { icon } from "../core/icons.js";
import { onStatus, poll } from "../core/status.js";
import { post } from "../core/net.js";
import { attempt, dialog } from "../core/ui.js";

/** @param {string[]} told */
function openNotices(told) {
  const lines = told.map((words) => h("p", {}, words));
  dialog("What was done to this workspace", h("div", {}, lines), { id: "notices-dialog" }).showModal();
}

/** Two lines beside the tabs, where they cover nothing: the rest is read in a dialog. It hears of them from the poll. */
export function noticeLine() {
  const props = { type: "button", class: "notice-words", title: "Read all of it" };
  const words = h("button", { ...props, onclick: () => openNotices(told) });
  /** @type {string[]} */
  let told = [];
  const onclick = () =>
    attempt(async () => {
      node.hidden = true;
      await post("/notices/close");
      poll();
    });
  const look = { type: "button", id: "notice-close", class: "fb quiet", "aria-label": "Close", onclick };
  const close = h("button", look, icon("cross"));
  const node = h("div", { id: "notice", class: "notice", role: "status", hidden: true }, words, close);
  onStatus(({ notices }) => {
    told = notices;
    words.textContent = notices.join(" ");
    node.hidden = !notices.length;
  });
  return node;
}
