/* The identity line: where it lies for the character, why, and how to draw it; opened where pictures are judged by it. */
(() => {
  "use strict";
  const { el, icon, islands } = flen;
  const SVG = "http://www.w3.org/2000/svg";
  const svg = (tag, props, ...kids) => {
    const node = document.createElementNS(SVG, tag);
    for (const [key, value] of Object.entries(props)) node.setAttribute(key, value);
    node.append(...kids.flat(3).filter(Boolean));
    return node;
  };
  const percent = (share) => (share >= 0.0995 || share === 0 ? `${Math.round(100 * share)} %` : `${Number((100 * share).toPrecision(2))} %`);
  const range = (low, high) => `${percent(low).replace(" %", "")} to ${percent(high)}`;
  const count = (n, what, many = `${what}s`) => `${n} ${n === 1 ? what : many}`;
  const mine = (job) => job && job.kind === "calibrate" && job.character === flen.state?.character?.id;
  const atWork = (state) => [state?.job, ...(state?.queued || [])].find(mine);

  /* ---- figures */

  function histogram(line) {
    const W = 620, L = 8, BASE = [88, 184], TALL = 70, BINS = 44;
    const all = [...line.genuine, ...line.impostor, line.threshold];
    const low = Math.floor(Math.min(...all) * 20 - 0.3) / 20, high = Math.min(1, Math.ceil(Math.max(...all) * 20 + 0.3) / 20);
    const x = (s) => L + (s - low) / (high - low || 1) * (W - 2 * L);
    const bars = (scores, base, name) => {
      const bins = Array(BINS).fill(0);
      for (const s of scores) bins[Math.max(0, Math.min(BINS - 1, Math.floor((s - low) / (high - low || 1) * BINS)))] += 1;
      const top = Math.max(1, ...bins), step = (W - 2 * L) / BINS;
      return [...bins.map((n, i) => n ? svg("rect", { class: name, x: L + i * step + 0.6, width: step - 1.2, y: base - n / top * TALL, height: n / top * TALL, rx: 1 },
        svg("title", {}, `${n} from ${(low + i * (high - low) / BINS).toFixed(2)}`)) : null),
        svg("line", { class: "axis", x1: L, x2: W - L, y1: base, y2: base })];
    };
    const ticks = [];
    for (let t = Math.ceil(low * 10) / 10; t <= high + 1e-9; t += 0.1) ticks.push(svg("text", { x: x(t), y: 202, "text-anchor": "middle" }, t.toFixed(1)));
    const rule = (score, name) => score >= low && score <= high ? svg("line", { class: name, x1: x(score), x2: x(score), y1: name === "cut" ? 2 : 18, y2: 184 }) : null;
    const at = x(line.threshold), left = at > W / 2;
    return el("figure", {}, svg("svg", { viewBox: `0 0 ${W} 206`, role: "img", "aria-label": `Scores: ${count(line.genuine.length, "source")} and ${count(line.impostor.length, "picture")} of others` },
      bars(line.genuine, BASE[0], "good"), bars(line.impostor, BASE[1], "other"),
      svg("text", { x: left ? L : W - L, y: 12, "text-anchor": left ? "start" : "end" }, `sources, each against the others (${line.genuine.length})`), svg("text", { x: L, y: 110 }, `others (${line.impostor.length})`),
      ticks, rule(line.tau, "tau"), rule(line.smallest, "small"), rule(line.threshold, "cut"),
      svg("text", { class: "strong", x: at + (left ? -5 : 5), y: 12, "text-anchor": left ? "end" : "start" }, `the line, ${line.threshold.toFixed(2)}`)),
      el("figcaption", {}, "Dashed: the line by others (grey), the lowest source (green)."));
  }

  /** Points (others that pass, right ones that pass) for a line that falls through all scores. */
  flen.roc = (genuine, impostor) => {
    const share = (scores, cut) => scores.filter((s) => s >= cut).length / scores.length;
    const cuts = [...new Set([...genuine, ...impostor])].sort((a, b) => b - a);
    return [[0, 0], ...cuts.map((cut) => [share(impostor, cut), share(genuine, cut)])];
  };
  function roc(line) {
    const SIZE = 210, L = 30, B = 24, LEAST = 1e-3;
    const x = (share) => L + (Math.log10(Math.max(share, LEAST)) + 3) / 3 * (SIZE - L - 8);
    const y = (share) => 8 + (1 - share) * (SIZE - B - 8);
    const points = flen.roc(line.genuine, line.impostor);
    const path = points.map(([a, b], n) => (n ? `H${x(a).toFixed(1)}V${y(b).toFixed(1)}` : `M${x(a).toFixed(1)} ${y(b).toFixed(1)}`)).join("");
    const here = [line.impostor, line.genuine].map((scores) => scores.filter((s) => s >= line.threshold).length / scores.length);
    return el("figure", { class: "roc" }, svg("svg", { viewBox: `0 0 ${SIZE} ${SIZE}`, role: "img", "aria-label": `ROC${line.auc === null ? "" : `, area ${line.auc.toFixed(3)}`}` },
      [0.001, 0.01, 0.1, 1].map((v) => [svg("line", { class: "axis", x1: x(v), x2: x(v), y1: y(0), y2: y(1) }), svg("text", { x: x(v), y: SIZE - 8, "text-anchor": v === 1 ? "end" : "middle" }, percent(v))]),
      [0, 0.5, 1].map((v) => [svg("line", { class: "axis", x1: L, x2: SIZE - 8, y1: y(v), y2: y(v) }), svg("text", { x: L - 4, y: y(v) + 4, "text-anchor": "end" }, String(100 * v))]),
      svg("path", { class: "curve", d: path }), svg("circle", { class: "dot", cx: x(here[0]), cy: y(here[1]), r: 4 })),
      el("figcaption", {}, `Right pictures that pass (%) over others that pass${line.auc === null ? "" : `; area ${line.auc.toFixed(3)}`}. The dot is the line.`));
  }

  /* ---- the dialog */

  const table = (head, rows) => el("table", { class: "ln-table" }, el("thead", {}, el("tr", {}, head.map((t) => el("th", { scope: "col" }, t)))),
    el("tbody", {}, rows.map((r) => el("tr", {}, r.map((c, n) => (n ? el("td", {}, c) : el("th", { scope: "row" }, c)))))));
  const fact = (number, words, title = "") => el("div", { class: "fact", title }, el("b", {}, number), el("span", {}, words));

  function numbers(line) {
    const f = line.frr;
    return el("div", { class: "ln-facts" },
      fact(line.threshold.toFixed(2), "right from here on"),
      fact(line.floor > -1 ? line.floor.toFixed(2) : "never", "someone else below"),
      fact(line.impostors ? range(line.far_low, line.far_high) : "not known", "others that pass", "false accepts (FAR) of the line by others, 95 % interval"),
      fact(f.total ? range(f.low, f.high) : "not known", `right ones that do not pass (${f.out} of ${f.total})`, "false rejects (FRR), 95 % interval"));
  }
  function details(line) {
    const usual = [...line.genuine].sort((a, b) => a - b)[Math.floor(line.genuine.length / 2)];
    return el("div", { class: "ln-two" },
      el("section", {}, el("h3", {}, "Right pictures that do not pass, by angle"),
        table(["angle", "pictures", "do not pass", "95 % interval", "someone else"], line.rejects.map((r) => [r.angle, r.total, r.not_passed, range(r.low, r.high), r.failed].map(String)))),
      el("section", {}, el("h3", {}, "Others that come closest"),
        line.closest.length ? table(["who", "highest score"], line.closest.map(([who, score]) => [who, `${score.toFixed(2)}${score >= usual ? " (the same person?)" : ""}`])) : el("p", { class: "dim" }, "Nobody.")));
  }
  function standing(line, data) {
    if (line.provisional) return ["warn", "Provisional: this line is not used yet.", line.why];
    if (line.stale) return ["warn", "Not used any more: the sources have changed since.", "Calibrate again, and it holds for the sources of today."];
    const n = data.waiting;
    if (line.frr.out > line.frr.total / 3) return ["warn", `In use, but ${line.frr.out} of ${line.frr.total} right pictures would not pass it.`,
      "They come to you as unsure. More sources of each angle help; and look at the others that come closest: is one of them the same person?"];
    return n ? ["warn", `${count(n, "picture")} ${n === 1 ? "was" : "were"} judged by another line.`, "New pictures are judged by this one; the earlier ones when you say so."]
      : ["good", "In use: every new picture is judged by it.", ""];
  }
  function drawnLine(line, data) {
    const [tone, title, words] = standing(line, data);
    return [
      el("p", { class: `ln-state ${tone}` }, el("b", {}, title), words ? ` ${words}` : ""),
      numbers(line),
      el("p", { class: "ln-why" }, line.words),
      line.genuine.length && line.impostor.length ? el("div", { class: "ln-figures" }, histogram(line), roc(line)) : null,
      details(line),
    ];
  }
  function nothingYet(data) {
    const start = data.start === null ? "a starting value" : `a starting value, ${data.start.toFixed(2)} for a pair of pictures`;
    return el("div", { class: "ln-none" },
      el("p", {}, el("b", {}, `No line has been drawn for ${data.character} yet. `), `Until then pictures are called right or wrong by ${start}, the same for everybody.`),
      el("p", { class: "dim" }, "Calibrating holds each source against the others, and pictures of other people against all of them. The line comes to lie where at most 1 of 100 others would pass."));
  }
  function need(data) {
    if (data.shut) return el("p", { class: "ln-state warn" }, el("b", {}, "Not yet. "), data.shut);
    if (data.weak.length) return el("div", { class: "ln-state warn" }, el("b", {}, "It can be drawn, but it would not be used:"), el("ul", {}, data.weak.map((w) => el("li", {}, w))));
    return el("p", { class: "dim" }, `There is enough: ${count(data.sources, "source")}, held against ${count(data.others, "other")}.`);
  }

  let shown = null;
  flen.openLine = () => flen.attempt(async () => {
    if (shown) return;
    const body = el("div", { class: "ln-body" });
    const foot = el("div", { class: "ln-foot" });
    const box = (shown = flen.dialog("Identity line", el("div", { class: "ln" }, body, foot), { id: "line-dialog", wide: true }));
    const model = { data: null, which: "", print: "" };
    const meter = el("progress", { id: "line-progress", max: "1", "aria-label": "Progress of the calibration" });
    const told = el("span", { class: "numbers" });
    const stop = flen.button("Stop", () => flen.attempt(async () => { const job = atWork(flen.state); if (job) { await flen.post(`/jobs/${job.id}/cancel`); await flen.poll(); } }), { id: "line-stop", icon: "stop" });
    const progress = el("div", { class: "ln-progress", role: "group", "aria-label": "Calibration at work" }, meter, told, stop);
    const act = (path) => flen.attempt(async () => { await flen.post(path, path === "/line" ? { far: model.data.far } : {}); await flen.poll(); });
    const draw = flen.button("Calibrate", () => act("/line"), { id: "line-calibrate", class: "primary" });
    const judge = flen.button("", () => act("/line/judge"), { id: "line-judge", class: "primary" });
    const report = el("a", { id: "line-report", class: "fb", target: "_blank", rel: "noopener" }, "Whole report");
    foot.append(progress, report, el("span", { class: "grow" }), judge, draw);

    function paintWork() {
      const job = atWork(flen.state);
      progress.hidden = !job;
      draw.disabled = Boolean(job) || !model.data || Boolean(model.data.shut);
      if (!job) return;
      if (job.total) meter.value = job.done / job.total; else meter.removeAttribute("value");
      told.textContent = [job.state === "queued" ? "waits for the job before it" : job.total ? `${job.done} of ${job.total} pictures looked at` : "starting", job.note, flen.minutes(job.left)].filter(Boolean).join(" · ");
    }
    function paint() {
      const data = model.data;
      const line = data.lines.find((l) => l.recogniser === model.which) || data.lines[0];
      box.querySelector("h2").textContent = `Identity line of ${data.character}`;
      const choose = data.lines.length > 1 ? el("div", { class: "segs ln-which", role: "group", "aria-label": "Whose eyes" }, data.lines.map((l, n) =>
        flen.button(n ? `${l.recogniser} (second opinion)` : `${l.recogniser} (the gate)`, () => { model.which = l.recogniser; paint(); }, { class: "seg", "aria-pressed": String(l === line) }))) : null;
      body.replaceChildren(...[choose, data.failed ? el("p", { class: "problem", role: "alert" }, `The last calibration failed: ${data.failed}`) : null,
        line ? drawnLine(line, data) : nothingYet(data), !line || data.shut || data.weak.length ? need(data) : null].flat().filter(Boolean));
      draw.textContent = line ? "Calibrate again" : "Calibrate";
      draw.classList.toggle("primary", !line || line.provisional || line.stale);
      judge.hidden = !data.waiting;
      judge.textContent = `Judge ${count(data.waiting, "picture")} by it`;
      report.hidden = !line;
      if (line) report.href = line.report;
      paintWork();
    }
    async function load() {
      const data = await flen.get("/line").catch(() => null);
      const print = JSON.stringify(data);
      if (!data?.character || print === model.print) { paintWork(); return; }
      model.print = print;
      model.data = data;
      paint();
    }
    const follow = ({ detail }) => { if (detail.moved) load(); else paintWork(); };
    document.addEventListener("flen:live", follow);
    box.addEventListener("close", () => { document.removeEventListener("flen:live", follow); shown = null; });
    box.showModal();
    await load();
    (draw.disabled ? box : draw).focus();
  });

  /* ---- doors to it */

  /** A button that tells the line and opens it. */
  flen.lineButton = (id) => {
    const words = el("span", {});
    const button = el("button", { id, type: "button", class: "fb quiet line-door", title: "Where the identity line lies, and why", onclick: flen.openLine }, icon("rule"), words);
    const load = async () => {
      const line = await flen.get("/line/now").catch(() => null);
      if (!line) return;
      button.hidden = line.state === "nobody";
      button.classList.toggle("alert", ["provisional", "stale"].includes(line.state));
      words.textContent = { used: `Identity line ${line.threshold?.toFixed(2)}`, provisional: "Identity line: provisional", stale: "Identity line: calibrate again" }[line.state] || "Identity line: calibrate";
      button.setAttribute("aria-label", words.textContent);
    };
    return { button, load };
  };
  islands["identity-line"] = (root, options) => {
    const { button, load } = flen.lineButton(options.id);
    root.append(button);
    flen.whenSeen(root, load);
  };
})();
