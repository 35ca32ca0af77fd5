// @ts-check
/** Decisions on their way: made at once here, sent in batches, kept until the studio has them on disk. No DOM. */

/** @import { Decided, Said } from "../types.js" */
/** @import { Kept } from "./kept.js" */
/**
 * What the queue needs of the world.
 * @typedef {object} World
 * @property {(decisions: Said[]) => Promise<Decided>} send
 * @property {() => Kept[]} read all that is kept for this workspace, by whichever page
 * @property {(kept: Kept) => boolean} keep keeps one for a page to come; whether there was room for it
 * @property {(id: string) => void} drop it has arrived
 * @property {(run: () => void, ms: number) => () => void} after runs later; answers what stops it
 * @property {() => number} now ms, by a clock that all pages share and somebody may set
 * @property {() => number} clock ms, by this page's own, which nobody sets
 * @property {() => string} newId
 * @property {(answer: Decided) => void} answered
 * @property {(error: unknown, times: number) => void} failed
 * @property {(said: Said, error: unknown) => void} refused one that the studio will never take
 * @property {() => void} changed how many wait has changed, or whether the studio answers
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

/** Answers that mean "not this one", however often it is sent. */
const NEVER = [400, 413, 422];

/** @param {unknown} error */
const isNever = (error) => NEVER.includes(/** @type {any} */ (error)?.status);

export class DecisionQueue {
  /** @param {World} world */
  constructor(world) {
    /** @private */
    this.world = world;
    /** @private @type {Map<string, Kept>} */
    this.kept = new Map();
    /** @private @type {Set<string>} those of this page that no later page would find */
    this.homeless = new Set();
    /** @private */
    this.last = 0;
    this.failures = 0;
    /** @private the most that goes in one request; 1 to find the one that the studio refuses */
    this.most = BATCH;
    /** @private @type {Map<string, number>} when the studio confirmed the last decision about a picture */
    this.confirmed = new Map();
    /** @private @type {Promise<void> | null} */
    this.sending = null;
    /** @private @type {(() => void) | null} */
    this.stop = null;
    this.gather();
  }

  /** @returns {Said[]} what waits, of every page, in the order in which it was decided */
  get waiting() {
    const order = [...this.kept.values()].sort((a, b) => a.at - b.at);
    return order.map(({ said }) => said);
  }

  get count() {
    return this.kept.size;
  }

  /** How many would be lost if this page were closed now. */
  get unkept() {
    return this.homeless.size;
  }

  /** Send what an earlier page left. */
  start() {
    if (this.count) this.soon(BATCH_MS);
    this.world.changed();
  }

  /**
   * @param {string} image
   * @param {Said["action"]} action
   * @param {string | number | null} value
   * @param {{ where?: string, undoes?: string }} [more]
   * @returns {Said} the decision with its id: sent twice, it counts once
   */
  decide(image, action, value, more = {}) {
    const said = { id: this.world.newId(), image, action, value, ...more };
    this.last = Math.max(this.world.now(), this.last + 0.001);
    const kept = { said, at: this.last };
    this.kept.set(said.id, kept);
    if (!this.world.keep(kept)) this.homeless.add(said.id);
    this.world.changed();
    if (!this.stop) this.soon(BATCH_MS);
    return said;
  }

  /** What other pages have decided meanwhile waits here, too: it goes in one order. */
  gather() {
    for (const kept of this.world.read()) {
      this.kept.set(kept.said.id, kept);
      this.heard(kept.at);
    }
  }

  /**
   * Another page decided something: what follows here is later, whatever the clock says by then.
   * @param {number} at
   */
  heard(at) {
    this.last = Math.max(this.last, at);
  }

  /**
   * Another page has brought it to the studio.
   * @param {string} id
   */
  arrived(id) {
    this.homeless.delete(id);
    if (this.kept.delete(id)) this.world.changed();
  }

  /**
   * Pictures whose decisions the studio has not confirmed, or confirmed after `moment`: an answer that was asked for
   * then does not know of them.
   * @param {number} moment ms by the page's own clock
   * @returns {Set<string>}
   */
  fresher(moment) {
    const late = [...this.confirmed].filter(([, at]) => at > moment).map(([image]) => image);
    return new Set([...late, ...this.waitingImages()]);
  }

  /** @returns {Set<string>} */
  waitingImages() {
    return new Set([...this.kept.values()].map(({ said }) => said.image));
  }

  /** Everything that waits is sent; gives up when the studio does not answer (it is sent again later). */
  async flush() {
    while (this.count && !this.failures) await this.send();
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
    this.gather();
    if (!this.count) return undefined;
    this.sending = this.sendBatch(this.waiting.slice(0, this.most));
    await this.sending;
    this.sending = null;
    this.world.changed();
    if (this.count) this.soon(this.failures ? retryMs(this.failures) : BATCH_MS);
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
      for (const { id, image } of batch) {
        this.confirmed.set(image, this.world.clock());
        if (known.has(id)) this.settle(id);
      }
      this.failures = 0;
      this.most = Math.min(BATCH, this.most * 2);
      this.world.answered(answer);
    } catch (error) {
      this.refused(batch, error);
    }
  }

  /**
   * @private
   * @param {Said[]} batch
   * @param {unknown} error
   */
  refused(batch, error) {
    if (!isNever(error)) {
      this.failures += 1;
      this.world.failed(error, this.failures);
    } else if (batch.length > 1) {
      this.most = 1; // one of them it is: the others shall not wait for it
    } else {
      this.settle(batch[0].id);
      this.world.refused(batch[0], error);
    }
  }

  /**
   * @private
   * @param {string} id
   */
  settle(id) {
    this.kept.delete(id);
    this.homeless.delete(id);
    this.world.drop(id);
  }
}
