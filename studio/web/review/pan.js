// @ts-check
/** Two pictures at 100 %, moved together: by wheel, by dragging, by key. */

/** A key moves by this share of what is seen. */
const STEP = 0.25;
/** @type {Record<string, [number, number]>} */
const WAYS = { ArrowRight: [1, 0], ArrowLeft: [-1, 0], ArrowDown: [0, 1], ArrowUp: [0, -1] };

/**
 * How far one is scrolled, as shares of the way there is.
 * @param {HTMLElement} node
 */
function shares({ scrollLeft, scrollTop, scrollWidth, scrollHeight, clientWidth, clientHeight }) {
  return [scrollLeft / Math.max(1, scrollWidth - clientWidth), scrollTop / Math.max(1, scrollHeight - clientHeight)];
}

/**
 * @param {HTMLElement} node
 * @param {number[]} to
 */
function scrollToShares(node, [across, down]) {
  node.scrollLeft = across * (node.scrollWidth - node.clientWidth);
  node.scrollTop = down * (node.scrollHeight - node.clientHeight);
}

export class Pan {
  /**
   * @param {HTMLElement} one
   * @param {HTMLElement} other
   */
  constructor(one, other) {
    this.one = one;
    /** @type {HTMLElement | null} who is moved now, so that its own news are no new move */
    this.moved = null;
    this.follow(one, other);
    this.follow(other, one);
    this.drag(one);
    this.drag(other);
  }

  /**
   * @param {HTMLElement} leader
   * @param {HTMLElement} follower
   */
  follow(leader, follower) {
    leader.addEventListener("scroll", () => {
      if (this.moved === leader) {
        this.moved = null;
        return;
      }
      const [before, wanted] = [shares(follower), shares(leader)];
      if (before.every((share, n) => Math.abs(share - wanted[n]) < 0.001)) return;
      this.moved = follower;
      scrollToShares(follower, wanted);
      requestAnimationFrame(() => requestAnimationFrame(() => (this.moved = null)));
    });
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
    scrollToShares(this.one, [0.5, 0.5]);
  }

  /** @param {string} key of an arrow */
  by(key) {
    const [across, down] = WAYS[key];
    const { clientWidth, clientHeight } = this.one;
    this.one.scrollBy(across * STEP * clientWidth, down * STEP * clientHeight);
  }
}
