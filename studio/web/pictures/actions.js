// @ts-check
/** What can be done with a picture that is open: made again, varied, its settings used, sent elsewhere, saved. */

import { h } from "../core/dom.js";
import { address, post } from "../core/net.js";
import { announce, poll } from "../core/status.js";
import { openTab } from "../core/tabs.js";
import { attempt, button, toast } from "../core/ui.js";
import { restart, use } from "./restore.js";
import { openVaryOne } from "./vary_one.js";

/** @import { IconName } from "../core/icons.js" */
/** @import { Picture } from "../types.js" */

/** @type {Record<string, string>} the gate of Review where pictures of a kind are judged */
const GATES = { enriched: "enriched", synthetic: "synthetic", card: "card" };

/**
 * The same shot again, with a new seed or with a few: a job whose pictures arrive where this one did.
 * @param {string} id
 * @param {"retry" | "vary"} action
 * @returns {Promise<string>} the job's title
 */
export async function makeAgain(id, action) {
  const { title } = await post(`/picture/${id}/${action}`);
  poll();
  return title;
}

/**
 * @param {Picture} picture
 * @param {() => void} close
 */
function againButtons({ id, title, varied }, close) {
  const ask = (/** @type {"retry" | "vary"} */ action) =>
    attempt(async () => {
      toast(`${await makeAgain(id, action)}: started.`);
      close();
    });
  const look = (/** @type {IconName} */ icon, /** @type {string} */ words) => ({ icon, title: words });
  const one = () => openVaryOne({ id, title, varied }, close);
  return [
    button("Again", () => ask("retry"), { id: "picture-retry", ...look("redo", "Once more, with another seed") }),
    button("Other seeds", () => ask("vary"), {
      id: "picture-vary",
      ...look("grid", "Once more, with four other seeds"),
    }),
    button("Vary one thing…", one, { id: "picture-vary-one", ...look("rule", "With its own seed and all else") }),
  ];
}

/**
 * Where a picture can be sent: a source to what is made of sources, what was made to its gate.
 * @param {Picture} picture
 * @param {() => void} close
 */
function sendButtons({ id, kind }, close) {
  const tick = (/** @type {string} */ tab) => () =>
    attempt(async () => {
      await post(`/picture/${id}/tick`, { tab });
      restart(tab);
    });
  const gate = GATES[kind];
  const show = () => {
    close();
    openTab("review");
    announce("flen:goto", { gate, image: id });
  };
  if (kind === "source") {
    const alone = "Ticked there, alone";
    return [
      button("To Enrich", tick("enrich"), { id: "picture-to-enrich", title: alone }),
      button("To Survey", tick("survey"), { id: "picture-to-survey", title: alone }),
    ];
  }
  return gate ? button("To Review", show, { id: "picture-to-review", title: "Judge it beside its reference" }) : null;
}

/** @param {string} id */
function downloads(id) {
  const link = (/** @type {string} */ name, /** @type {boolean} */ recipe, /** @type {string} */ title) =>
    h("a", { href: address(`/picture/${id}/file?recipe=${recipe}`), download: "", title }, name);
  const whole = link("with recipe", true, "Dropped on the studio, it restores its settings");
  const bare = link("without", false, "The same pixels, and nothing that tells how they were made");
  return h("p", { class: "row dim" }, "Save", whole, bare);
}

/**
 * @param {Picture} picture
 * @param {() => void} close
 */
export function actions(picture, close) {
  const title = "Its prompt, LoRAs, steps and guidance, in the tab where such pictures are made";
  const settings = () => use(() => post(`/picture/${picture.id}/use`));
  const again = picture.again ? againButtons(picture, close) : null;
  const same = picture.settings ? button("Use these settings", settings, { id: "picture-use", title }) : null;
  const row = h("div", { class: "row" }, again, same, sendButtons(picture, close));
  return h("section", { class: "picture-actions" }, row, downloads(picture.id));
}
