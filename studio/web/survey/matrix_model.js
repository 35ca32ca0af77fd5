// @ts-check
/** Which pictures of a survey stand where: three dimensions, two of them as axes. No DOM. */

/** @import { Matrix, SurveyCell } from "../types.js" */
/** @import { Column, Spot } from "./compare.js" */
/**
 * @typedef {"image" | "prompt" | "stack"} Dimension
 * @typedef {{ key: string, words: string, image?: string, about?: string }} Value a row, a column or a filter
 */

/** @type {Record<Dimension, string>} */
export const DIMENSIONS = { image: "pictures", prompt: "prompts", stack: "stacks" };
const ORDER = /** @type {Dimension[]} */ (Object.keys(DIMENSIONS));

/**
 * The letters of a place: A to Z, then AA, AB.
 * @param {number} at from 0
 * @returns {string}
 */
export function letters(at) {
  const last = String.fromCharCode(65 + (at % 26));
  return at < 26 ? last : letters(Math.floor(at / 26) - 1) + last;
}

/**
 * A list in random order.
 * @template T
 * @param {readonly T[]} items
 * @returns {T[]}
 */
export function shuffled(items) {
  const keyed = items.map((item) => ({ at: Math.random(), item }));
  return keyed.sort((a, b) => a.at - b.at).map(({ item }) => item);
}

export class MatrixModel {
  constructor() {
    /** @type {Matrix | null} */
    this.data = null;
    /** @type {Dimension} */
    this.rows = "image";
    /** @type {Dimension} */
    this.columns = "stack";
    /** the one value of the third dimension that is shown; "" for all */
    this.only = "";
    this.blind = false;
    /** @type {string[]} the stacks in the order in which they are shown while they have no names */
    this.order = [];
  }

  /** The survey; there must be one. */
  get survey() {
    if (!this.data) throw new Error("There is no survey.");
    return this.data;
  }

  /** @param {Matrix | null} data */
  take(data) {
    this.data = data;
    if (!data || !this.blind) return;
    const kept = this.order.filter((s) => data.stacks.includes(s));
    this.order = [...kept, ...data.stacks.filter((s) => !kept.includes(s))];
  }

  /** The dimension that is no axis. */
  get third() {
    return /** @type {Dimension} */ (ORDER.find((d) => d !== this.rows && d !== this.columns));
  }

  swap() {
    [this.rows, this.columns] = [this.columns, this.rows];
  }

  /** Puts the third dimension in the rows. */
  turn() {
    this.rows = this.third;
    this.only = "";
  }

  hideNames() {
    this.blind = !this.blind;
    this.order = shuffled(this.survey.stacks);
  }

  /**
   * @param {Dimension} dimension
   * @returns {Value[]}
   */
  values(dimension) {
    const { images, prompts, stacks } = this.survey;
    if (dimension === "image") return images.map((id, n) => ({ key: id, image: id, words: `Picture ${n + 1}` }));
    if (dimension === "prompt") return prompts.map((p) => ({ key: p.key, words: p.key, about: p.text }));
    if (!this.blind) return stacks.map((label) => ({ key: label, words: label }));
    return this.order.map((label, n) => ({ key: label, words: `Stack ${letters(n)}` }));
  }

  /**
   * @param {Dimension} dimension
   * @param {string} key
   */
  words(dimension, key) {
    return this.values(dimension).find((v) => v.key === key)?.words ?? key;
  }

  /** The pictures that are shown. */
  get shown() {
    return this.survey.cells.filter((t) => !this.only || t.at[this.third] === this.only);
  }

  /** The first picture that is shown. */
  get first() {
    return this.cells().flat(2)[0];
  }

  /** Whether a cell may hold more than one picture. */
  get several() {
    return this.survey.seeds > 1 || (!this.only && this.values(this.third).length > 1);
  }

  /**
   * The pictures of each cell, by row and column.
   * @returns {SurveyCell[][][]}
   */
  cells() {
    const keyOf = (/** @type {string | null} */ row, /** @type {string | null} */ column) =>
      JSON.stringify([row, column]);
    /** @type {Map<string, SurveyCell[]>} */
    const at = new Map();
    for (const tile of this.shown) {
      const key = keyOf(tile.at[this.rows], tile.at[this.columns]);
      const there = at.get(key);
      if (there) there.push(tile);
      else at.set(key, [tile]);
    }
    const columns = this.values(this.columns);
    return this.values(this.rows).map((row) => columns.map((column) => at.get(keyOf(row.key, column.key)) ?? []));
  }

  /**
   * What `openComparison` needs: a place is a picture with a prompt; the stacks stand against each other in it, and the
   * source itself.
   * @param {SurveyCell | null} tile where to begin
   * @returns {{ spots: Spot[], columns: Column[], start: { at: number, a: string, b: string } }}
   */
  comparison(tile) {
    const stacks = this.values("stack");
    const tries = Array.from({ length: this.survey.seeds }, (_, seed) => seed);
    const spots = this.places().flatMap(({ image, prompt }) =>
      tries.map((seed) => ({
        words: `${this.words("image", image)}, ${prompt}${seed ? ` #${seed + 1}` : ""}`,
        key: JSON.stringify([image, prompt, seed]),
        pictures: this.picturesAt(image, prompt, seed),
      })),
    );
    const b = tile?.at.stack ?? (stacks[1] ?? stacks[0]).key;
    const a = stacks.find((s) => s.key !== b)?.key ?? "source";
    const here = tile && JSON.stringify([tile.at.image, tile.at.prompt, tile.at.seed]);
    const at = Math.max(
      0,
      spots.findIndex((s) => s.key === here),
    );
    return { spots, columns: [{ key: "source", words: "source" }, ...stacks], start: { at, a, b } };
  }

  /** @returns {{ image: string, prompt: string }[]} */
  places() {
    const { images, prompts } = this.survey;
    const all = images.flatMap((image) => prompts.map((p) => ({ image, prompt: p.key })));
    if (!this.only || this.third === "stack") return all;
    return all.filter(({ image, prompt }) => image === this.only || prompt === this.only);
  }

  /**
   * @param {string} image
   * @param {string} prompt
   * @param {number} seed
   * @returns {Spot["pictures"]}
   */
  picturesAt(image, prompt, seed) {
    const made = this.survey.cells.filter(({ at }) => at.image === image && at.prompt === prompt && at.seed === seed);
    return {
      source: { id: image, verdict: null, score: null },
      ...Object.fromEntries(made.map((t) => [t.at.stack, this.blind ? { id: t.id, verdict: null, score: null } : t])),
    };
  }
}
