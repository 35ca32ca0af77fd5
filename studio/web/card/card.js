// @ts-nocheck
/* The model card as a poster. A cell's frame tells its verdict by colour, line and mark; switching versions flips in place. */
import { flen } from "../core/flen.js";
import "../pictures/pictures.js";
(() => {
  "use strict";
  const { el, icon, islands } = flen;
  const VERDICTS = { right: ["check", "right"], wrong: ["cross", "wrong"], unsure: ["question", "unsure"], missing: ["dash", "missing"] };
  const ANGLE_ORDER = ["profile-left", "half-left", "front", "half-right", "profile-right"];
  const EXPRESSION_ORDER = ["neutral", "smiling", "angry", "sad"];

  function poster(id, judge) {
    const node = el("div", { class: "poster", id, role: "group", "aria-label": "Model card" });
    const cells = new Map();
    let built = "";
    function build(spec) {
      const print = JSON.stringify(spec);
      if (built === print) return;
      built = print;
      cells.clear();
      const portraits = spec.filter((c) => !c.pose);
      const bodies = spec.filter((c) => c.pose);
      const columns = ANGLE_ORDER.filter((a) => portraits.some((c) => c.angle === a));
      const rows = EXPRESSION_ORDER.filter((x) => portraits.some((c) => c.expression === x));
      const make = (c, place) => {
        const image = el("img", { alt: "", draggable: false });
        const mark = el("span", { class: "verdict" });
        const cell = el("button", { type: "button", class: "cell", dataset: { cell: c.name }, style: place, onclick: () => judge.open(cells.get(c.name).state),
          onkeydown: (e) => judge.key(e, cells.get(c.name).state, cell) }, image, el("span", { class: "cell-name" }, c.title || c.name), mark);
        cells.set(c.name, { node: cell, image, mark, spec: c, state: null });
        return cell;
      };
      const heads = columns.map((a, n) => el("span", { class: "head", style: { "grid-column": n + 2, "grid-row": 1 } }, a.replace("-", " ")));
      const sides = rows.map((x, n) => el("span", { class: "side", style: { "grid-column": 1, "grid-row": n + 2 } }, x));
      const stack = el("div", { class: "bodies" }, bodies.map((c) => make(c, {})));
      node.replaceChildren(...heads, el("span", { class: "head", style: { "grid-column": 7, "grid-row": 1 } }, "body"), ...sides,
        ...portraits.map((c) => make(c, { "grid-column": columns.indexOf(c.angle) + 2, "grid-row": rows.indexOf(c.expression) + 2 })), stack);
    }
    function paint(spec, card) {
      build(spec);
      const known = new Map((card?.cells || []).map((c) => [c.name, c]));
      for (const [name, cell] of cells) {
        const state = known.get(name) || { name, image: null, verdict: "missing", by: "", why: "" };
        cell.state = state;
        const [mark, words] = VERDICTS[state.verdict];
        const source = state.image ? flen.img(state.image.id, 512) : "";
        if (cell.image.getAttribute("src") !== source) { if (source) cell.image.src = source; else cell.image.removeAttribute("src"); }
        if (cell.node.dataset.verdict !== state.verdict) cell.mark.replaceChildren(icon(mark));
        cell.node.dataset.verdict = state.verdict;
        cell.node.dataset.by = state.by;
        const score = state.image?.score;
        cell.node.title = `${name}: ${words}${state.by ? ` (${state.by})` : ""}${state.why ? `, ${state.why}` : ""}${score === null || score === undefined ? "" : `, identity ${score.toFixed(2)}`}`;
        cell.node.setAttribute("aria-label", cell.node.title);
      }
    }
    return { node, paint, cells };
  }

  islands["card-grid"] = (root) => {
    const model = { list: null, version: "", against: "" };
    const lora = el("select", { id: "card-lora", "aria-label": "LoRA" });
    const seed = el("input", { id: "card-seed", type: "number", "aria-label": "Seed", min: "0" });
    const run = flen.button("Run the card", () => flen.attempt(async () => {
      await flen.post("/cards", { lora: lora.value, seed: seed.value === "" ? null : Number(seed.value) });
      model.version = "";
      flen.poll();
    }), { id: "card-run", class: "primary", icon: "play" });
    const pick = (id, words, name) => { const select = el("select", { id, onchange: () => { model[name] = select.value; paint(); } }); return [select, el("label", { class: "inline" }, words, select)]; };
    const report = el("a", { id: "card-report", class: "fb", href: "/practice/report", target: "_blank", rel: "noopener" }, "Practice report");
    const look = flen.button("", () => flen.attempt(async () => {
      await flen.post("/practice/look");
      flen.toast("Your decisions are held against the truth; the practice report will say how often you were right.");
      flen.poll();
    }), { id: "card-look", class: "quiet", icon: "eye" });
    const [version, versionField] = pick("card-version", "Version", "version");
    const [against, againstField] = pick("card-compare", "beside", "against");
    const headline = el("p", { id: "card-headline", class: "headline", role: "status", "aria-live": "polite" });
    const gauge = el("div", { class: "rate-gauge" });
    const keys = el("p", { class: "dim card-keys" }, el("kbd", {}, "P"), "right ", el("kbd", {}, "X"), "wrong ", el("kbd", {}, "U"), "clear ", el("kbd", {}, "←→↑↓"), "move ", el("kbd", {}, "Enter"), "open");

    const judge = {
      open: (state) => state?.image && flen.openPicture(state.image.id, { where: "card", after: () => settle() }),
      key: (event, state, cell) => {
        if (event.ctrlKey || event.altKey || event.metaKey) return;
        const label = { p: "good", a: "good", x: "reject", u: null }[event.key.toLowerCase()];
        const steps = { ArrowRight: [1, 0], ArrowLeft: [-1, 0], ArrowDown: [0, 1], ArrowUp: [0, -1] };
        if (label !== undefined && state?.image) {
          flen.decide(state.image.id, "label", label, { where: "card" });
          cell.dataset.verdict = label === "good" ? "right" : label === "reject" ? "wrong" : "unsure";
          cell.querySelector(".verdict").replaceChildren(icon(VERDICTS[cell.dataset.verdict][0]));
          settle();
        } else if (event.key in steps) move(cell, ...steps[event.key]);
        else return;
        event.preventDefault();
        event.stopPropagation();
      },
    };
    function move(cell, dx, dy) {
      const from = cell.getBoundingClientRect();
      const [x, y] = [from.x + from.width / 2, from.y + from.height / 2];
      const other = [...cell.closest(".poster").querySelectorAll(".cell")].filter((c) => c !== cell).map((c) => {
        const b = c.getBoundingClientRect();
        const [ox, oy] = [b.x + b.width / 2 - x, b.y + b.height / 2 - y];
        const along = ox * dx + oy * dy;
        return [along > 4 ? along + 3 * Math.abs(ox * dy + oy * dx) : Infinity, c];
      });
      const best = other.reduce((a, b) => (b[0] < a[0] ? b : a), [Infinity, null]);
      best[1]?.focus();
    }
    async function settle() { await flen.flushDecisions(); await load(); }

    const first = poster("card-poster", judge);
    const second = poster("card-poster-beside", judge);
    const caption = el("h3", { class: "poster-title" });
    const captionBeside = el("h3", { class: "poster-title" });
    const beside = el("section", {}, captionBeside, second.node);
    const posters = el("div", { class: "posters" }, el("section", {}, caption, first.node), beside);
    root.classList.add("card-tab");
    root.append(el("div", { class: "card-bar" }, versionField, againstField, report, look, el("span", { class: "grow" }), el("label", { class: "inline" }, "LoRA", lora), el("label", { class: "inline" }, "Seed", seed), run),
      el("div", { class: "card-head" }, headline, gauge, keys), posters);

    const named = (card) => `${card.version}: ${card.lora}, seed ${card.seed}`;
    function fill(select, entries, value) {
      const print = JSON.stringify([entries, value]);
      if (select.dataset.print === print) return;
      select.dataset.print = print;
      select.replaceChildren(...entries.map(([v, words]) => el("option", { value: v, selected: v === value }, words)));
      select.value = value;
    }
    function paintGauge(rate) {
      const percent = (x) => `${(x * 100).toFixed(1)}%`;
      gauge.replaceChildren(el("i", { class: "range", style: { left: percent(rate.low), width: percent(rate.high - rate.low) } }),
        el("i", { class: "point", style: { left: percent(rate.right / rate.total) } }), el("i", { class: "target", style: { left: percent(rate.target) } }));
      gauge.title = `${rate.right} of ${rate.total}; the line is the target`;
      gauge.hidden = false;
    }
    function paint() {
      const { cards, loras, cells } = model.list;
      const newest = cards.at(-1);
      const shown = cards.find((c) => c.version === model.version) || newest;
      const other = cards.find((c) => c.version === model.against && c !== shown);
      fill(lora, [["", "Base model"], ...loras.map((x) => [x.id, x.name])], lora.dataset.touched ? lora.value : loras[0]?.id || "");
      fill(version, cards.map((c) => [c.version, named(c)]), shown?.version || "");
      fill(against, [["", "nothing"], ...cards.filter((c) => c !== shown).map((c) => [c.version, named(c)])], other?.version || "");
      versionField.hidden = !cards.length;
      againstField.hidden = cards.length < 2;
      headline.textContent = shown ? shown.rate.words : `No card yet. It makes the ${cells.length} pictures of the benchmark with one LoRA; then you judge each.${loras.length ? "" : " No LoRA has been trained yet: the base model shows what you start from."}`;
      if (shown) paintGauge(shown.rate); else gauge.hidden = true;
      caption.textContent = shown ? `${shown.version}: ${shown.lora}` : "";
      first.paint(cells, shown);
      beside.hidden = !other;
      posters.classList.toggle("two", Boolean(other));
      keys.hidden = !shown;
      report.hidden = !model.list.report;
      look.hidden = !model.list.unread;
      look.lastChild.textContent = `Compare ${model.list.unread} decisions with the truth`;
      if (other) { captionBeside.textContent = `${other.version}: ${other.lora} (${other.rate.right} of ${other.rate.total})`; second.paint(cells, other); }
    }
    lora.addEventListener("change", () => { lora.dataset.touched = "1"; });
    async function load() {
      const list = await flen.get("/cards").catch(() => null);
      if (!list) return;
      if (seed.value === "") seed.value = list.seed;
      model.list = list;
      paint();
    }
    flen.whenSeen(root, load);
  };
})();
