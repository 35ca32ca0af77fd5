// @ts-check
/** A value that the user and Python both change. */

/**
 * What the user did here (ticks, a selection) is ours until Python has seen it: an answer that was on its way carries an
 * older count `rev` and must not take it back.
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
    /** @private @type {object} */
    this.mine = {};
    /** @private */
    this.rev = 0;
  }

  /**
   * Change fields of the value.
   * @param {object} patch
   */
  set(patch) {
    this.rev += 1;
    this.mine = { ...this.mine, ...patch };
    this.write({ ...this.read(), ...patch, rev: this.rev });
  }

  /**
   * Python sent a value: put the user's changes back if it had not seen them all.
   * @returns {boolean} whether it was such an answer
   */
  settle() {
    if ((this.read().rev ?? 0) >= this.rev) {
      this.mine = {};
      return false;
    }
    this.write({ ...this.read(), ...this.mine, rev: this.rev });
    return true;
  }
}
