// @ts-check
/**
 * The tabs that Gradio's own components make up follow what changes (`Shell.follow`): the open one at once, the others
 * when they are opened. Only who is shown every tab is told, the open one first, then the others one after another:
 * what is typed into a tab that shows nobody yet would be overwritten. Until it shows who is worked on, its fields
 * cannot be clicked (`shell.css`): what was set for that character is on its way, and would take the click back.
 */

import { island } from "./island.js";
import { onMoved, status } from "./status.js";
import { onTab, openTabName } from "./tabs.js";

/** @import { Frame } from "./island.js" */

/** A tab is told of changes at most so often, and a breath after the first. */
const TELL_MS = 1000;
const BREATH_MS = 60;
/** So long the next waits for a tab that does not say that it has caught up. */
const PATIENCE_MS = 15_000;

/** The tabs that are not open wait here for their turn. */
let turn = Promise.resolve();

class Follower {
  /** @param {Frame} frame */
  constructor(frame) {
    this.frame = frame;
    /** @type {string} */
    this.tab = frame.options.tab;
    this.told = "";
    /** @type {string | null} whom the tab was told of */
    this.whose = null;
    this.last = -Infinity;
    this.waiting = 0;
    this.caughtUp = () => {};
    this.behind = true;
    this.mark(true);
    let known = frame.value;
    frame.onValue((now) => {
      if (now !== known) this.caughtUp(); // heard again whenever Gradio draws it
      known = now;
    });
  }

  /** @param {boolean} behind whether the tab does not show yet who is worked on */
  mark(behind) {
    this.behind = behind;
    document.getElementById(`tab-${this.tab}`)?.setAttribute("aria-busy", String(behind));
  }

  /** Tell of what changed, if the tab is open or shows somebody else. */
  look() {
    this.waiting = 0;
    const open = openTabName();
    if (!open || !status.state)
      this.soon(); // the tabs are not there yet
    else if (open === this.tab) turn = Promise.all([turn, this.tell()]).then(() => {});
    else if (this.whose !== who()) setTimeout(() => this.queue(), BREATH_MS); // the open one has begun
  }

  queue() {
    turn = turn.then(() => (this.whose === who() ? undefined : this.tell()));
  }

  /** @returns {Promise<void>} until the tab has caught up */
  tell() {
    const { revision } = status.state ?? {};
    if (!revision || revision === this.told) return Promise.resolve();
    this.told = revision;
    this.mark(this.behind || this.whose !== who());
    this.whose = who();
    this.last = performance.now();
    // an event of its own: Gradio fires `change` of an HTML component again whenever it draws it
    this.frame.trigger("select", { revision });
    return new Promise((resolve) => {
      this.caughtUp = () => {
        clearTimeout(late);
        this.mark(false);
        resolve();
      };
      const late = setTimeout(this.caughtUp, PATIENCE_MS);
    });
  }

  soon() {
    const rest = Math.max(BREATH_MS, TELL_MS - (performance.now() - this.last));
    if (!this.waiting) this.waiting = setTimeout(() => this.look(), rest);
  }
}

const who = () => status.state?.character?.id ?? "";

island("changed", (frame) => {
  const follower = new Follower(frame);
  onMoved(() => follower.soon());
  onTab((name) => {
    if (name !== follower.tab) return;
    follower.mark(follower.behind); // Gradio draws it now
    follower.soon();
  });
});
