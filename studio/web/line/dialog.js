// @ts-check
/** The identity line: where it lies for the character, why, and how to draw it; opened where pictures are judged by it. */

import { h, one, put } from "../core/dom.js";
import { count } from "../core/format.js";
import { live, onLive, poll } from "../core/live.js";
import { address, post, tryGet } from "../core/net.js";
import { attempt, button, dialog, relabel } from "../core/ui.js";
import { lineBody } from "./view.js";
import { calibrationIn, calibrationWords } from "./status.js";

/** @import { Line, LineData } from "../shapes.js" */

/**
 * @param {string} path
 * @param {object} [body]
 */
function ask(path, body) {
  return attempt(async () => {
    await post(path, body);
    await poll();
  });
}

function stop() {
  const job = calibrationIn(live.state);
  return job ? ask(`/jobs/${job.id}/cancel`) : undefined;
}

/** How far the calibration is, and stopping it. */
class Progress {
  constructor() {
    this.meter = h("progress", { id: "line-progress", max: "1", "aria-label": "Progress of the calibration" });
    this.told = h("span", { class: "numbers" });
    const halt = button("Stop", stop, { id: "line-stop", icon: "stop" });
    const props = { class: "ln-progress", role: "group", "aria-label": "Calibration at work" };
    this.node = h("div", props, this.meter, this.told, halt);
  }

  /** @returns {boolean} whether one is at work */
  paint() {
    const job = calibrationIn(live.state);
    this.node.hidden = !job;
    if (!job) return false;
    if (job.total) this.meter.value = job.done / job.total;
    else this.meter.removeAttribute("value");
    this.told.textContent = calibrationWords(job);
    return true;
  }
}

class LineDialog {
  constructor() {
    /** @type {LineData | null} */
    this.data = null;
    /** the recogniser whose line is shown */
    this.which = "";
    this.print = "";
    this.body = h("div", { class: "ln-body" });
    this.progress = new Progress();
    this.draw = button("Calibrate", () => ask("/line", { far: this.data?.far }), {
      id: "line-calibrate",
      class: "primary",
    });
    this.judge = button("", () => ask("/line/judge"), { id: "line-judge", class: "primary" });
    this.report = h("a", { id: "line-report", class: "fb", target: "_blank", rel: "noopener" }, "Whole report");
    const foot = [this.progress.node, this.report, h("span", { class: "grow" }), this.judge, this.draw];
    const content = h("div", { class: "ln" }, this.body, h("div", { class: "ln-foot" }, foot));
    this.box = dialog("Identity line", content, { id: "line-dialog", wide: true });
  }

  async open() {
    const stopListening = onLive((state) => (state.moved ? this.load() : this.paintWork()));
    this.box.addEventListener("close", stopListening);
    this.box.showModal();
    await this.load();
    (this.draw.disabled ? this.box : this.draw).focus();
  }

  async load() {
    const data = await tryGet("/line");
    const print = JSON.stringify(data);
    if (data?.character && print !== this.print) {
      this.print = print;
      this.data = /** @type {LineData} */ (data);
      this.paint(this.data);
    }
    this.paintWork();
  }

  /** @param {LineData} data */
  paint(data) {
    const line = data.lines.find((l) => l.recogniser === this.which) ?? data.lines[0];
    one(this.box, "h2").textContent = `Identity line of ${data.character}`;
    put(this.body, this.chooser(data.lines, line), lineBody(data, line));
    relabel(this.draw, line ? "Calibrate again" : "Calibrate");
    this.draw.classList.toggle("primary", !line || line.provisional || line.stale);
    this.judge.hidden = !data.waiting;
    relabel(this.judge, `Judge ${count(data.waiting, "picture")} by it`);
    this.report.hidden = !line;
    if (line) this.report.href = address(line.report);
  }

  paintWork() {
    const busy = this.progress.paint();
    this.draw.disabled = busy || !this.data || Boolean(this.data.shut);
  }

  /**
   * @param {Line[]} lines
   * @param {Line} shown
   */
  chooser(lines, shown) {
    if (lines.length < 2) return null;
    const choice = (/** @type {Line} */ line, /** @type {number} */ n) => {
      const words = n ? `${line.recogniser} (second opinion)` : `${line.recogniser} (the gate)`;
      const choose = () => {
        this.which = line.recogniser;
        if (this.data) this.paint(this.data);
      };
      return button(words, choose, { class: "seg", "aria-pressed": String(line === shown) });
    };
    return h("div", { class: "segs ln-which", role: "group", "aria-label": "Whose eyes" }, lines.map(choice));
  }
}

export function openLine() {
  if (document.getElementById("line-dialog")) return;
  attempt(() => new LineDialog().open());
}
