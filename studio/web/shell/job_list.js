// @ts-check
/** The last jobs in a dialog: how they ended, what went wrong, going on with them. */

import { h, put } from "../core/dom.js";
import { button, dialog } from "../core/ui.js";

/** @import { JobState } from "../shapes.js" */
/** @typedef {(job: JobState, action: "cancel" | "resume") => void} Act */

/** @type {Record<JobState["state"], string>} */
export const STATES = {
  queued: "waits",
  running: "runs",
  done: "done",
  failed: "failed",
  cancelled: "stopped",
  interrupted: "interrupted",
};

/**
 * What can be done with a job in its state.
 * @param {JobState} job
 * @param {Act} act
 */
function doors(job, act) {
  if (["queued", "running"].includes(job.state))
    return button("Stop", () => act(job, "cancel"), { id: `job-cancel-${job.id}`, icon: "stop" });
  if (["failed", "cancelled", "interrupted"].includes(job.state))
    return button("Resume", () => act(job, "resume"), { id: `job-resume-${job.id}`, icon: "play" });
  return null;
}

/**
 * @param {JobState} job
 * @param {Act} act
 */
function entry(job, act) {
  const { title, state, done, total, error, warnings, traceback } = job;
  return h(
    "li",
    { class: `job s-${state}` },
    h(
      "div",
      { class: "row" },
      h("strong", {}, title),
      h("span", { class: "state" }, STATES[state]),
      h("span", { class: "dim" }, total ? `${done} of ${total}` : ""),
      h("span", { class: "grow" }),
      doors(job, act),
    ),
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
    /** @type {JobState[]} */
    this.jobs = [];
  }

  open() {
    this.box ??= dialog("Jobs", this.list, { id: "jobs-dialog", keep: true });
    if (!this.box.open) this.box.showModal();
    this.paint(this.jobs);
  }

  /**
   * Drawn only while it is looked at.
   * @param {JobState[]} jobs
   */
  paint(jobs) {
    this.jobs = jobs;
    if (!this.box?.open) return;
    const print = JSON.stringify(jobs.map((j) => [j.id, j.state, j.done, j.warnings]));
    if (print === this.print) return;
    this.print = print;
    put(this.list, jobs.length ? jobs.map((job) => entry(job, this.act)) : h("li", { class: "empty" }, "No job yet."));
  }
}
