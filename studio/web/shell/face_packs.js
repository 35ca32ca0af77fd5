// @ts-check
/** Settings, Faces: packs that recognise faces, with their licences, and their download by a button. */

import { h, put } from "../core/dom.js";
import { bytes as size } from "../core/format.js";
import { get, post } from "../core/net.js";
import { onStatus, poll } from "../core/status.js";
import { attempt, button, toast } from "../core/ui.js";

/** @import { FacePacks, PackOffer } from "../types.js" */

/**
 * Where a pack stands, in a word or two.
 * @param {PackOffer} pack
 */
export function standing({ here, used, bytes }) {
  if (used) return "here, and judges";
  return here ? "here; another one comes first" : `${size(bytes)} to download`;
}

/** @param {PackOffer} pack */
function line(pack) {
  const { name, title, licence, licence_note: note, source, place, here } = pack;
  const begin = async () => {
    await post(`/faces/packs/${encodeURIComponent(name)}/get`);
    toast("The download has begun: it is at the top, and in the list of jobs.");
    poll();
  };
  const words = `Get ${title} (${size(pack.bytes)})`;
  const fetch = here ? null : button(words, () => attempt(begin), { id: `face-pack-${name}` });
  return h(
    "li",
    { class: "face-pack", "data-name": name },
    h("strong", {}, title),
    ` (${standing(pack)}). Licence: ${licence}.`,
    h("small", { class: "licence" }, note),
    h("small", {}, here ? place : `From ${source}${place ? `, to ${place}` : ""}`),
    fetch,
  );
}

/** The section of the settings; as long as it is on screen it follows what is got. */
export function facePacks() {
  const list = h("ul", { id: "face-packs" });
  const show = () =>
    attempt(async () => put(list, /** @type {FacePacks} */ (await get("/faces/packs")).packs.map(line)));
  show();
  const stop = onStatus(({ moved }) => {
    if (!list.isConnected) stop();
    else if (moved) show();
  });
  const about = "Without a pack YuNet and SFace judge, which come along. A pack tells faces apart better.";
  return h("section", { class: "form" }, h("h3", {}, "Faces"), h("small", {}, about), list);
}
