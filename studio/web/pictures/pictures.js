// @ts-nocheck
/* A picture as a tile, a picture opened big with its lineage, and strips of pictures that keep themselves fresh. */
import { flen, flenPage } from "../core/flen.js";
import "../review/decisions.js";
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
  /** Buttons for the label; `after(state)` hears what stands now. */
  flen.labelButtons = (picture, where, prefix, after) => {
    const buttons = Object.entries({ good: "Good", needs_correction: "Needs correction", reject: "Reject" }).map(([label, words]) => {
      const id = `${prefix}-${{ good: "good", needs_correction: "correct", reject: "reject" }[label]}`;
      const button = flen.button(words, () => {
        const next = picture.state.label === label ? null : label;
        flen.decide(picture.id, "label", next, { where });
        picture.state = flen.after(picture.state, "label", next);
        show();
        after?.(picture.state);
      }, { id, icon: flen.LABELS[label][1], class: `choice l-${label}` });
      button.dataset.label = label;
      return button;
    });
    const show = () => buttons.forEach((b) => b.setAttribute("aria-pressed", String(b.dataset.label === picture.state.label)));
    show();
    return el("div", { class: "choices" }, buttons);
  };
  /** 1-5 for identity and for the edit. */
  flen.stars = (picture, where, after) =>
    [["identity", "Identity"], ["edit", "Edit"]].map(([action, words]) => {
      const row = el("div", { class: "stars", role: "group", "aria-label": `${words} 1 to 5` }, el("span", {}, words));
      const show = () => [...row.querySelectorAll("button")].forEach((b) => b.setAttribute("aria-pressed", String(Number(b.textContent) <= (picture.state[action] || 0))));
      for (let n = 1; n <= 5; n += 1) {
        row.append(el("button", { type: "button", onclick: () => {
          const value = picture.state[action] === n ? null : n;
          flen.decide(picture.id, action, value, { where });
          picture.state = flen.after(picture.state, action, value);
          show();
          after?.(picture.state);
        } }, String(n)));
      }
      show();
      return row;
    });

  /** A picture as large as fits, with its recipe, lineage and decisions. `options`: actions, say, where, after. */
  flen.openPicture = (id, options = {}) => flen.attempt(async () => {
    const picture = await flen.get(`/picture/${id}`);
    document.getElementById("picture-dialog")?.close();
    const where = options.where || { survey: "survey", card: "card" }[picture.kind] || "review";
    const acts = (options.actions || []).map((action) =>
      flen.button(action[0].toUpperCase() + action.slice(1), () => { options.say?.({ image: id, action }); box.close(); }, { id: `picture-${action}` }));
    const judged = picture.kind === "source" ? tags(picture)
      : el("section", {}, flen.labelButtons(picture, where, "picture", options.after), el("div", { class: "rates" }, flen.stars(picture, where, options.after)));
    const content = el("div", { class: "big" },
      el("div", { class: "stage" }, el("img", { src: flen.img(id), alt: picture.title })),
      el("aside", {}, el("p", { class: "row" }, flen.identity(picture)), judged, acts.length ? el("div", { class: "row" }, acts) : null,
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

    const FACELESS = ["profile-left", "profile-right", "back"];
    /** What the filter would sort out at this cut: the rule of `pipelines/steps/review.py`. */
    const below = (tile) => cut !== null && tile.verdict && !tile.state.label &&
      ((tile.faces === 0 && !FACELESS.includes(tile.angle)) || (tile.score !== null && tile.score < cut));
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
          onclick: () => flen.openPicture(tile.id, { actions: options.actions, say: io.say, after: () => flen.poll() }) }, flen.thumb(tile)),
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
export const { identity, thumb, openPicture, mark, labelButtons, stars } = flen;
