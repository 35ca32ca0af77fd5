// @ts-check
/** What the page knows from the server for good: asked once, before any island is filled. */

import { tryGet } from "./net.js";

/** @import { Facts } from "../types.js" */

const AGAIN_MS = 1000;

/** @type {Facts} */
export const facts = {
  failures: {},
  failure_words: {},
  angles: [],
  expressions: [],
  theme: "system",
  workspace: "",
  workspace_id: "",
  page: "",
  piles: {},
  orders: {},
  outcomes: {},
};

/** Asks until the studio answers: without them nothing can be shown. */
export async function learn() {
  let found = await tryGet("/facts");
  while (!found) {
    await new Promise((done) => setTimeout(done, AGAIN_MS));
    found = await tryGet("/facts");
  }
  Object.assign(facts, found);
}
