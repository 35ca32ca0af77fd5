// @ts-check
/** The identity threshold: where it lies for the character, why, and how to draw it; opened where pictures are judged by it. */

import { h, one, put } from "../core/dom.js";
import { count } from "../core/format.js";
import { status, onStatus, poll } from "../core/status.js";
import { address, post, tryGet } from "../core/net.js";
import { attempt, button, dialog, relabel } from "../core/ui.js";
import { thresholdBody } from "./view.js";
import { othersZone } from "./others.js";
import { calibrationIn, calibrationWords } from "./status.js";

/** @import { CalibrationTold, ThresholdsTold } from "../types.js" */

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
  const job = calibrationIn(status.state);
  return job ? ask(`/jobs/${job.id}/cancel`) : undefined;
}

/** How far the calibration is, and stopping it. */
class Progress {
  constructor() {
    this.meter = h("progress", { id: "threshold-progress", max: "1", "aria-label": "Progress of the calibration" });
    this.told = h("span", { class: "numbers" });
    const halt = button("Stop", stop, { id: "threshold-stop", icon: "stop" });
    const props = { class: "th-progress", role: "group", "aria-label": "Calibration at work" };
    this.node = h("div", props, this.meter, this.told, halt);
  }

  /** @returns {boolean} whether one is at work */
  paint() {
    const job = calibrationIn(status.state);
    this.node.hidden = !job;
    if (!job) return false;
    if (job.total) this.meter.value = job.done / job.total;
    else this.meter.removeAttribute("value");
    this.told.textContent = calibrationWords(job);
    return true;
  }
}

class ThresholdDialog {
  constructor() {
    /** @type {ThresholdsTold | null} */
    this.data = null;
    /** the recogniser whose calibration is shown */
    this.which = "";
    this.print = "";
    this.body = h("div", { class: "th-body" });
    this.progress = new Progress();
    this.draw = button("Calibrate", () => ask("/thresholds", { far: this.data?.far }), {
      id: "threshold-calibrate",
      class: "primary",
    });
    this.strangers = button("Draw 120 strangers", () => ask("/thresholds/strangers"), { id: "threshold-strangers" });
    this.others = othersZone(() => this.load());
    this.rescore = button("", () => ask("/thresholds/score"), { id: "threshold-score", class: "primary" });
    this.report = h("a", { id: "threshold-report", class: "fb", target: "_blank", rel: "noopener" }, "Whole report");
    const foot = [
      this.progress.node,
      this.report,
      h("span", { class: "grow" }),
      this.strangers,
      this.rescore,
      this.draw,
    ];
    const content = h("div", { class: "th" }, this.body, this.others, h("div", { class: "th-foot" }, foot));
    this.box = dialog("Identity line", content, { id: "threshold-dialog", wide: true });
  }

  async open() {
    const stopListening = onStatus((state) => (state.moved ? this.load() : this.paintWork()));
    this.box.addEventListener("close", stopListening);
    this.box.showModal();
    await this.load();
    (this.draw.disabled ? this.box : this.draw).focus();
  }

  async load() {
    const data = await tryGet("/thresholds");
    const print = JSON.stringify(data);
    if (data?.character && print !== this.print) {
      this.print = print;
      this.data = /** @type {ThresholdsTold} */ (data);
      this.paint(this.data);
    }
    this.paintWork();
  }

  /** @param {ThresholdsTold} data */
  paint(data) {
    const calibration = data.calibrations.find((l) => l.recogniser === this.which) ?? data.calibrations[0];
    one(this.box, "h2").textContent = `Identity calibration of ${data.character}`;
    put(this.body, this.chooser(data.calibrations, calibration), thresholdBody(data, calibration));
    relabel(this.draw, calibration ? "Calibrate again" : "Calibrate");
    this.draw.classList.toggle("primary", !calibration || calibration.provisional || calibration.stale);
    this.strangers.hidden = this.others.hidden = !data.strangers;
    this.rescore.hidden = !data.waiting;
    relabel(this.rescore, `Judge ${count(data.waiting, "picture")} by it`);
    this.report.hidden = !calibration;
    if (calibration) this.report.href = address(calibration.report);
  }

  paintWork() {
    const busy = this.progress.paint();
    this.draw.disabled = busy || !this.data || Boolean(this.data.blocker);
  }

  /**
   * @param {CalibrationTold[]} calibrations
   * @param {CalibrationTold} shown
   */
  chooser(calibrations, shown) {
    if (calibrations.length < 2) return null;
    const choice = (/** @type {CalibrationTold} */ calibration, /** @type {number} */ n) => {
      const words = n ? `${calibration.recogniser} (second opinion)` : `${calibration.recogniser} (the gate)`;
      const choose = () => {
        this.which = calibration.recogniser;
        if (this.data) this.paint(this.data);
      };
      return button(words, choose, { class: "seg", "aria-pressed": String(calibration === shown) });
    };
    return h("div", { class: "segs th-which", role: "group", "aria-label": "Whose eyes" }, calibrations.map(choice));
  }
}

export function openThreshold() {
  if (document.getElementById("threshold-dialog")) return;
  attempt(() => new ThresholdDialog().open());
}
