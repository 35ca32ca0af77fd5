// @ts-check
/** What goes on: one poll of GET /status for the whole page, told as the event `flen:status`. */

import { facts } from "./facts.js";
import { Refused, get, showing } from "./net.js";

/** @import { StatusEvent } from "../shapes.js" */
/** @import { StudioStatus } from "../types.js" */

const BUSY_MS = 1000;
const CALM_MS = 3000;
const HIDDEN_MS = 5000;
/** The status of an answer that asks for the password. */
const LOCKED = 401;

/** @type {{ state: StudioStatus | null }} what the studio said last */
export const status = { state: null };
let timer = 0;
let asking = false;
let silent = 0;

/**
 * @template T
 * @param {string} name
 * @param {T} detail
 */
export function announce(name, detail) {
  document.dispatchEvent(new CustomEvent(name, { detail }));
}

/**
 * @param {string} name
 * @param {(detail: any) => void} listen
 * @returns {() => void} stops listening
 */
export function hear(name, listen) {
  const heard = (/** @type {Event} */ event) => listen(/** @type {CustomEvent} */ (event).detail);
  document.addEventListener(name, heard);
  return () => document.removeEventListener(name, heard);
}

async function ask() {
  const before = status.state;
  try {
    const state = (status.state = /** @type {StudioStatus} */ (await get("/status")));
    silent = 0;
    showing(state.character?.id ?? "");
    const { workspace_id: shown, page } = facts;
    if (state.workspace_id !== shown || state.page !== page) return void location.reload(); // this is another's page
    announce("flen:status", { ...state, moved: before?.revision !== state.revision });
  } catch (error) {
    silent += 1;
    announce("flen:silent", { times: silent, locked: error instanceof Refused && error.status === LOCKED });
  }
}

/** Ask at once: something was just done. */
export async function poll() {
  if (asking) return;
  asking = true;
  clearTimeout(timer);
  await ask();
  asking = false;
  const busy = status.state?.job && !silent;
  timer = setTimeout(poll, document.hidden ? HIDDEN_MS : busy ? BUSY_MS : CALM_MS);
}

/**
 * @param {(state: StatusEvent) => void} listen
 * @returns {() => void} stops listening
 */
export function onStatus(listen) {
  return hear("flen:status", listen);
}

/**
 * Call `listen(state)` now, if known, and whenever the records change.
 * @param {(state: StudioStatus) => void} listen
 */
export function onMoved(listen) {
  onStatus((state) => state.moved && listen(state));
  if (status.state) listen(status.state);
}

/**
 * Run `load` when records move, but only while `root` is on screen; catch up when it comes on screen.
 * @param {HTMLElement} root
 * @param {(behind: boolean) => void} load hears whether it catches up: what `root` shows may be long out of date
 */
export function whenSeen(root, load) {
  let due = true;
  const go = (behind = false) => {
    if (!due || root.offsetParent === null || !status.state) return;
    due = false;
    load(behind);
  };
  onMoved(() => {
    due = true;
    go();
  });
  new IntersectionObserver((seen) => seen.some((s) => s.isIntersecting) && go(true)).observe(root);
}

/** From now on the page follows what goes on. */
export function follow() {
  document.addEventListener("visibilitychange", () => !document.hidden && poll());
  poll();
}
