// @ts-check
/** A value that the user and Python both change. */

/** @typedef {(value: Record<string, any>) => object} Change the fields that the user changes, of the value as it is */

/**
 * What the user did here (ticks, a selection) is ours until Python has seen it: an answer that was on its way carries an
 * older count `rev` and must not take it back. It is done again on what that answer brought, for there may be pictures
 * in it that the user had not seen.
 */
export class OwnValue {
  /**
   * @param {() => Record<string, any>} read
   * @param {(value: object) => void} write
   */
  constructor(read, write) {
    this.read = read;
    /** @private */
    this.write = write;
    /** @private @type {{ rev: number, change: Change }[]} what Python has not seen yet */
    this.mine = [];
    /** @private */
    this.rev = 0;
  }

  /** @param {Change} change may be done more than once */
  set(change) {
    this.rev += 1;
    this.mine.push({ rev: this.rev, change });
    this.apply([change]);
  }

  /**
   * Python sent a value: do again what it had not seen of the user's changes.
   * @returns {boolean} whether there was any
   */
  settle() {
    const seen = this.read().rev ?? 0;
    this.mine = this.mine.filter(({ rev }) => rev > seen);
    if (this.mine.length) this.apply(this.mine.map(({ change }) => change));
    return this.mine.length > 0;
  }

  /**
   * @private
   * @param {Change[]} changes
   */
  apply(changes) {
    const value = changes.reduce((now, change) => ({ ...now, ...change(now) }), this.read());
    this.write({ ...value, rev: this.rev });
  }
}
