// @ts-check
/** Where pictures of other people are dropped, to calibrate with: a file or a folder is a person. */

import { h } from "../core/dom.js";
import { count } from "../core/format.js";
import { post } from "../core/net.js";
import { attempt } from "../core/ui.js";

/** @typedef {{ taken: number, people: number, refused: string[] }} Kept */

/**
 * Every file below what was dropped, each with the name of its folder before it.
 * @param {FileSystemEntry} entry
 * @returns {Promise<{ name: string, file: File }[]>}
 */
async function filesOf(entry) {
  if (entry.isFile) {
    const one = /** @type {FileSystemFileEntry} */ (entry);
    const file = await new Promise((/** @type {(file: File) => void} */ done, fail) => one.file(done, fail));
    return [{ name: entry.fullPath.slice(1), file }];
  }
  const reader = /** @type {FileSystemDirectoryEntry} */ (entry).createReader();
  const found = [];
  for (;;) {
    const some = await new Promise((/** @type {(some: FileSystemEntry[]) => void} */ done, fail) =>
      reader.readEntries(done, fail),
    );
    if (!some.length) return found;
    for (const inside of some) found.push(...(await filesOf(inside)));
  }
}

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
  input.addEventListener("change", () => {
    send([...(input.files ?? [])].map((file) => ({ name: file.webkitRelativePath || file.name, file })));
    input.value = "";
  });
  const zone = h(
    "div",
    { class: "th-others" },
    h("label", {}, "Pictures of other people, to hold against (drop files or folders; each is a person): ", input),
    told,
  );
  zone.addEventListener("dragover", (event) => event.preventDefault());
  zone.addEventListener("drop", (event) => {
    event.preventDefault();
    const entries = [...(event.dataTransfer?.items ?? [])].map((item) => item.webkitGetAsEntry());
    attempt(async () => {
      const files = [];
      for (const entry of entries) if (entry) files.push(...(await filesOf(entry)));
      await send(files);
    });
  });
  return zone;
}
