// @ts-check
/** Decisions on their way: made at once here, sent in batches, kept until the studio has them on disk. No DOM. */

/** @import { Decided, Said } from "../types.js" */
/**
 * What the queue needs of the world.
 * @typedef {object} World
 * @property {(decisions: Said[]) => Promise<Decided>} send
 * @property {() => Said[]} read the decisions that an earlier page could not send
 * @property {(decisions: Said[]) => void} write keeps those that wait, for a page to come
 * @property {(run: () => void, ms: number) => () => void} after runs later; answers what stops it
 * @property {() => number} now ms
 * @property {() => string} newId
 * @property {(answer: Decided) => void} answered
 * @property {(error: unknown, times: number) => void} failed
 */

/** Keys that follow fast go in one request. */
export const BATCH_MS = 150;
const BATCH = 500;
const FIRST_RETRY_MS = 1000;
const LAST_RETRY_MS = 10_000;

/**
 * How long to wait after so many failures in a row.
 * @param {number} failures
 */
export function retryMs(failures) {
  return Math.min(LAST_RETRY_MS, FIRST_RETRY_MS * 2 ** (failures - 1));
}

export class DecisionQueue {
  /** @param {World} world */
  constructor(world) {
    /** @private */
    this.world = world;
    /** @type {Said[]} */
    this.waiting = world.read();
    this.failures = 0;
    /** @private @type {Map<string, number>} when the studio confirmed the last decision about a picture */
    this.confirmed = new Map();
    /** @private @type {Promise<void> | null} */
    this.sending = null;
    /** @private @type {(() => void) | null} */
    this.stop = null;
  }

  /** Send what an earlier page left. */
  start() {
    if (this.waiting.length) this.soon(BATCH_MS);
  }

  /**
   * @param {string} image
   * @param {Said["action"]} action
   * @param {string | number | null} value
   * @param {{ where?: string, undoes?: string }} [more]
   * @returns {Said} the decision with its id: sent twice, it counts once
   */
  decide(image, action, value, more = {}) {
    const decision = { id: this.world.newId(), image, action, value, ...more };
    this.waiting.push(decision);
    this.world.write(this.waiting);
    if (!this.stop) this.soon(BATCH_MS);
    return decision;
  }

  /**
   * Pictures whose decisions the studio has not confirmed, or confirmed after `moment`: an answer that was asked for
   * then does not know of them.
   * @param {number} moment ms
   * @returns {Set<string>}
   */
  fresher(moment) {
    const late = [...this.confirmed].filter(([, at]) => at > moment).map(([image]) => image);
    return new Set([...late, ...this.waitingImages()]);
  }

  /** @returns {Set<string>} */
  waitingImages() {
    return new Set(this.waiting.map((d) => d.image));
  }

  /** Everything that waits is sent; gives up when the studio does not answer (it is sent again later). */
  async flush() {
    while (this.waiting.length && !this.failures) await this.send();
  }

  /**
   * @private
   * @param {number} ms
   */
  soon(ms) {
    this.stop?.();
    this.stop = this.world.after(() => this.send(), ms);
  }

  /** @private */
  async send() {
    this.stop?.();
    this.stop = null;
    if (this.sending) return this.sending;
    if (!this.waiting.length) return undefined;
    this.sending = this.sendBatch(this.waiting.slice(0, BATCH));
    await this.sending;
    this.sending = null;
    this.world.write(this.waiting);
    if (this.waiting.length) this.soon(this.failures ? retryMs(this.failures) : BATCH_MS);
    return undefined;
  }

  /**
   * @private
   * @param {Said[]} batch
   */
  async sendBatch(batch) {
    try {
      const answer = await this.world.send(batch);
      const known = new Set(answer.known);
      for (const { image } of batch) this.confirmed.set(image, this.world.now());
      this.waiting = this.waiting.filter((d) => !known.has(d.id));
      this.failures = 0;
      this.world.answered(answer);
    } catch (error) {
      this.failures += 1;
      this.world.failed(error, this.failures);
    }
  }
}
