/* A picture as a tile, a picture opened big with its lineage, and strips of pictures that keep themselves fresh. */
(() => {
  "use strict";
  const { el, icon, islands } = flen;

  const VERDICT = { right: "check", wrong: "cross", unsure: "question", "cannot tell": "dash" };
  /** Identity in words with its number: never by colour alone. */
  flen.identity = (tile) => {
    if (!tile.verdict) return null;
    const number = tile.score === null ? "" : tile.score.toFixed(2);
    return el("span", { class: `identity v-${tile.verdict.replace(" ", "-")}`, title: "Is it the same character?" },
      icon(VERDICT[tile.verdict]), `${tile.verdict} `, el("small", {}, number));
  };
  /** The label's mark in a tile's corner. */
  flen.mark = (label) => {
    const [words, name] = flen.LABELS[label] || [];
    return words ? el("span", { class: `mark l-${label}`, title: words }, icon(name)) : null;
  };
  flen.thumb = (tile, width = 256) =>
    el("img", { src: flen.img(tile.id, width), alt: tile.title || "", loading: "lazy", decoding: "async", draggable: false });

  function facts(lines) {
    return el("dl", { class: "facts" }, lines.map(([name, text]) => [el("dt", {}, name), el("dd", {}, text)]));
  }
  function lineage(title, ids) {
    if (!ids.length) return null;
    const link = (id) => el("button", { type: "button", class: "tiny", onclick: () => flen.openPicture(id), "aria-label": "Open picture" },
      el("img", { src: flen.img(id, 256), alt: "" }));
    return el("section", {}, el("h3", {}, title), el("div", { class: "lineage" }, ids.map(link)));
  }
  function chooser(id, label, values, value, save) {
    const select = el("select", { id, onchange: () => save(select.value) },
      values.map((v) => el("option", { value: v, selected: v === value }, v)));
    return el("label", { class: "field" }, el("span", {}, label), select);
  }
  function tags(picture) {
    const save = (change) => flen.attempt(async () => { await flen.post(`/picture/${picture.id}/tags`, change); flen.poll(); });
    const caption = el("textarea", { rows: "2", onchange: () => save({ caption: caption.value }) });
    caption.value = picture.caption;
    return el("section", {}, el("h3", {}, "What it shows"), el("div", { class: "row" },
      chooser("picture-angle", "Angle", [...flenPage.angles, "unsure"], picture.tags.angle, (angle) => save({ angle })),
      chooser("picture-expression", "Expression", [...flenPage.expressions, "unsure"], picture.tags.expression, (expression) => save({ expression }))),
      el("label", { class: "field" }, el("span", {}, "Caption"), caption));
  }
  const SAID = { label: (v) => flen.LABELS[v]?.[0] || "label cleared", identity: (v) => `identity ${v ?? "cleared"}`,
    edit: (v) => `edit quality ${v ?? "cleared"}`, failure: (v) => `failure: ${v}`, note: (v) => `note: ${v}`, undo: () => "undone" };
  function history(picture) {
    if (!picture.decisions.length) return null;
    const line = (d) => el("li", {}, `${SAID[d.action](d.value)} (${d.who === "rule" ? "a rule" : d.who}${d.reason ? `, ${d.reason}` : ""})`);
    return el("section", {}, el("h3", {}, "Decisions"), el("ol", { class: "history" }, picture.decisions.slice(-8).map(line)),
      picture.trained.length ? el("p", { class: "dim" }, `Trained: ${picture.trained.join(", ")}`) : null);
  }
  /** Decide on a picture that is open; the studio's answer brings it up to date. */
  const judge = (picture, where, action, value) => {
    flen.decide(picture.id, action, value, { where });
    Object.assign(picture, flen.foresee(picture, action, value));
  };
  /** Buttons for the label, and what paints them anew; `after()` hears of every decision. */
  function labelButtons(picture, where, after) {
    const buttons = Object.entries({ good: "Good", needs_correction: "Needs correction", reject: "Reject" }).map(([label, words]) => {
      const id = `picture-${{ good: "good", needs_correction: "correct", reject: "reject" }[label]}`;
      const button = flen.button(words, () => { judge(picture, where, "label", picture.state.label === label ? null : label); show(); after?.(); },
        { id, icon: flen.LABELS[label][1], class: `choice l-${label}` });
      button.dataset.label = label;
      return button;
    });
    const show = () => buttons.forEach((b) => b.setAttribute("aria-pressed", String(b.dataset.label === picture.state.label)));
    return [el("div", { class: "choices" }, buttons), show];
  }
  /** 1-5 for identity or for the edit, and what paints them anew. */
  function stars(picture, where, action, words, after) {
    const buttons = [1, 2, 3, 4, 5].map((n) => el("button", { type: "button",
      onclick: () => { judge(picture, where, action, picture.state[action] === n ? null : n); show(); after?.(); } }, String(n)));
    const show = () => buttons.forEach((b, n) => b.setAttribute("aria-pressed", String(n < (picture.state[action] || 0))));
    return [el("div", { class: "stars", role: "group", "aria-label": `${words} 1 to 5` }, el("span", {}, words), buttons), show];
  }
  function judgement(picture, where, after) {
    const [labels, ...rates] = [labelButtons(picture, where, after),
      ...[["identity", "Identity"], ["edit", "Edit"]].map(([action, words]) => stars(picture, where, action, words, after))];
    const show = () => [labels, ...rates].forEach(([, paint]) => paint());
    const node = el("section", {}, labels[0], el("div", { class: "rates" }, rates.map(([row]) => row)));
    const settled = ({ detail }) => {
      if (!node.isConnected) document.removeEventListener("flen:settled", settled);
      else if (detail.pictures[picture.id]) { Object.assign(picture, detail.pictures[picture.id]); show(); }
    };
    document.addEventListener("flen:settled", settled);
    show();
    return node;
  }
  /** The same shot again, with a new seed or with a few: a job whose pictures arrive where this one did. */
  function againButtons(picture, close) {
    const ask = (action) => flen.attempt(async () => {
      const { title } = await flen.post(`/picture/${picture.id}/${action}`);
      flen.toast(`${title}: started.`);
      close();
      flen.poll();
    });
    return el("div", { class: "row" },
      flen.button("Retry", () => ask("retry"), { id: "picture-retry", icon: "redo", title: "The same once more, with a new seed" }),
      flen.button("Vary", () => ask("vary"), { id: "picture-vary", icon: "grid", title: "The same with four new seeds" }));
  }

  /** A picture as large as fits, with its recipe, lineage and decisions. `options`: where, after. */
  flen.openPicture = (id, options = {}) => flen.attempt(async () => {
    const picture = await flen.get(`/picture/${id}`);
    document.getElementById("picture-dialog")?.close();
    const where = options.where || { survey: "survey", card: "card" }[picture.kind] || "review";
    const judged = picture.kind === "source" ? tags(picture) : judgement(picture, where, options.after);
    const content = el("div", { class: "big" },
      el("div", { class: "stage" }, el("img", { src: flen.img(id), alt: picture.title })),
      el("aside", {}, el("p", { class: "row" }, flen.identity(picture)), judged, picture.again ? againButtons(picture, () => box.close()) : null,
        picture.scores.length ? el("section", {}, el("h3", {}, "Scores"), facts(picture.scores)) : null,
        el("section", {}, el("h3", {}, "Recipe"), facts(picture.recipe)),
        lineage("Made from", picture.parents), lineage("Became", picture.children), history(picture)));
    const box = flen.dialog(picture.title, content, { id: "picture-dialog", wide: true });
    box.showModal();
  });

  islands["picture-strip"] = (root, options, io) => {
    const head = el("div", { class: "strip-head" });
    const list = el("div", { class: "strip", style: { "--tile": `${options.size}px` } });
    root.append(head, list);
    let shown = new Map();
    let ticked = new Set(io.value() || []);
    let started = false;
    let cut = null;

    /** What the filter would sort out at this cut: the studio says of each picture above which line it goes. */
    const below = (tile) => cut !== null && tile.above !== null && cut > tile.above;
    const dim = () => shown.forEach(({ node, tile }) => { node.classList.toggle("below", below(tile)); });
    if (options.cut) document.addEventListener("flen:cut", ({ detail }) => { cut = detail.cut; dim(); });

    const tell = () => { countTicks(); io.tell([...ticked]); };
    const countTicks = () => {
      if (options.pick) head.replaceChildren(el("span", { class: "dim" }, `${ticked.size} of ${shown.size} chosen`),
        flen.button("All", () => tickAll(true), { class: "quiet" }), flen.button("None", () => tickAll(false), { class: "quiet" }));
    };
    const tickAll = (on) => { ticked = new Set(on ? shown.keys() : []); paintTicks(); tell(); };
    const paintTicks = () => shown.forEach(({ node }, id) => { const box = node.querySelector("input"); if (box) box.checked = ticked.has(id); });

    function node(tile) {
      const box = options.pick && el("input", { type: "checkbox", class: "tick", checked: ticked.has(tile.id), "aria-label": `Use ${tile.title}`,
        onchange: () => { box.checked ? ticked.add(tile.id) : ticked.delete(tile.id); tell(); } });
      return el("figure", { class: `tile l-${tile.state.label || "open"}`, dataset: { id: tile.id } }, box || null,
        el("button", { type: "button", class: "open", "aria-label": `Open ${tile.title}`,
          onclick: () => flen.openPicture(tile.id, { after: () => flen.poll() }) }, flen.thumb(tile)),
        tile.kind === "source" ? null : flen.mark(tile.state.label),
        el("figcaption", {}, options.scores ? flen.identity(tile) : null, el("span", { class: "name" }, tile.kind === "source" && tile.angle !== "unsure" ? tile.angle : tile.title)));
    }
    async function load() {
      const query = new URLSearchParams({ kind: options.kind, version: options.version, run: options.run });
      const found = await flen.get(`/pictures?${query}`).catch(() => null);
      if (!found) return;
      const order = options.newestFirst ? found.pictures.reverse() : found.pictures;
      const fresh = new Map();
      for (const tile of order) {
        const print = JSON.stringify(tile);
        const old = shown.get(tile.id);
        if (!old && options.pick && options.pickAll) ticked.add(tile.id);
        fresh.set(tile.id, old?.print === print ? old : { print, tile, node: node(tile) });
      }
      const gone = [...ticked].filter((id) => !fresh.has(id));
      const news = [...fresh.keys()].some((id) => !shown.has(id));
      gone.forEach((id) => ticked.delete(id));
      shown = fresh;
      list.replaceChildren(...[...fresh.values()].map((v) => v.node));
      if (!fresh.size) list.append(el("p", { class: "empty" }, options.empty));
      dim();
      if (options.pick) countTicks();
      if (options.pick && (gone.length || (news && options.pickAll) || !started)) tell();
      started = true;
    }
    io.onValue((value) => { if (options.pick && Array.isArray(value)) { ticked = new Set(value); paintTicks(); countTicks(); } });
    flen.whenSeen(root, load);
  };
})();
