// @ts-nocheck
/* Which of the good pictures the next training learns from: the best are picked, where the training set has least. */
import { flen } from "../core/flen.js";
import "../pictures/pictures.js";
(() => {
  "use strict";
  const { el } = flen;

  /** Opens the choice; `kept` hears what the studio kept. `found`: `{most, have: {cell: count}, pictures}`, best first. */
  flen.keepBest = (found, kept) => {
    const picked = new Set();
    const counts = { ...found.have };
    const tiles = found.pictures.map((picture, n) => {
      const before = counts[picture.cell] || 0;
      counts[picture.cell] = before + 1;
      const tile = el("button", { type: "button", class: "kb-tile", onclick: () => { picked.has(n) ? picked.delete(n) : picked.add(n); paint(); },
        title: `${picture.title}: the training set has ${before || "none"} of ${picture.cell}` },
      flen.thumb(picture), el("span", { class: "kb-cell" }, picture.cell), el("span", { class: `kb-new${before ? "" : " first"}` }, before ? `has ${before}` : "new"));
      return tile;
    });
    const most = el("input", { id: "pristine-most", type: "number", min: "1", max: String(tiles.length), oninput: () => pick(Number(most.value)) });
    const go = flen.button("", () => flen.attempt(async () => {
      const { version, count } = await flen.post("/review/pristine", { images: found.pictures.filter((_, n) => picked.has(n)).map((p) => p.id) });
      box.close();
      kept(version, count);
    }), { id: "pristine-keep", class: "primary" });
    const words = el("p", { class: "dim" }, "Good pictures in the order worth taking: what no source shows, the emptiest place of the training set first, there the one with most stars, then the most alike. Click to leave one out or take it in.");
    const foot = el("div", { class: "kb-foot" }, el("label", { class: "field row" }, el("span", {}, "The first"), most), el("span", { class: "grow" }), go);
    const box = flen.dialog("Keep the best as pristine", el("div", { class: "kb" }, words, el("div", { class: "kb-grid" }, tiles), foot), { id: "pristine-dialog", wide: true });

    function pick(count) {
      picked.clear();
      for (let n = 0; n < Math.min(count || 0, tiles.length); n += 1) picked.add(n);
      paint();
    }
    function paint() {
      tiles.forEach((tile, n) => tile.setAttribute("aria-pressed", String(picked.has(n))));
      go.lastChild.textContent = `Keep ${picked.size} as pristine`;
      go.disabled = !picked.size;
    }
    most.value = String(Math.min(found.most, tiles.length));
    pick(Number(most.value));
    box.showModal();
  };
})();
