// @ts-check
/** Two pictures at 100 %, moved together: by wheel, by dragging, by key. */

/** A key moves by this share of what is seen. */
const STEP = 0.25;
/** @type {Record<string, [number, number]>} */
const WAYS = { ArrowRight: [1, 0], ArrowLeft: [-1, 0], ArrowDown: [0, 1], ArrowUp: [0, -1] };
/** Nearer than this is the same place: what is scrolled comes to lie on whole pixels. */
const NEAR_PX = 1;

/** @typedef {{ node: HTMLElement, picture: HTMLImageElement }} Pane */

/**
 * How far there is to go, in pixels.
 * @param {HTMLElement} node
 * @returns {[number, number]}
 */
const rangeOf = (node) => [node.scrollWidth - node.clientWidth, node.scrollHeight - node.clientHeight];

/**
 * How far one is scrolled, as shares of the way there is; where there is none, as before.
 * @param {HTMLElement} node
 * @param {number[]} before
 */
function shares(node, before) {
  const at = [node.scrollLeft, node.scrollTop];
  return rangeOf(node).map((range, n) => (range > 0 ? at[n] / range : before[n]));
}

/**
 * @param {HTMLElement} node
 * @param {number[]} to shares
 * @param {number[]} [by] pixels beside
 */
function scrollTo(node, to, by = [0, 0]) {
  const [across, down] = rangeOf(node).map((range, n) => to[n] * range + by[n]);
  node.scrollTo(across, down);
}

export class Pan {
  /**
   * Where the user is stands here, not in what is scrolled: a picture that comes late has nothing to scroll yet.
   * @param {Pane} one the one that the keys move
   * @param {Pane} other
   */
  constructor(one, other) {
    this.panes = [one, other];
    this.at = [0.5, 0.5];
    /** what was keyed before there was a picture, in pixels */
    this.keyed = [0, 0];
    for (const pane of this.panes) {
      pane.node.addEventListener("scroll", () => this.scrolled(pane.node));
      pane.picture.addEventListener("load", () => this.place());
      this.drag(pane.node);
    }
  }

  /** Both stand where the user is. */
  place() {
    const [{ node, picture }, other] = this.panes;
    scrollTo(node, this.at, this.keyed);
    if (picture.complete) {
      this.at = shares(node, this.at);
      this.keyed = [0, 0];
    }
    scrollTo(other.node, this.at);
  }

  /**
   * One was moved by the user, or by `place`: then both are there already.
   * @param {HTMLElement} leader
   */
  scrolled(leader) {
    const [now, range] = [shares(leader, this.at), rangeOf(leader)];
    if (now.every((share, n) => Math.abs(share - this.at[n]) * range[n] < NEAR_PX)) return;
    this.at = now;
    for (const { node } of this.panes) if (node !== leader) scrollTo(node, now);
  }

  /** @param {HTMLElement} node */
  drag(node) {
    node.addEventListener("pointerdown", (event) => {
      if (!node.classList.contains("zoom") || event.button) return;
      node.setPointerCapture(event.pointerId);
    });
    node.addEventListener("pointermove", (event) => {
      if (node.hasPointerCapture(event.pointerId)) node.scrollBy(-event.movementX, -event.movementY);
    });
  }

  /** Their middles, to begin with. */
  centre() {
    this.at = [0.5, 0.5];
    this.keyed = [0, 0];
    this.place();
  }

  /** @param {string} key of an arrow */
  by(key) {
    const { clientWidth, clientHeight } = this.panes[0].node;
    const [across, down] = WAYS[key];
    this.keyed[0] += across * STEP * clientWidth;
    this.keyed[1] += down * STEP * clientHeight;
    this.place();
  }
}
