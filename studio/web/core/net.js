// @ts-check
/** Requests to the studio's own routes; what it refuses arrives as an Error in words. */

/**
 * @param {Response} response
 * @returns {Promise<any>}
 */
async function answer(response) {
  const body = await response.json().catch(() => ({}));
  if (response.ok) return body;
  throw new Error(typeof body.detail === "string" ? body.detail : `The studio said no (${response.status}).`);
}

/**
 * @param {string} path
 * @returns {Promise<any>}
 */
export async function get(path) {
  return answer(await fetch(path, { headers: { Accept: "application/json" } }));
}

/**
 * As `get`; `null` when the studio does not answer or refuses: the caller shows what it has.
 * @param {string} path
 * @returns {Promise<any>}
 */
export function tryGet(path) {
  return get(path).catch(() => null);
}

/**
 * @param {string} path
 * @param {unknown} [body] JSON, or a form with files
 * @returns {Promise<any>}
 */
export async function post(path, body) {
  if (body instanceof FormData) return answer(await fetch(path, { method: "POST", body }));
  const headers = { "Content-Type": "application/json" };
  return answer(await fetch(path, { method: "POST", headers, body: JSON.stringify(body ?? {}) }));
}

/**
 * The address of a picture: whole, or a thumbnail of at most `width` px (only sizes that the server makes).
 * @param {string} id
 * @param {256 | 512} [width]
 * @returns {string}
 */
export function pictureUrl(id, width) {
  return `/img/${encodeURIComponent(id)}${width ? `?w=${width}` : ""}`;
}
