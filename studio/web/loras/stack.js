// @ts-check
/** A LoRA stack: rows to tick, weigh, order by dragging or by keys, and take out. */

import { h, one } from "../core/dom.js";
import { icon } from "../core/icons.js";
import { painted } from "../core/island.js";
import { beforeAfterStep, changed, placed, weightOf, without } from "./rows.js";

/** @import { Painter } from "../core/island.js" */
/** @import { Row } from "./rows.js" */
/** @typedef {{ items?: Row[] }} Value */

const STEP = 0.05;
const DRAGGED = "application/x-flenwheel-lora";

/** What the user does to the rows. */
class Stack {
  /** @param {Painter} painter */
  constructor(painter) {
    this.painter = painter;
    /** @type {{ prefix: string, slider: number, most: number }} as far as the slider goes, and what is typed */
    this.options = painter.options;
    /** the LoRA whose row is dragged now, or none */
    this.dragging = "";
  }

  /** @returns {Row[]} */
  get rows() {
    return this.painter.value().items ?? [];
  }

  /** @param {(rows: Row[]) => Row[]} change */
  change(change) {
    this.painter.set((/** @type {Value} */ { items = [] }) => ({ items: change(items) }));
    this.painter.trigger("edit", {});
  }

  /**
   * @param {string} id
   * @param {Partial<Row>} what
   */
  say(id, what) {
    this.change((rows) => changed(rows, id, what));
  }

  /** @param {string} id */
  remove(id) {
    this.change((rows) => without(rows, id));
    this.painter.draw();
  }

  /**
   * @param {string} id
   * @param {string | undefined} before
   */
  place(id, before) {
    this.change((rows) => placed(rows, id, before));
    this.painter.draw();
  }

  /**
   * @param {string} id
   * @param {-1 | 1} by
   */
  step(id, by) {
    this.place(id, beforeAfterStep(this.rows, id, by));
    const at = this.rows.findIndex((row) => row.id === id);
    one(this.painter.root, `#${this.options.prefix}-${at}-move`).focus();
  }
}

/**
 * @param {Stack} stack
 * @param {Row} row
 * @param {string} id of the element
 */
function handle(stack, row, id) {
  const onkeydown = (/** @type {KeyboardEvent} */ event) => {
    if (event.key !== "ArrowUp" && event.key !== "ArrowDown") return;
    event.preventDefault();
    stack.step(row.id, event.key === "ArrowUp" ? -1 : 1);
  };
  const words = `move ${row.name}`;
  const props = { type: "button", class: "move", id: `${id}-move`, title: "drag it, or use the arrow keys", onkeydown };
  return h("button", { ...props, "aria-label": words }, icon("grip"));
}

/**
 * The weight as a slider and as a number, which follow each other; it is told when it is let go.
 * @param {Stack} stack
 * @param {Row} row
 * @param {string} id of the element
 */
function weight(stack, row, id) {
  const { slider, most } = stack.options;
  const shown = (/** @type {HTMLInputElement} */ from) => {
    const now = weightOf(from.value, most, row.weight);
    track.value = number.value = String(now);
    return now;
  };
  const told = (/** @type {Event} */ event) => {
    const now = shown(/** @type {HTMLInputElement} */ (event.target));
    row.weight = now;
    stack.say(row.id, { weight: now });
  };
  const common = { value: row.weight, "aria-label": `weight of ${row.name}`, onchange: told };
  const ends = { min: -slider, max: slider, step: STEP };
  const track = h("input", { type: "range", ...ends, ...common, oninput: () => shown(track) });
  const number = h("input", { type: "number", min: -most, max: most, step: 0.01, ...common });
  return h("span", { class: "weight", id: `${id}-weight` }, track, number);
}

/**
 * @param {Stack} stack
 * @param {Row} row
 * @param {string} id of the element
 */
function facts(stack, row, id) {
  const insert = () => stack.painter.trigger("insert", { trigger: row.trigger });
  const title = "put it before your own prompts";
  const trigger = h(
    "button",
    { type: "button", class: "chip", id: `${id}-trigger`, title, onclick: insert },
    `+ ${row.trigger}`,
  );
  return h("p", { class: "about quiet" }, row.facts, row.trigger ? trigger : null);
}

/**
 * @param {Stack} stack
 * @param {Row} row
 * @param {number} at
 */
function drawn(stack, row, at) {
  const id = `${stack.options.prefix}-${at}`;
  const flip = () => stack.say(row.id, { use: tick.checked });
  const tick = h("input", { type: "checkbox", checked: row.use, onchange: flip });
  const remove = () => stack.remove(row.id);
  const node = h(
    "div",
    { class: "lora", id, "data-id": row.id },
    handle(stack, row, id),
    h("label", { class: "use", id: `${id}-use`, title: row.name }, tick, h("span", {}, row.name)),
    weight(stack, row, id),
    h(
      "button",
      { type: "button", class: "remove", id: `${id}-remove`, "aria-label": `remove ${row.name}`, onclick: remove },
      icon("cross"),
    ),
    facts(stack, row, id),
  );
  dragged(stack, row, node);
  return node;
}

/**
 * A row is dragged by its handle alone: a slider in it is dragged, too.
 * @param {Stack} stack
 * @param {Row} row
 * @param {HTMLElement} node
 */
function dragged(stack, row, node) {
  const grip = one(node, ".move");
  const lower = (/** @type {DragEvent} */ event) => {
    const { top, height } = node.getBoundingClientRect();
    return event.clientY > top + height / 2;
  };
  const mark = (/** @type {"" | "above" | "below"} */ where) => {
    node.classList.toggle("above", where === "above");
    node.classList.toggle("below", where === "below");
  };
  grip.draggable = true;
  grip.addEventListener("dragstart", (event) => {
    event.dataTransfer?.setData(DRAGGED, row.id);
    event.dataTransfer?.setDragImage(node, 10, 10);
    stack.dragging = row.id;
  });
  grip.addEventListener("dragend", () => (stack.dragging = ""));
  node.addEventListener("dragover", (event) => {
    if (!stack.dragging) return;
    event.preventDefault();
    mark(lower(event) ? "below" : "above");
  });
  node.addEventListener("dragleave", () => mark(""));
  node.addEventListener("drop", (event) => {
    if (!stack.dragging) return;
    event.preventDefault();
    event.stopPropagation();
    const ids = stack.rows.map((other) => other.id);
    const before = lower(event) ? ids[ids.indexOf(row.id) + 1] : row.id;
    stack.place(stack.dragging, before);
  });
}

painted("lora-stack", (painter) => {
  const stack = new Stack(painter);
  painter.onOvertaken(() => setTimeout(() => painter.trigger("edit", {}))); // Python took in the rows before
  return (/** @type {Value} */ { items = [] }) => items.map((row, at) => drawn(stack, row, at));
});
