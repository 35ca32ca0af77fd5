// @ts-check
/**
 * Islands: parts of the page that Gradio frames and a module here fills.
 *
 * The frame (`studio/components/island.py`) pushes itself into the queue `window.flenIslands` when Gradio mounts it; the
 * module that registered its name fills it. There are two kinds, and one way for Python's values to reach them: an
 * `island` fetches what it shows and keeps its own elements; one that is `painted` is drawn anew from its value.
 */

import { put } from "./dom.js";
import { Held } from "./held.js";
import { OwnValue } from "./own_value.js";

/** @import { Child, GradioFrame } from "../shapes.js" */
/** @import { Change } from "./own_value.js" */

/** @type {Map<string, (frame: Frame) => void>} */
const known = new Map();

/** What an island has of Gradio: its element, the options it was made with, its value, its events. */
export class Frame {
  /**
   * @param {HTMLElement} root
   * @param {GradioFrame} gradio
   */
  constructor(root, { props, trigger, watch, events }) {
    this.root = root;
    /** @type {any} plain settings, given in Python */
    this.options = props.options ?? {};
    /** @private */
    this.gradio = { props, trigger, watch, events: ["select", "change", ...events] };
  }

  /** What Python and the page know of each other, as JSON. */
  get value() {
    return this.gradio.props.value;
  }

  set value(value) {
    this.gradio.props.value = value;
  }

  /**
   * Change the value and tell Python that it has changed.
   * @param {unknown} value
   */
  tell(value) {
    this.value = value;
    this.trigger("change");
  }

  /**
   * Fire an event of the component, with data for `gr.EventData`.
   * @param {string} event
   * @param {object} [data]
   */
  trigger(event, data) {
    if (!this.gradio.events.includes(event)) throw new Error(`The component declares no event "${event}".`);
    this.gradio.trigger(event, data);
  }

  /**
   * Hear of each value that Python sends.
   * @param {(value: any) => void} listen
   */
  onValue(listen) {
    this.gradio.watch("value", () => listen(this.value));
  }
}

/**
 * What a painted island has besides: a value of which the user may change fields.
 * @typedef {object} Painter
 * @property {HTMLElement} root
 * @property {any} options plain settings, given in Python
 * @property {() => any} value
 * @property {() => void} draw draws what the value says now
 * @property {(change: Change) => void} set changes fields of the value, here and in Python; does not draw
 * @property {(event: string, data?: object) => void} trigger fires an event of the component
 * @property {(hear: () => void) => void} onOvertaken hears that an older answer of Python was put right
 */

/**
 * Register how the island called `name` is filled.
 * @param {string} name
 * @param {(frame: Frame) => void} fill
 */
export function island(name, fill) {
  known.set(name, fill);
}

/**
 * Register an island that is drawn from its value: now, and whenever Python sends another.
 * @param {string} name
 * @param {(painter: Painter) => (value: any) => Child} make
 */
export function painted(name, make) {
  island(name, (frame) => {
    const own = new OwnValue(
      () => frame.value ?? {},
      (value) => (frame.value = value),
    );
    const held = new Held(frame.root, window);
    let overtaken = () => {};
    /** @type {Painter} */
    const painter = {
      root: frame.root,
      options: frame.options,
      value: own.read,
      draw: () => put(frame.root, paint(own.read())),
      set: (change) => own.set(change),
      trigger: (event, data) => frame.trigger(event, data),
      onOvertaken: (hear) => (overtaken = hear),
    };
    const paint = make(painter);
    frame.root.classList.add(`p-${name}`);
    frame.onValue(() => {
      if (own.settle()) overtaken();
      held.draw(painter.draw);
    });
    painter.draw();
  });
}

/** @param {GradioFrame} frame */
function mount(frame) {
  try {
    fillFrame(frame);
  } catch (error) {
    reportError(error); // one island that fails leaves the others as they are
  }
}

/** @param {GradioFrame} frame */
function fillFrame(frame) {
  const root = frame.element.querySelector(".flen-island, .painted");
  const name = frame.island;
  const fill = known.get(name);
  if (!(root instanceof HTMLElement) || root.dataset.filled) return;
  if (!fill) throw new Error(`No module fills the island "${name}".`);
  root.dataset.filled = "1";
  fill(new Frame(root, frame));
}

/** Fill the frames that have come, and each one that comes from now on. */
export function start() {
  const early = window.flenIslands ?? [];
  window.flenIslands = { push: mount };
  for (const frame of /** @type {GradioFrame[]} */ (early)) mount(frame);
}
