// @ts-check
/** How much two pictures differ. */

/** Sides above this are scaled down before they are compared, pixels. */
const MOST = 1024;
/** A pixel has changed when a channel differs by more than this, of 255. */
const NOTICEABLE = 16;

/** @param {HTMLImageElement} image */
export function loaded(image) {
  return image.complete && image.naturalWidth ? Promise.resolve() : image.decode();
}

/**
 * Compares RGBA pixels of one size. `one` becomes the picture of the difference: |one - two| times `gain`.
 * @param {Uint8ClampedArray} one
 * @param {Uint8ClampedArray} two
 * @param {number} gain
 * @returns {{ mean: number, changed: number }} mean absolute difference, and the share of pixels that have changed; 0 to 1
 */
export function compareRgba(one, two, gain) {
  let sum = 0;
  let changed = 0;
  for (let pixel = 0; pixel < one.length; pixel += 4) {
    let most = 0;
    for (let c = pixel; c < pixel + 3; c += 1) {
      const d = Math.abs(one[c] - two[c]);
      sum += d;
      most = Math.max(most, d);
      one[c] = d * gain;
    }
    if (most > NOTICEABLE) changed += 1;
  }
  const pixels = one.length / 4;
  return { mean: sum / (pixels * 3 * 255), changed: changed / pixels };
}

/**
 * How two loaded pictures differ; `canvas` shows it. B is brought to the size of A.
 * @param {HTMLImageElement} a
 * @param {HTMLImageElement} b
 * @param {HTMLCanvasElement} canvas
 * @param {number} gain
 */
export function pixelDifference(a, b, canvas, gain) {
  const scale = Math.min(1, MOST / Math.max(a.naturalWidth, a.naturalHeight));
  canvas.width = Math.round(a.naturalWidth * scale);
  canvas.height = Math.round(a.naturalHeight * scale);
  const pen = /** @type {CanvasRenderingContext2D} */ (canvas.getContext("2d", { willReadFrequently: true }));
  const [one, two] = [a, b].map((image) => {
    pen.drawImage(image, 0, 0, canvas.width, canvas.height);
    return pen.getImageData(0, 0, canvas.width, canvas.height);
  });
  const found = compareRgba(one.data, two.data, gain);
  pen.putImageData(one, 0, 0);
  return found;
}
