/* A picture that needs correction: a corrected file, or a better try of the same source, teaches the editor (flywheel 2). */
(() => {
  "use strict";
  const { el } = flen;
  const KEPT = "The correction is kept: it teaches the editor (flywheel 2).";

  /** Opens the choice of a better try of `tile`; `chosen(better)` hears which and resolves when it is kept. `found`: `{pictures}`. */
  function chooseTry(tile, found, chosen) {
    let at = -1;
    const tiles = found.pictures.map((picture, n) => el("button", { type: "button", class: "kb-tile", role: "radio", "aria-checked": "false", tabindex: n ? "-1" : "0",
      dataset: { id: picture.id }, title: picture.prompt, onclick: () => pick(n), ondblclick: () => use() },
    flen.thumb(picture), flen.mark(picture.state.label), el("span", { class: "kb-cell" }, picture.title), el("span", { class: "kb-how" }, picture.how), flen.identity(picture)));
    const use = () => at >= 0 && flen.attempt(async () => { await chosen(found.pictures[at]); box.close(); });
    const go = flen.button("Use this try", use, { id: "try-use", class: "primary", disabled: true });
    const more = flen.button("Make four more", () => flen.attempt(async () => {
      const { title } = await flen.post(`/picture/${tile.id}/vary`);
      flen.toast(`${title}: started. They can be chosen here when they are made.`);
      box.close();
      flen.poll();
    }), { id: "try-more", icon: "grid", title: "The same edit with four new seeds" });
    const held = el("div", { class: "kb-held" }, [[tile.id, "needs correction"], [tile.parent, "source"]].map(([id, name]) =>
      el("figure", {}, el("img", { src: flen.img(id, 512), alt: name }), el("figcaption", {}, name))));
    const group = (title, none, own) => el("section", {}, el("h3", {}, title), own.length ? el("div", { class: "kb-grid" }, own) : el("p", { class: "empty" }, none));
    const split = (same) => tiles.filter((_, n) => found.pictures[n].same === same);
    const groups = el("div", { class: "kb-tries", role: "radiogroup", "aria-label": "Better tries" },
      group("Other tries of this edit", "None yet. Make four more here, or enrich again with another stack.", split(true)),
      split(false).length ? group("Other edits of this source: only if one shows what was asked for", "", split(false)) : null);
    const box = flen.dialog(`A better try of ${tile.title}`, el("div", { class: "kb" },
      el("p", { class: "dim" }, "What you choose is what the editor should have made. It counts as found good by you. Arrows move, Enter takes it."),
      el("div", { class: "kb-two" }, held, groups), el("div", { class: "kb-foot" }, more, el("span", { class: "grow" }), go)), { id: "try-dialog", wide: true });

    function pick(n) {
      at = Math.max(0, Math.min(tiles.length - 1, n));
      tiles.forEach((node, m) => { node.setAttribute("aria-checked", String(m === at)); node.tabIndex = m === at ? 0 : -1; });
      tiles[at].focus();
      go.disabled = false;
    }
    const across = () => Math.max(1, tiles.filter((node) => node.offsetTop === tiles[Math.max(0, at)].offsetTop).length);
    groups.addEventListener("keydown", (event) => {
      const step = { ArrowRight: 1, ArrowLeft: -1, ArrowDown: across(), ArrowUp: -across() }[event.key];
      if (step) pick(at + step);
      else if (event.key === "Enter") use();
      else return;
      event.preventDefault();
    });
    box.showModal();
    if (found.pictures[0]?.same) pick(0); else (tiles[0] || more).focus();  // an edit that was asked for something else is never chosen by itself
  }

  /** The section of Review for a picture that needs correction. `kept(tile, answer, words)` hears what the studio kept. */
  flen.correction = (current, kept) => {
    const file = el("input", { id: "correction-file", type: "file", accept: "image/*", "aria-label": "Corrected picture" });
    const wrong = el("textarea", { id: "correction-wrong", rows: "2", placeholder: "What was wrong" });
    const done = (tile, answer, words) => {
      file.value = wrong.value = "";
      flen.toast(KEPT);
      kept(tile, answer, words);
      flen.poll();
    };
    const send = () => flen.attempt(async () => {
      const tile = current();
      if (!tile || !file.files.length) throw new Error("Choose the corrected picture first.");
      const form = new FormData();
      form.append("image", tile.id);
      form.append("what_was_wrong", wrong.value);
      form.append("file", file.files[0]);
      await flen.flushDecisions();
      done(tile, await flen.post("/corrections", form), "corrected by a file");
    });
    const better = () => flen.attempt(async () => {
      const tile = current();
      if (!tile?.correctable) throw new Error("Only a picture that was edited from a source has other tries.");
      const found = await flen.get(`/review/tries/${tile.id}`);
      chooseTry(tile, found, async (chosen) => {
        await flen.flushDecisions();
        done(tile, await flen.post("/corrections/with", { image: tile.id, better: chosen.id, what_was_wrong: wrong.value }), `corrected by ${chosen.title}`);
      });
    });
    wrong.addEventListener("keydown", (e) => e.key === "Enter" && e.ctrlKey && send());
    const node = el("section", { class: "rv-fix" },
      el("div", { class: "row" }, el("h3", {}, "Corrected picture"), el("span", { class: "grow" }),
        flen.button("A better try…", better, { id: "correction-better", title: "Another picture of the same source (B)" })),
      wrong, el("div", { class: "row" }, file, flen.button("Send", send, { id: "correction-send", title: "Send the corrected file (Ctrl+Enter)" })));
    return { node, send, better };
  };
})();
