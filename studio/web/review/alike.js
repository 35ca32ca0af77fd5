// @ts-check
/** Near duplicates as the studio groups them: shown as one, the best of them. No DOM. */

export class Groups {
  /** @param {Record<string, string[]>} alike by the best of each group: all of it, the best first */
  constructor(alike = {}) {
    /** @private @type {Map<string, string[]>} */
    this.of = new Map(Object.values(alike).flatMap((ids) => ids.map((id) => [id, ids])));
  }

  /**
   * All that are nearly the same as a picture, itself among them; none when it is alone.
   * @param {string} id
   */
  around(id) {
    return this.of.get(id) ?? [];
  }

  /**
   * One of each group: the best that is there, where the first of the group would stand.
   * @param {string[]} ids
   * @param {string[]} [shown] pictures that stand for their groups already
   */
  oneOfEach(ids, shown = []) {
    const there = new Set(ids);
    const done = new Set(shown.map((id) => this.of.get(id)).filter(Boolean));
    return ids.flatMap((id) => {
      const group = this.of.get(id);
      if (!group) return [id];
      if (done.has(group)) return [];
      done.add(group);
      return group.filter((one) => there.has(one)).slice(0, 1);
    });
  }
}
