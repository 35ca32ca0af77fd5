// @ts-check
/** Pictures on one stage, made larger and moved together: by wheel, by dragging, by keys. */

import { clamp } from "../charts/scale.js";
import { closer, KEYS, moved, WHOLE } from "./zoom_model.js";

/** @import { View } from "./zoom_model.js" */

export class Zoom {
  /** @param {HTMLElement} stage its pictures follow `--zoom`, `--pan-x` and `--pan-y` */
  constructor(stage) {
    this.stage = stage;
    /** @type {View} */
    this.view = WHOLE;
    stage.addEventListener("wheel", (event) => this.wheel(event), { passive: false });
    stage.addEventListener("dblclick", () => this.show(WHOLE));
  }

  /** @param {View} view */
  show(view) {
    this.view = view;
    this.stage.style.setProperty("--zoom", String(view.zoom));
    this.stage.style.setProperty("--pan-x", `${100 * view.x}%`);
    this.stage.style.setProperty("--pan-y", `${100 * view.y}%`);
    this.stage.dataset.zoomed = String(view.zoom > 1);
  }

  /**
   * Where an event lies, from -0.5 to 0.5 of the stage, or of its half where two stand side by side.
   * @param {MouseEvent} event
   * @returns {[number, number]}
   */
  at(event) {
    const { left, top, width, height } = this.stage.getBoundingClientRect();
    const x = clamp((event.clientX - left) / width, 0, 1);
    const halves = this.stage.dataset.mode === "beside";
    return [(halves ? (2 * x) % 1 : x) - 0.5, clamp((event.clientY - top) / height, 0, 1) - 0.5];
  }

  /** @param {WheelEvent} event */
  wheel(event) {
    event.preventDefault();
    this.show(closer(this.view, Math.exp(-event.deltaY / 300), ...this.at(event)));
  }

  /**
   * A key that makes larger, smaller or whole.
   * @param {string} key
   * @returns {boolean} whether it was one
   */
  key(key) {
    const by = KEYS[key];
    if (by === undefined) return false;
    this.show(by ? closer(this.view, by, 0, 0) : WHOLE);
    return true;
  }

  /**
   * Dragging moves what is larger than the stage; with Shift where dragging does something else.
   * @param {PointerEvent} event
   * @param {boolean} taken dragging alone does something else
   * @returns {boolean} whether it is a drag of ours
   */
  grab(event, taken) {
    if (this.view.zoom <= 1 || (taken && !event.shiftKey)) return false;
    event.preventDefault();
    const { width, height } = this.stage.getBoundingClientRect();
    const wide = this.stage.dataset.mode === "beside" ? width / 2 : width;
    const from = { x: event.clientX, y: event.clientY, view: this.view };
    const drag = (/** @type {PointerEvent} */ e) =>
      this.show(moved(from.view, (e.clientX - from.x) / wide, (e.clientY - from.y) / height));
    this.stage.setPointerCapture(event.pointerId);
    this.stage.addEventListener("pointermove", drag);
    this.stage.addEventListener("pointerup", () => this.stage.removeEventListener("pointermove", drag), { once: true });
    return true;
  }
}
