// @ts-check
/** The bar at the bottom: memory, the running job, and a list of the last ones with what went wrong. */

import { h, put } from "../core/dom.js";
import { dotted, minutes } from "../core/format.js";
import { island } from "../core/island.js";
import { hear, status, onStatus, poll } from "../core/status.js";
import { post } from "../core/net.js";
import { attempt, button, relabel, toast } from "../core/ui.js";
import { tellWaiting } from "../review/decisions.js";
import { notifyEnd } from "./notify.js";
import { JobList, STATES, stuckWords } from "./job_list.js";

/** @import { JobNow, JobSummary, Memory, StudioStatus } from "../types.js" */

/**
 * @param {{ id: string }} job
 * @param {"cancel" | "end" | "resume" | "dismiss" | "pause" | "unpause"} action
 */
export function actOn(job, action) {
  return attempt(async () => {
    await post(`/jobs/${job.id}/${action}`);
    await poll();
  });
}

/**
 * How far a job is, 0 to 1; `null` while that is not known.
 * @param {{ done: number, total: number, k: number, n: number }} job
 */
export function progressOf({ done, total, k, n }) {
  if (!total) return null;
  return (done + (n ? Math.min(0.99, k / n) : 0)) / total;
}

/**
 * @param {JobNow} job
 * @param {number} waiting
 */
export function progressWords(job, waiting) {
  if (job.stuck) return stuckWords(job.stuck);
  const counted = job.total ? `${job.done} of ${job.total} ${job.unit}` : job.note ? "" : "starting";
  return dotted([counted, job.paused ? "paused" : job.note, minutes(job.left), waiting > 0 && `${waiting} waiting`]);
}

/** @param {string} error */
const firstLine = (error) => error.split("\n")[0];

/** @param {Memory | null} memory */
function memoryWords(memory) {
  if (!memory) return h("span", { class: "dim" }, "Nothing loaded");
  const { used_gib: used, total_gib: total, device, resident } = memory;
  const share = total ? Math.min(1, used / total) : 0;
  return [
    h("span", {}, device === "cuda" ? "GPU " : "Memory ", h("b", {}, used.toFixed(1)), ` / ${total.toFixed(1)} GB`),
    h("span", { class: "gauge" }, h("i", { style: { width: `${Math.round(share * 100)}%` } })),
    h("span", { class: "dim" }, resident || ""),
  ];
}

class JobBar {
  /** @param {HTMLElement} root */
  constructor(root) {
    this.root = root;
    this.memory = h("div", { class: "memory", id: "job-memory" });
    this.preview = h("img", { class: "preview", alt: "Preview of the picture being made", hidden: true });
    this.title = h("span", { id: "job-title", class: "job-title" });
    this.meter = h("progress", { id: "job-progress", max: "1", "aria-label": "Progress of the job", hidden: true });
    this.numbers = h("span", { class: "dim numbers" });
    this.stop = button("Stop", () => this.act(status.state?.job?.stuck ? "end" : "cancel"), {
      id: "job-stop",
      icon: "stop",
      hidden: true,
    });
    const pause = () => this.act(status.state?.job?.paused ? "unpause" : "pause");
    this.pause = button("Pause", pause, { id: "job-pause", class: "quiet", hidden: true });
    this.unload = button("Unload", () => this.giveBack(), {
      id: "unload",
      class: "quiet",
      hidden: true,
      title:
        "Give the memory of the loaded model back, to other programs or another model. The next job loads it again.",
    });
    this.list = new JobList(actOn);
    this.open = button("Jobs", () => this.list.open(), { id: "job-list-open", icon: "list", class: "quiet" });
    const work = [this.preview, this.title, this.meter, this.numbers, this.pause, this.stop];
    this.unsent = h("span", { id: "unsent", class: "unsent", role: "status", hidden: true });
    root.append(
      h("div", { class: "bar" }, this.memory, this.unload, h("div", { class: "work" }, work), this.unsent, this.open),
    );
    /** @type {Map<string, string> | null} the states of jobs that have ended; `null` until they were first heard of */
    this.ended = null;
  }

  giveBack() {
    return attempt(async () => {
      await post("/unload");
      toast("Unloaded: its memory is free.");
      await poll();
    });
  }

  /** @param {"cancel" | "end" | "pause" | "unpause"} action */
  act(action) {
    const job = status.state?.job;
    if (job) actOn(job, action);
  }

  /** @param {StudioStatus} state */
  paint(state) {
    this.root.classList.remove("silent");
    put(this.memory, memoryWords(state.memory));
    this.unload.hidden = !state.memory || Boolean(state.job) || state.queued.length > 0;
    this.stop.hidden = this.pause.hidden = this.meter.hidden = !state.job;
    this.root.dataset.state = state.job ? "running" : (state.recent[0]?.state ?? "idle");
    if (state.job) this.paintJob(state.job, state.queued.length);
    else this.paintRest(state.recent[0]);
    this.tellEnds(state.recent);
    this.list.paint([state.job, ...state.queued, ...state.recent].filter((job) => job !== null));
    this.open.classList.toggle(
      "alert",
      state.recent.some((job) => job.state === "interrupted"),
    );
  }

  /** @param {JobSummary | undefined} last */
  paintRest(last) {
    this.title.textContent = last ? `${last.title}: ${STATES[last.state]}` : "No job yet";
    this.numbers.textContent = last?.state === "failed" ? firstLine(last.error) : "";
    this.preview.hidden = true;
  }

  /**
   * @param {JobNow} job
   * @param {number} waiting
   */
  paintJob(job, waiting) {
    this.title.textContent = job.title;
    this.stop.disabled = job.cancelling && !job.stuck;
    relabel(this.stop, job.stuck ? "End it now" : job.cancelling ? "Stopping" : "Stop");
    this.stop.title = job.stuck;
    relabel(this.pause, job.paused ? "Go on" : "Pause");
    const done = progressOf(job);
    if (done === null) this.meter.removeAttribute("value");
    else this.meter.value = done;
    this.numbers.textContent = progressWords(job, waiting);
    this.paintPreview(job.preview);
  }

  /** @param {string} preview a JPEG in base64; "" for none */
  paintPreview(preview) {
    this.preview.hidden = !preview;
    const print = preview?.slice(-40);
    if (!preview || this.preview.dataset.of === print) return;
    this.preview.dataset.of = print;
    this.preview.src = `data:image/jpeg;base64,${preview}`;
  }

  /** @param {JobSummary[]} recent */
  tellEnds(recent) {
    const before = this.ended;
    this.ended = new Map([...(before ?? []), ...recent.map((job) => /** @type {const} */ ([job.id, job.state]))]);
    for (const job of recent) {
      const { id, state, title, error } = job;
      if (!before || before.get(id) === state) continue;
      notifyEnd(job);
      if (state === "done") toast(`${title}: done`);
      if (state === "failed") toast(`${title}: ${firstLine(error)}`, "problem");
    }
  }

  /** @param {boolean} locked whether it answers, but asks for its password */
  silent(locked) {
    this.root.classList.add("silent");
    const why = locked ? "The studio asks for its password: reload the page." : "The studio does not answer.";
    this.title.textContent = `${why} What you decide is kept here until it does.`;
  }

  /** @param {string} words what waits for the studio; "" for nothing */
  tellUnsent(words) {
    this.unsent.textContent = this.unsent.title = words;
    this.unsent.hidden = !words;
  }
}

island("job-bar", ({ root }) => {
  const bar = new JobBar(root);
  onStatus((state) => bar.paint(state));
  hear("flen:silent", ({ locked }) => bar.silent(locked));
  hear("flen:unsent", ({ words }) => bar.tellUnsent(words));
  tellWaiting();
});
