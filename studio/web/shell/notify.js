// @ts-check
/** The browser's own notification when a job ends while the page is not seen. Asked for once, by a click. */

import { button } from "../core/ui.js";

/** @import { JobSummary } from "../types.js" */

/**
 * What is said of a job that has ended; "" for one that a person stopped.
 * @param {Pick<JobSummary, "state" | "title" | "error">} job
 */
export function endWords({ state, title, error }) {
  if (state === "done") return `${title}: done`;
  if (state === "failed") return `${title}: ${error.split("\n")[0]}`;
  return state === "interrupted" ? `${title}: interrupted` : "";
}

/**
 * Whether the browser is to tell of it: where the page is seen, the page does.
 * @param {boolean} hidden
 * @param {string} permission
 * @param {string} words
 */
export function isToTell(hidden, permission, words) {
  return hidden && permission === "granted" && words !== "";
}

const able = () => "Notification" in globalThis && globalThis.isSecureContext;

/** @param {Pick<JobSummary, "id" | "state" | "title" | "error">} job */
export function notifyEnd(job) {
  const words = endWords(job);
  if (!able() || !isToTell(document.hidden, Notification.permission, words)) return;
  const note = new Notification("FLENwheel", { body: words, tag: job.id });
  note.onclick = () => {
    globalThis.focus();
    note.close();
  };
}

/** The button that asks the browser's leave; gone once it was answered. */
export function notifyButton() {
  const ask = async () => {
    await Notification.requestPermission();
    node.hidden = Notification.permission !== "default";
  };
  const node = button("Tell me when a job ends", ask, {
    id: "job-notify",
    class: "quiet",
    title: "The browser tells when a job ends or fails while this page is not seen",
  });
  node.hidden = !able() || Notification.permission !== "default";
  return node;
}
