/* How the review looks. Everything is built once; a decision or a step changes sources, texts and classes, never places. */
(() => {
  "use strict";
  const { el, icon } = flen;
  const SLOT = 76;

  /** What the picture shows, to be put right where the edit or the prompt asked for something else: captions are made of it. */
  function shows(commands) {
    let keyed = false;  // whoever came by key leaves by key; after a click the keys are the review's again
    const chooser = (name, words, values) => {
      const select = el("select", { id: `review-${name}`, "aria-label": words, onblur: () => { keyed = false; },
        onchange: () => { commands.tag({ [name]: select.value }); if (!keyed) select.blur(); },
        onkeydown: (e) => ["Enter", "Escape"].includes(e.key) && select.blur() },
      values.map((v) => el("option", { value: v }, v)));
      return select;
    };
    const angle = chooser("angle", "Angle it shows", flenPage.angles);
    const expression = chooser("expression", "Expression it shows", flenPage.expressions);
    return { node: el("div", { class: "rv-shows" }, el("span", {}, "Shows"), angle, expression), focus: () => { expression.focus(); keyed = document.activeElement === expression; },
      paint: (tile) => { angle.value = tile.angle; expression.value = tile.expression; } };
  }

  /** Builds the review inside `root`; returns what the controller calls: paint, say, columns, submit, shows, unsent. */
  flen.reviewView = (root, model, commands, current) => {
    const gates = Object.entries(model.gates).map(([gate, words]) => flen.button(words, () => commands.gate(gate), { id: `review-gate-${gate}`, class: "seg" }));
    const chips = Object.entries(flenPage.piles).map(([name, words]) => {
      const chip = flen.button(words, () => commands.filter(name), { id: `review-filter-${name}`, class: "chip" });
      chip.append(el("b", {}));
      return chip;
    });
    const sort = flen.button("Filter", commands.sort, { id: "review-filter", title: "Sorts out pictures without a face or of someone else, by rule" });
    const keep = flen.button("Keep the best…", commands.pristine, { id: "review-pristine", class: "primary", title: "Good pictures for the next training: the best, where it has least" });
    const views = [flen.button("", commands.single, { id: "review-view-single", icon: "single", class: "seg", "aria-label": "Single picture", title: "Single (E)" }),
      flen.button("", commands.grid, { id: "review-view-grid", icon: "grid", class: "seg", "aria-label": "Grid", title: "Grid (G)" })];
    const door = flen.lineButton("review-line");
    const help = flen.button("", commands.help, { id: "review-help", icon: "question", class: "quiet", "aria-label": "Keys", title: "Keys (?)" });

    const picture = el("img", { id: "review-picture", alt: "", draggable: false });
    const label = el("span", { id: "review-label", class: "rv-label" });
    const stage = el("div", { class: "rv-stage" }, picture, label);
    const reference = el("img", { id: "review-reference", alt: "Reference", draggable: false });
    const refWords = el("figcaption", {});
    const beside = el("figure", { class: "rv-ref" }, reference, refWords);
    const choice = (name, words, key, tone) => flen.button(words, commands[name], { id: `review-${name}`, icon: flen.LABELS[tone][1], class: `choice l-${tone}`, title: key });
    const choices = { good: choice("good", "Good", "P", "good"), needs_correction: choice("correct", "Needs correction", "N", "needs_correction"), reject: choice("reject", "Reject", "X", "reject") };
    const stars = Object.fromEntries([["identity", "Identity"], ["edit", "Edit"]].map(([action, words]) => [action,
      el("div", { class: "stars", role: "group", "aria-label": `${words} 1 to 5` }, el("span", {}, words),
        [1, 2, 3, 4, 5].map((n) => el("button", { type: "button", onclick: () => commands[action](String(n)) }, String(n))))]));
    const failures = Object.entries(flenPage.failures).map(([letter, name]) =>
      el("button", { type: "button", class: "fail", dataset: { words: name }, onclick: () => commands.toggleFailure(letter) }, el("kbd", {}, letter.toUpperCase()), flenPage.failure_words[name]));
    const earlier = el("span", { id: "review-earlier-failures" });
    const undo = flen.button("Undo", commands.undo, { id: "review-undo", icon: "undo", class: "quiet" });
    const scores = el("div", { class: "rv-scores" });
    const recipe = el("dl", { class: "facts" });
    const fix = flen.correction(current, commands.corrected);
    const seen = shows(commands);
    const side = el("aside", { class: "rv-side" }, scores, el("div", { class: "choices" }, Object.values(choices)), el("div", { class: "rates" }, Object.values(stars)), seen.node,
      el("div", { class: "fails" }, failures, earlier), fix.node, el("section", {}, recipe));
    const main = el("div", { class: "rv-main" }, stage, beside, side);
    const grid = flen.reviewGrid(model, commands);
    const film = el("div", { id: "review-film", class: "rv-film" });
    const position = el("span", { id: "review-position", class: "numbers" });
    const unsent = el("span", { class: "dim" });
    const advance = el("input", { type: "checkbox", onchange: commands.advance });
    const hint = (key, words) => [el("kbd", {}, key), `${words} `];
    const line = el("div", { class: "rv-line" }, position,
      el("span", { class: "hints" }, hint("P", "good"), hint("N", "needs correction"), hint("X", "reject"), hint("1-5", "identity"), hint("F", "failure"), hint("←→", "move"), hint("Z", "zoom"), hint("R", "peek"), hint("?", "all keys")),
      unsent, el("label", { class: "check" }, advance, "Go on after a decision"), undo);
    const live = el("div", { id: "review-live", class: "rv-live", role: "status", "aria-live": "polite" });
    const empty = el("div", { class: "rv-empty" });
    root.classList.add("rv");
    root.append(el("div", { class: "rv-top" }, el("div", { class: "segs" }, gates), el("div", { class: "chips" }, chips), el("span", { class: "grow" }), door.button, sort, keep, el("div", { class: "segs" }, views), help),
      main, grid.node, empty, film, line, live);

    const ahead = new Map();
    function prefetch() {
      const wanted = [1, 2, 3, 4, -1].map((d) => model.order[model.at + d]).filter(Boolean);
      for (const id of wanted) if (!ahead.has(id)) { const image = new Image(); image.src = flen.img(id); ahead.set(id, image); }
      for (const id of ahead.keys()) if (!wanted.includes(id)) ahead.delete(id);
    }
    function paintFilm() {
      const slots = Math.max(3, Math.floor((film.clientWidth || root.clientWidth || 900) / SLOT));
      while (film.children.length < slots) film.append(el("button", { type: "button", tabindex: "-1", onclick: (e) => commands.go(Number(e.currentTarget.dataset.at)) }, el("img", { alt: "" }), el("i", {})));
      while (film.children.length > slots) film.lastChild.remove();
      const start = Math.max(0, Math.min(model.at - Math.floor(slots / 2), model.order.length - slots));
      [...film.children].forEach((slot, n) => {
        const tile = model.tiles.get(model.order[start + n]);
        slot.hidden = !tile;
        if (!tile) return;
        slot.dataset.at = start + n;
        slot.className = `l-${tile.state.label || "open"}${start + n === model.at ? " here" : ""}`;
        slot.setAttribute("aria-label", `Picture ${start + n + 1}`);
        const source = flen.img(tile.id, 256);
        if (slot.firstChild.getAttribute("src") !== source) slot.firstChild.src = source;
        slot.lastChild.replaceChildren(tile.state.label ? icon(flen.LABELS[tile.state.label][1]) : "");
      });
    }
    let asked = 0;
    function paintRecipe(tile) {
      clearTimeout(asked);
      asked = setTimeout(async () => {
        const full = tile && (await flen.get(`/picture/${tile.id}`).catch(() => null));
        if (!full || current()?.id !== tile.id) return;
        recipe.replaceChildren(...[...full.scores, ...full.recipe].flatMap(([name, text]) => [el("dt", {}, name), el("dd", {}, text)]));
      }, 140);
    }
    function paintPicture() {
      const tile = current();
      const count = model.order.length;
      position.textContent = count ? `${model.at + 1} of ${count}` : "";
      if (tile) {
        const shown = model.peek && tile.reference ? tile.reference : tile.id;
        picture.src = flen.img(shown);
        picture.alt = tile.title;
        picture.dataset.id = tile.id;
        stage.classList.toggle("peek", model.peek);
        if (tile.reference) reference.src = flen.img(tile.reference); else reference.removeAttribute("src");
        refWords.textContent = tile.reference ? `Reference${tile.angle === "unsure" ? "" : `, ${tile.angle}`}` : "No reference yet";
        scores.replaceChildren(...[flen.identity(tile), tile.faces === 0 ? el("span", { class: "identity v-wrong" }, "no face") : null, el("span", { class: "rv-title" }, tile.title)].filter(Boolean));
        seen.paint(tile);
        prefetch();
        paintRecipe(tile);
      }
      paintState();
    }
    function paintState() {
      const tile = current();
      const state = tile?.state;
      const [words, mark] = flen.LABELS[state?.label] || [];
      stage.dataset.label = state?.label || "open";
      label.replaceChildren(...(words ? [icon(mark), `${words}${state.who === "rule" ? " (by rule)" : ""}`] : []));
      for (const [name, button] of Object.entries(choices)) button.setAttribute("aria-pressed", String(state?.label === name));
      for (const [action, row] of Object.entries(stars)) [...row.querySelectorAll("button")].forEach((b, n) => b.setAttribute("aria-pressed", String(n < (state?.[action] || 0))));
      failures.forEach((b) => b.setAttribute("aria-pressed", String(Boolean(state?.failures.includes(b.dataset.words)))));
      earlier.replaceChildren(...(state?.failures || []).filter((name) => !(name in flenPage.failure_words))
        .map((name) => el("span", { class: "fail", "aria-pressed": "true", title: "Noted earlier; there is no such failure mode any more" }, name)));
      side.classList.toggle("armed", model.armed);
      fix.node.classList.toggle("off", !tile?.correctable || !tile.piles.includes("needs_correction"));
      for (const [n, pile] of Object.keys(flenPage.piles).entries()) {
        chips[n].lastChild.textContent = String(model.counts[pile] || 0);
        chips[n].setAttribute("aria-pressed", String(model.filter === pile));
      }
      sort.lastChild.textContent = model.going ? `Filter ${model.going}` : "Filter";
      sort.disabled = !model.going;
      keep.disabled = !model.counts.through;
      paintFilm();
      grid.paint();
    }
    function paintLayout() {
      const some = model.order.length > 0;
      root.dataset.mode = some ? model.mode : "empty";
      root.classList.toggle("no-ref", !model.compare);
      root.classList.toggle("no-info", !model.info);
      stage.classList.toggle("zoom", model.zoom);
      advance.checked = model.advance;
      gates.forEach((b) => b.setAttribute("aria-pressed", String(b.id === `review-gate-${model.gate}`)));
      views.forEach((b) => b.setAttribute("aria-pressed", String(b.id === `review-view-${model.mode}`)));
      sort.hidden = keep.hidden = model.gate !== "synthetic";
      seen.node.classList.toggle("off", model.gate === "card");  // a cell is judged by what it was asked for
      if (!some) paintEmpty();
      if (model.mode === "grid") grid.layout();
    }
    function paintEmpty() {
      const made = { enriched: ["enrich", "Enrich"], synthetic: ["generate", "Generate"], card: ["model_card", "Model Card"] }[model.gate];
      const words = model.tiles.size ? "No picture is behind this filter." : `Nothing to review here yet: pictures come from ${made[1]}.`;
      empty.replaceChildren(el("p", {}, words), model.tiles.size ? flen.button("Show all", () => commands.filter("all")) : flen.button(`Open ${made[1]}`, () => flen.openTab(made[0])));
    }
    flen.whenSeen(root, door.load);
    new ResizeObserver(() => { paintFilm(); if (model.mode === "grid") grid.layout(); }).observe(root);

    return {
      paint: (what) => {
        if (what === "all" || what === "layout") paintLayout();
        if (what === "state") paintState(); else paintPicture();
      },
      say: (words) => { live.textContent = words; },
      columns: () => grid.columns(),
      submit: () => fix.send(),
      better: () => fix.better(),
      shows: () => seen.focus(),
      unsent: (count) => { unsent.textContent = count > 20 ? `${count} decisions on their way` : ""; },
    };
  };
})();
