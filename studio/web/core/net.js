// @ts-check
/** Requests to the studio's own routes; what it refuses arrives as an Error in words. */

/** Where the studio stands, without a slash at its end: a proxy may serve it under a path. All is one script in `ui/`. */
const ROOT = new URL("..", import.meta.url).pathname.replace(/\/$/, "");

/**
 * The address of a route of the studio's own.
 * @param {string} path as the server names it, such as `/status`
 * @returns {string}
 */
export function address(path) {
  return ROOT + path;
}

/** What the studio refused, in words. */
export class Refused extends Error {
  /**
   * @param {string} words
   * @param {number} status of the answer, as HTTP has it
   */
  constructor(words, status) {
    super(words);
    this.status = status;
  }
}

/**
 * @param {Response} response
 * @returns {Promise<any>}
 */
async function answer(response) {
  const body = await response.json().catch(() => ({}));
  if (response.ok) return body;
  const words = typeof body.detail === "string" ? body.detail : `The studio said no (${response.status}).`;
  throw new Refused(words, response.status);
}

/**
 * @param {string} path
 * @returns {Promise<any>}
 */
export async function get(path) {
  return answer(await fetch(address(path), { headers: { Accept: "application/json" } }));
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
 * A way to ask that never tells what is old: as `tryGet`, but `undefined` when a newer question was asked meanwhile.
 * @returns {(path: string) => Promise<any>}
 */
export function newest() {
  let asked = 0;
  return async (path) => {
    const mine = ++asked;
    const found = await tryGet(path);
    return mine === asked ? found : undefined;
  };
}

/** Whom the page shows: what is done to "the character" is done to nobody else. */
let shownId = "";

/** @param {string} id of a character; "" for nobody */
export function showing(id) {
  shownId = id;
}

const whose = () => ({ "X-Character": encodeURIComponent(shownId) });

/**
 * @param {string} path
 * @param {unknown} [body] JSON, or a form with files
 * @returns {Promise<any>}
 */
export async function post(path, body) {
  if (body instanceof FormData) return answer(await fetch(address(path), { method: "POST", headers: whose(), body }));
  const headers = { "Content-Type": "application/json", ...whose() };
  return answer(await fetch(address(path), { method: "POST", headers, body: JSON.stringify(body ?? {}) }));
}

/**
 * Send a form with large files, and hear how much of it has gone.
 * @param {string} path
 * @param {FormData} form
 * @param {(share: number) => void} hear 0 to 1
 * @returns {Promise<any>}
 */
export function upload(path, form, hear) {
  const request = new XMLHttpRequest();
  request.upload.addEventListener("progress", ({ loaded, total }) => hear(total ? loaded / total : 0));
  request.upload.addEventListener("load", () => hear(1));
  return new Promise((done, fail) => {
    request.addEventListener("load", () =>
      done(answer(new Response(request.responseText, { status: request.status }))),
    );
    request.addEventListener("error", () => fail(new Error("The studio does not answer. Try it again.")));
    request.open("POST", address(path));
    for (const [name, value] of Object.entries(whose())) request.setRequestHeader(name, value);
    request.send(form);
  });
}

/**
 * The address of a picture: whole, or a thumbnail of at most `width` px (only sizes that the server makes).
 * @param {string} id
 * @param {256 | 512} [width]
 * @returns {string}
 */
export function pictureUrl(id, width) {
  return address(`/img/${encodeURIComponent(id)}${width ? `?w=${width}` : ""}`);
}
