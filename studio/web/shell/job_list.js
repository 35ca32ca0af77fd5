// @ts-check
/** The last jobs in a dialog: how they ended, what went wrong, going on with them. */

import { h, put } from "../core/dom.js";
import { button, dialog } from "../core/ui.js";

/** @import { JobState, RunningJob } from "../shapes.js" */
/** @typedef {JobState & Partial<Pick<RunningJob, "cancelling" | "stuck">>} Listed */
/** @typedef {(job: Listed, action: "cancel" | "end" | "resume" | "dismiss") => void} Act */

/** @type {Record<JobState["state"], string>} */
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

/**
 * @param {Listed} job
 * @param {Act} act
 */
function entry(job, act) {
  const { title, state, done, total, stuck, error, warnings, traceback } = job;
  const words = [h("strong", {}, title), h("span", { class: "state" }, STATES[state])];
  const counted = h("span", { class: "dim" }, total ? `${done} of ${total}` : "");
  return h(
    "li",
    { class: `job s-${state}` },
    h("div", { class: "row" }, words, counted, h("span", { class: "grow" }), doors(job, act)),
    stuck ? h("p", { class: "warn" }, stuckWords(stuck)) : null,
    error ? h("p", { class: "problem" }, error) : null,
    warnings?.length
      ? h(
          "ul",
          { class: "warnings" },
          warnings.map((w) => h("li", {}, w)),
        )
      : null,
    traceback ? h("details", {}, h("summary", {}, "For a bug report"), h("pre", {}, traceback)) : null,
  );
}

export class JobList {
  /** @param {Act} act */
  constructor(act) {
    this.act = act;
    this.list = h("ol", { id: "job-list", class: "job-list" });
    /** @type {HTMLDialogElement | null} */
    this.box = null;
    this.print = "";
    /** @type {Listed[]} */
    this.jobs = [];
  }

  open() {
    this.box ??= dialog("Jobs", this.list, { id: "jobs-dialog", reusable: true });
    if (!this.box.open) this.box.showModal();
    this.paint(this.jobs);
  }

  /**
   * Drawn only while it is looked at.
   * @param {Listed[]} jobs
   */
  paint(jobs) {
    this.jobs = jobs;
    if (!this.box?.open) return;
    const print = JSON.stringify(jobs.map((j) => [j.id, j.state, j.done, j.warnings, j.cancelling, j.stuck]));
    if (print === this.print) return;
    this.print = print;
    put(this.list, jobs.length ? jobs.map((job) => entry(job, this.act)) : h("li", { class: "empty" }, "No job yet."));
  }
}
