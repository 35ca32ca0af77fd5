// @ts-check
/** The matrix as one picture, as it stands on the screen: axes, filter, hidden names and all. */

import { h } from "../core/dom.js";
import { scoreWords } from "../core/format.js";
import { pictureUrl } from "../core/net.js";

/** @import { SurveyCell } from "../types.js" */
/** @import { Value } from "./matrix_model.js" */
/**
 * @typedef {{ title: string, corner: string, rows: Value[], columns: Value[], cells: SurveyCell[][][] }} Laid
 * @typedef {{ side: number, first: number, wide: number, tall: number, top: number, width: number, height: number }} Sizes in px
 * @typedef {{ width: number, colour?: string, weight?: number, size?: number }} Hand how words are written
 */

const MOST = 8192; // pixels a side: what every browser's canvas can do
const HEAD = 44;
const GAP = 8;
const LINE = 16;
const REVOKE_MS = 10_000;

/**
 * @param {string} id
 * @returns {Promise<HTMLImageElement | null>}
 */
function load(id) {
  return new Promise((done) => {
    const image = new Image();
    image.onload = () => done(image);
    image.onerror = () => done(null);
    image.src = pictureUrl(id, 256);
  });
}

/**
 * Words cut to a width.
 * @param {CanvasRenderingContext2D} pen
 * @param {string} words
 * @param {number} width
 */
function fit(pen, words, width) {
  if (pen.measureText(words).width <= width) return words;
  let n = words.length;
  while (n > 1 && pen.measureText(`${words.slice(0, n)}…`).width > width) n -= 1;
  return `${words.slice(0, n)}…`;
}

/** @param {SurveyCell} tile */
export function caption({ verdict, score, state }) {
  const stars = state.identity ? `${state.identity}/${state.edit ?? "-"}` : "";
  return [verdict, scoreWords(score), stars].filter(Boolean).join(" ");
}

/**
 * How large everything is, so that the whole fits on a canvas.
 * @param {Laid} laid
 * @returns {Sizes}
 */
export function sizes({ rows, columns, cells }) {
  const across = Math.max(1, ...cells.flat().map((tiles) => tiles.length));
  const room = Math.floor((MOST - 400) / (columns.length * across) - GAP);
  const height = Math.floor((MOST - 200) / Math.max(1, rows.length) - LINE - GAP);
  const side = Math.max(48, Math.min(192, room, height));
  const pictured = [...rows, ...columns].some((v) => v.image);
  const first = pictured ? 120 : 180;
  const wide = across * (side + GAP);
  const tall = side + LINE + GAP;
  const top = HEAD + LINE + (columns.some((c) => c.image) ? 100 : 0);
  return {
    side,
    first,
    wide,
    tall,
    top,
    width: first + columns.length * wide + GAP,
    height: top + rows.length * tall + GAP,
  };
}

class Sheet {
  /** @param {Sizes} size */
  constructor(size) {
    this.size = size;
    this.canvas = h("canvas", { width: size.width, height: size.height });
    this.pen = /** @type {CanvasRenderingContext2D} */ (this.canvas.getContext("2d"));
    this.style = getComputedStyle(document.body);
    /** @type {Promise<void>[]} pictures on their way */
    this.coming = [];
    this.pen.fillStyle = this.colour("--f-panel");
    this.pen.fillRect(0, 0, size.width, size.height);
    this.pen.textBaseline = "top";
  }

  /** @param {string} name */
  colour(name) {
    return this.style.getPropertyValue(name).trim();
  }

  /**
   * @param {string} words
   * @param {number} x
   * @param {number} y
   * @param {Hand} hand
   */
  write(words, x, y, { width, colour = "--f-text", weight = 400, size = 12 }) {
    this.pen.font = `${weight} ${size}px system-ui, "Segoe UI", sans-serif`;
    this.pen.fillStyle = this.colour(colour);
    this.pen.fillText(fit(this.pen, words, width), x, y);
  }

  /**
   * @param {string} id
   * @param {number} x
   * @param {number} y
   * @param {number} size
   */
  picture(id, x, y, size) {
    const paste = (/** @type {HTMLImageElement | null} */ image) => {
      if (!image) return;
      const scale = Math.min(size / image.width, size / image.height);
      const [w, tall] = [image.width * scale, image.height * scale];
      this.pen.drawImage(image, x + (size - w) / 2, y + (size - tall) / 2, w, tall);
    };
    this.coming.push(load(id).then(paste));
  }

  /** @param {Value[]} columns */
  heads(columns) {
    const { first, wide, top } = this.size;
    columns.forEach((column, n) => {
      const x = first + n * wide;
      this.write(column.words, x, top - LINE, { width: wide - GAP, weight: 600 });
      if (column.image) this.picture(column.image, x, HEAD - 4, 96);
    });
  }

  /**
   * @param {Value} row
   * @param {SurveyCell[][]} cells
   * @param {number} n
   */
  row(row, cells, n) {
    const { side, first, wide, tall, top } = this.size;
    const y = top + n * tall + 4;
    this.write(row.words, GAP, y, { width: first - 2 * GAP, weight: 600 });
    if (row.image) this.picture(row.image, GAP, y + LINE + 2, Math.min(96, side - LINE));
    cells.forEach((tiles, m) => tiles.forEach((tile, k) => this.tile(tile, first + m * wide + k * (side + GAP), y)));
  }

  /**
   * @param {SurveyCell} tile
   * @param {number} x
   * @param {number} y
   */
  tile(tile, x, y) {
    const { side } = this.size;
    this.picture(tile.id, x, y, side);
    this.write(caption(tile), x, y + side + 2, { width: side, colour: "--f-dim", size: 11 });
  }
}

/**
 * Draws the matrix on a canvas.
 * @param {Laid} laid
 * @returns {Promise<HTMLCanvasElement>}
 */
export async function drawMatrix(laid) {
  const sheet = new Sheet(sizes(laid));
  const { width, top, first } = sheet.size;
  sheet.write(laid.title, GAP, GAP, { width: width - 2 * GAP, weight: 600, size: 15 });
  sheet.write(laid.corner, GAP, top - LINE, { width: first - GAP, colour: "--f-dim" });
  sheet.heads(laid.columns);
  laid.rows.forEach((row, n) => sheet.row(row, laid.cells[n], n));
  await Promise.all(sheet.coming);
  return sheet.canvas;
}

/**
 * @param {Blob} blob
 * @param {string} name
 */
export function download(blob, name) {
  const link = h("a", { href: URL.createObjectURL(blob), download: name });
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), REVOKE_MS);
}
