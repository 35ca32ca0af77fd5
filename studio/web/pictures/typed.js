// @ts-check
/** Values that were typed into one field. No DOM. */

/**
 * Numbers between commas; prompts, which may hold commas, one a line.
 * @param {string} name of what they are values of
 * @param {string} text
 */
export function valuesOf(name, text) {
  const parts = text.split(name === "prompt" ? "\n" : /[,;\s]+/);
  return parts.map((part) => part.trim()).filter(Boolean);
}
