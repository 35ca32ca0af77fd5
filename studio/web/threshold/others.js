// @ts-check
/** Where pictures of other people are dropped, to calibrate with: a file or a folder is a person. */

import { h } from "../core/dom.js";
import { chosenIn, entriesOf, filesBelow } from "../core/dropped.js";
import { count } from "../core/format.js";
import { post } from "../core/net.js";
import { attempt } from "../core/ui.js";

/** @typedef {{ taken: number, people: number, refused: string[] }} Kept */

/**
 * A folder of people has their folders in it: of `people/ada/1.jpg` the person is `ada`.
 * @param {string} path
 */
export function personIn(path) {
  const parts = path.split("/");
  return parts.length > 2 ? parts.slice(1).join("/") : path;
}

/** @param {() => void} done */
export function othersZone(done) {
  const told = h("span", { id: "threshold-others-told", role: "status" });
  const input = h("input", { id: "threshold-others", type: "file", multiple: true, accept: "image/*" });
  const send = (/** @type {{ name: string, file: File }[]} */ files) =>
    attempt(async () => {
      if (!files.length) return;
      told.textContent = `${count(files.length, "file")} on their way`;
      const form = new FormData();
      for (const { name, file } of files) form.append("files", file, personIn(name));
      const kept = /** @type {Kept} */ (await post("/thresholds/others", form));
      const lost = kept.refused.length ? `; not taken in: ${kept.refused.join("; ")}` : "";
      told.textContent = `${count(kept.taken, "picture")} of ${count(kept.people, "other")} taken in${lost}`;
      done();
    });
  input.addEventListener("change", () => send(chosenIn(input)));
  const zone = h(
    "div",
    { class: "th-others" },
    h("label", {}, "Pictures of other people, to hold against (drop files or folders; each is a person): ", input),
    told,
  );
  zone.addEventListener("dragover", (event) => event.preventDefault());
  zone.addEventListener("drop", (event) => {
    event.preventDefault();
    const entries = entriesOf(event);
    attempt(async () => send(await filesBelow(entries)));
  });
  return zone;
}
