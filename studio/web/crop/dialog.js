// @ts-check
/** A source is cropped and turned: by what was found in it, by hand, by keys or by numbers. */

import { h, put } from "../core/dom.js";
import { address, get, post } from "../core/net.js";
import { poll } from "../core/status.js";
import { attempt, button, dialog, toast } from "../core/ui.js";
import { fromFields, moved, stretched } from "./boxes.js";

/** @import { CropTold, TagsTold } from "../types.js" */
/** @import { Box } from "./boxes.js" */

/** Share of the picture's longer side by which an arrow key moves the part. */
const STEP = 0.01;
/** @type {Record<string, [number, number]>} */
const ARROWS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
/** Corners, each by the sides that follow it. */
const CORNERS = ["left top", "right top", "left bottom", "right bottom"];

class CropDialog {
  constructor() {
    /** @type {string[]} the sources */
    this.ids = [];
    this.at = 0;
    /** @type {CropTold | null} */
    this.told = null;
    /** @type {Box} */
    this.box = [0, 0, 0, 0];
    this.canvas = h("canvas", { role: "img" });
    const handles = CORNERS.map((sides) => {
      const node = h("span", { class: `crop-handle ${sides}` });
      node.addEventListener("pointerdown", (event) => this.drag(event, sides));
      return node;
    });
    const keys = "Arrow keys move the part, with Shift they change its size";
    this.part = h(
      "div",
      { id: "crop-box", class: "crop-box", tabindex: "0", role: "group", "aria-label": keys },
      handles,
    );
    this.part.addEventListener("pointerdown", (event) => this.drag(event, ""));
    this.part.addEventListener("keydown", (event) => this.press(event));
    this.frame = h("div", { class: "crop-frame" }, this.canvas, h("div", { class: "crop-shade" }, this.part));
    this.stage = h("div", { class: "tag-stage" }, this.frame);
    this.name = h("p", { class: "tag-name" });
    this.found = h("div", { class: "crop-buttons" });
    this.why = h("p", { class: "dim" });
    this.fields = ["left", "top", "width", "height"].map((name) =>
      h("input", { id: `crop-${name}`, type: "number", min: "0", step: "1", onchange: () => this.typed() }),
    );
    this.keep = button("Use this part", () => this.crop(), { id: "crop-keep", class: "primary" });
    this.back = button("The whole picture again", () => this.undo(), { id: "crop-undo", icon: "undo" });
    this.dialog = dialog("Crop the sources", this.body(), { id: "crop-dialog", wide: true });
    const fit = new ResizeObserver(() => this.fit());
    fit.observe(this.stage);
  }

  body() {
    const numbers = ["Left", "Top", "Width", "Height"].map((words, n) =>
      h("label", { class: "field" }, h("span", {}, `${words}, px`), this.fields[n]),
    );
    const turn = (/** @type {string} */ words, /** @type {number} */ by, /** @type {"undo" | "redo"} */ icon) =>
      button(words, () => this.turn(by), { icon, id: `crop-turn-${by}` });
    const side = h(
      "div",
      { class: "tag-side" },
      this.name,
      this.found,
      this.why,
      h("div", { class: "crop-numbers" }, numbers),
      h("div", { class: "crop-buttons" }, turn("Turn left", 270, "undo"), turn("Turn right", 90, "redo")),
      h("div", { class: "crop-buttons" }, this.keep, this.back),
    );
    const words = "The part stands for the picture from now on. The file as it came in stays beside it.";
    const step = (/** @type {string} */ label, /** @type {number} */ by) =>
      button(label, () => this.open(this.at + by), { id: by > 0 ? "crop-next" : "crop-before" });
    const foot = h(
      "div",
      { class: "tag-foot" },
      h("p", { class: "dim" }, words),
      h("span", { class: "grow" }),
      step("Previous", -1),
      step("Next", 1),
    );
    return h("div", { class: "tag-mode" }, this.stage, side, foot);
  }

  async start() {
    const { pictures } = /** @type {TagsTold} */ (await get("/tags"));
    this.ids = pictures.map(({ id }) => id);
    const chosen = document.querySelector("#enrich-sources .item.selected");
    const id = chosen instanceof HTMLElement ? (chosen.dataset.id ?? "") : "";
    if (!this.ids.length) {
      this.dialog.remove();
      toast("No sources yet: drop pictures in Enrich.");
      return;
    }
    this.dialog.showModal();
    await this.open(Math.max(0, this.ids.indexOf(id)));
  }

  /** @param {number} at */
  open(at) {
    this.at = (at + this.ids.length) % this.ids.length;
    return this.load();
  }

  /** @param {number} [turned] as it is now, unless it is given */
  load(turned) {
    const query = turned === undefined ? "" : `?turned=${turned}`;
    return attempt(async () => {
      const told = /** @type {CropTold} */ (await get(`/crop/${this.ids[this.at]}${query}`));
      const image = new Image();
      image.src = address(`/img/${told.whole}?w=1024`);
      await image.decode();
      this.told = told;
      this.box = /** @type {Box} */ ([...told.box]);
      this.draw(image, told);
      this.paint(told);
    });
  }

  /**
   * @param {HTMLImageElement} image
   * @param {CropTold} told
   */
  draw(image, { turned, name }) {
    const sideways = turned % 180 !== 0;
    const { naturalWidth: width, naturalHeight: height } = image;
    this.canvas.width = sideways ? height : width;
    this.canvas.height = sideways ? width : height;
    this.canvas.setAttribute("aria-label", name);
    const pen = /** @type {CanvasRenderingContext2D} */ (this.canvas.getContext("2d"));
    pen.translate(this.canvas.width / 2, this.canvas.height / 2);
    pen.rotate((turned * Math.PI) / 180);
    pen.drawImage(image, -width / 2, -height / 2);
  }

  /** @param {CropTold} told */
  paint({ name, suggestions, why, cropped, width, height }) {
    this.name.textContent = `${this.at + 1} of ${this.ids.length}: ${name} (${width} x ${height} px)`;
    const use = (/** @type {number[]} */ box) => this.set(/** @type {Box} */ ([...box]));
    const all = button("All of it", () => use([0, 0, width, height]), { "data-aim": "all" });
    const found = suggestions.map(({ aim, title, box }) => button(title, () => use(box), { "data-aim": aim }));
    put(this.found, found, all);
    this.why.textContent = why && `No head is suggested: ${why}`;
    this.back.hidden = !cropped;
    this.fit();
    this.set(this.box);
  }

  /** The frame is as large as the stage allows. */
  fit() {
    if (!this.told) return;
    const { width, height } = this.told;
    const scale = Math.min(this.stage.clientWidth / width, this.stage.clientHeight / height);
    this.frame.style.width = `${width * scale}px`;
    this.frame.style.height = `${height * scale}px`;
  }

  /** @param {Box} box */
  set(box) {
    if (!this.told) return;
    const { width, height } = this.told;
    this.box = box;
    const [left, top, right, bottom] = box;
    const share = (/** @type {number} */ n, /** @type {number} */ of) => `${(100 * n) / of}%`;
    Object.assign(this.part.style, {
      left: share(left, width),
      top: share(top, height),
      width: share(right - left, width),
      height: share(bottom - top, height),
    });
    [left, top, right - left, bottom - top].forEach((n, i) => (this.fields[i].value = String(n)));
  }

  typed() {
    if (this.told)
      this.set(
        fromFields(
          this.fields.map((field) => field.valueAsNumber),
          this.told,
        ),
      );
  }

  /** @param {KeyboardEvent} event */
  press(event) {
    const arrow = ARROWS[event.key];
    if (!arrow || !this.told) return;
    event.preventDefault();
    const step = Math.max(1, Math.round(STEP * Math.max(this.told.width, this.told.height)));
    const [dx, dy] = arrow.map((n) => n * step);
    const box = event.shiftKey
      ? stretched(this.box, "right bottom", dx, dy, this.told)
      : moved(this.box, dx, dy, this.told);
    this.set(box);
  }

  /**
   * @param {PointerEvent} event
   * @param {string} sides those that follow the pointer; all when there are none
   */
  drag(event, sides) {
    const { told, box: before } = this;
    if (!told) return;
    event.stopPropagation();
    const node = /** @type {HTMLElement} */ (event.currentTarget);
    node.setPointerCapture(event.pointerId);
    const scale = told.width / this.frame.clientWidth;
    const follow = (/** @type {PointerEvent} */ now) => {
      const dx = (now.clientX - event.clientX) * scale;
      const dy = (now.clientY - event.clientY) * scale;
      this.set(sides ? stretched(before, sides, dx, dy, told) : moved(before, dx, dy, told));
    };
    node.addEventListener("pointermove", follow);
    node.addEventListener("lostpointercapture", () => node.removeEventListener("pointermove", follow), { once: true });
  }

  /** @param {number} by */
  turn(by) {
    return this.told && this.load((this.told.turned + by) % 360);
  }

  crop() {
    return attempt(async () => {
      if (!this.told) return;
      await this.replaced(await post(`/crop/${this.told.id}`, { box: this.box, turned: this.told.turned }));
    });
  }

  undo() {
    return attempt(async () => this.told && this.replaced(await post(`/crop/${this.told.id}/undo`)));
  }

  /** @param {{ id: string }} source that stands in the place of the one that is shown */
  async replaced({ id }) {
    this.ids[this.at] = id;
    await this.load();
    toast("The source is as you see it now.");
    poll();
  }
}

export function openCrops() {
  if (document.getElementById("crop-dialog")) return;
  attempt(() => new CropDialog().start());
}
