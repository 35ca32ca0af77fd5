// @ts-check
/** The last jobs in a dialog: how they ended, what went wrong, going on with them. */

import { h, put } from "../core/dom.js";
import { button, dialog } from "../core/ui.js";

/** @import { JobNow, JobSummary } from "../types.js" */
import { notifyButton } from "./notify.js";
/** @typedef {JobSummary & Partial<Pick<JobNow, "cancelling" | "stuck">>} Listed */
/** @typedef {(job: Listed, action: "cancel" | "end" | "resume" | "dismiss") => void} Act */

/** @type {Record<JobSummary["state"], string>} */
export const STATES = {
  queued: "waits",
  running: "runs",
  done: "done",
  failed: "failed",
  cancelled: "stopped",
  interrupted: "interrupted",
};

/** @param {string} lost what is lost when the job is ended */
export function stuckWords(lost) {
  return `It does not stop at its step. ${lost}`;
}

/**
 * What can be done with a job: the studio says what may be asked of it.
 * @param {Listed} job
 * @param {Act} act
 */
function doors(job, act) {
  const { id, can, cancelling, stuck } = job;
  const dismiss = { class: "quiet", title: "Take it off this list; what it made stays" };
  return [
    can.includes("cancel") && !cancelling
      ? button("Stop", () => act(job, "cancel"), { id: `job-cancel-${id}`, icon: "stop" })
      : null,
    stuck ? button("End it now", () => act(job, "end"), { id: `job-end-${id}`, icon: "stop" }) : null,
    can.includes("resume")
      ? button("Resume", () => act(job, "resume"), { id: `job-resume-${id}`, icon: "play" })
      : null,
    can.includes("dismiss")
      ? button("Dismiss", () => act(job, "dismiss"), { id: `job-dismiss-${id}`, icon: "cross", ...dismiss })
      : null,
  ];
}

/** What a person reads and does at a job, without what changes at each step. */
const printOf = (/** @type {Listed} */ job) =>
  JSON.stringify([job.state, job.title, job.total, job.can, job.cancelling, job.stuck, job.error, job.warnings]);

/** @param {Listed} job */
const countWords = ({ done, total }) => (total ? `${done} of ${total}` : "");

/** A job in the list. It is drawn anew only when there is something else to read or to do, and keeps the focus. */
class Entry {
  /** @param {Act} act */
  constructor(act) {
    this.act = act;
    this.counted = h("span", { class: "dim" });
    this.node = h("li");
    this.print = "";
  }

  /** @param {Listed} job */
  paint(job) {
    this.counted.textContent = countWords(job);
    const print = printOf(job);
    if (print === this.print) return;
    this.print = print;
    const focused = this.node.contains(document.activeElement) ? document.activeElement?.id : undefined;
    this.draw(job);
    if (focused !== undefined) this.focus(focused);
  }

  /** @param {Listed} job */
  draw(job) {
    const { title, state, stuck, error, warnings, traceback } = job;
    const words = [h("strong", {}, title), h("span", { class: "state" }, STATES[state])];
    const noted = (warnings ?? []).map((w) => h("li", {}, w));
    this.node.className = `job s-${state}`;
    put(
      this.node,
      h("div", { class: "row" }, words, this.counted, h("span", { class: "grow" }), doors(job, this.act)),
      stuck ? h("p", { class: "warn" }, stuckWords(stuck)) : null,
      error ? h("p", { class: "problem" }, error) : null,
      noted.length ? h("ul", { class: "warnings" }, noted) : null,
      traceback ? h("details", {}, h("summary", {}, "For a bug report"), h("pre", {}, traceback)) : null,
    );
  }

  /**
   * On the same button, else on the first that is left.
   * @param {string} id
   */
  focus(id) {
    const there = [...this.node.querySelectorAll("button")];
    (there.find((x) => x.id === id) ?? there[0])?.focus();
  }
}

export class JobList {
  /** @param {Act} act */
  constructor(act) {
    this.act = act;
    this.list = h("ol", { id: "job-list", class: "job-list" });
    this.none = h("li", { class: "empty" }, "No job yet.");
    /** @type {HTMLDialogElement | null} */
    this.box = null;
    /** @type {Map<string, Entry>} */
    this.entries = new Map();
    /** @type {Listed[]} */
    this.jobs = [];
  }

  open() {
    this.box ??= dialog("Jobs", h("div", {}, notifyButton(), this.list), { id: "jobs-dialog", reusable: true });
    this.draw(); // before it is seen: what it showed last is old
    if (!this.box.open) this.box.showModal();
  }

  /**
   * Drawn only while it is looked at.
   * @param {Listed[]} jobs
   */
  paint(jobs) {
    this.jobs = jobs;
    if (this.box?.open) this.draw();
  }

  draw() {
    const before = this.entries;
    this.entries = new Map(this.jobs.map(({ id }) => [id, before.get(id) ?? new Entry(this.act)]));
    for (const job of this.jobs) this.entries.get(job.id)?.paint(job);
    const wanted = this.jobs.length ? [...this.entries.values()].map((entry) => entry.node) : [this.none];
    arrange(this.list, wanted);
  }
}

/**
 * Puts the children in this order. One that stands where it should is not touched: it keeps focus and clicks.
 * @param {Element} list
 * @param {Element[]} wanted
 */
function arrange(list, wanted) {
  for (const child of [...list.children]) if (!wanted.includes(child)) child.remove();
  wanted.forEach((node, n) => {
    if (list.children[n] !== node) list.insertBefore(node, list.children[n] ?? null);
  });
}
