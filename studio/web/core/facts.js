// @ts-check
/** What the page knows from the server for good: asked once, before any island is filled. */

import { get } from "./net.js";

/** @import { Facts } from "../types.js" */

/** @type {Facts} */
export const facts = { failures: {}, angles: [], expressions: [], theme: "system", piles: {}, outcomes: {} };

export async function learn() {
  Object.assign(facts, await get("/facts"));
}
