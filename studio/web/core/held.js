// @ts-check
/** What is under a pressed pointer stays: drawn anew between press and release, it would never hear of the click. */

export class Held {
  /**
   * @param {EventTarget} root what is drawn anew
   * @param {EventTarget} page where the pointer may be let go
   */
  constructor(root, page) {
    /** @private */
    this.down = false;
    /** @private @type {(() => void) | null} what waits until the pointer is let go: the last that was asked for */
    this.waiting = null;
    /** @private a drag cancels the pointer and goes on without it */
    this.drags = false;
    root.addEventListener("pointerdown", () => (this.down = true));
    root.addEventListener("dragstart", () => (this.drags = true));
    for (const name of ["pointerup", "pointercancel"])
      page.addEventListener(name, () => this.down && !this.drags && setTimeout(() => this.letGo()), true); // after click
    page.addEventListener("dragend", () => this.letGo(), true);
    const moved = (/** @type {any} */ { buttons }) => this.down && !buttons && this.letGo(); // let go outside the page
    page.addEventListener("pointermove", moved, true);
  }

  /** @param {() => void} draw now, or when the pointer is let go */
  draw(draw) {
    if (this.down) this.waiting = draw;
    else draw();
  }

  /** @private */
  letGo() {
    const draw = this.waiting;
    this.down = this.drags = false;
    this.waiting = null;
    draw?.();
  }
}
