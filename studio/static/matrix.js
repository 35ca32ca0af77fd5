/* The comparison matrix: sticky row pictures and column stacks; every output in its cell, rated where it stands. */
(() => {
  "use strict";
  const { el, icon, islands } = flen;
  const DIMENSIONS = { image: "pictures", prompt: "prompts", stack: "stacks" };

  islands.matrix = (root, options, io) => {
    const model = { survey: io.value() || options.survey, data: null, rows: "image", columns: "stack", blind: false, only: "", order: [], focus: null, armed: false };
    const bar = el("div", { class: "mx-bar" });
    const table = el("table", { class: "mx" });
    const live = el("div", { class: "sr", role: "status", "aria-live": "polite" });
    root.classList.add("matrix");
    const hint = (key, words) => [el("kbd", {}, key), `${words} `];
    const keys = el("p", { class: "mx-hint" }, hint("←→↑↓", "move"), hint("1-5", "identity"), hint("Shift+1-5", "edit"), hint("F", "failure"), hint("C", "compare"), hint("Enter", "open"));
    root.append(bar, el("div", { class: "mx-scroll" }, table), keys, live);

    const values = (dimension) => {
      const data = model.data;
      if (dimension === "image") return data.images.map((id, n) => ({ key: id, image: id, words: `Picture ${n + 1}` }));
      if (dimension === "prompt") return data.prompts.map((p) => ({ key: p.key, words: p.key, about: p.text }));
      const order = model.blind ? model.order : data.stacks;
      return order.map((label, n) => ({ key: label, words: model.blind ? `Stack ${String.fromCharCode(65 + n)}` : label }));
    };
    const third = () => Object.keys(DIMENSIONS).find((d) => d !== model.rows && d !== model.columns);
    const heading = (v) => [v.image ? el("img", { src: flen.img(v.image, 256), alt: v.words }) : null, el("span", { title: v.about || v.words }, v.words)];

    function figure(tile) {
      const state = tile.state;
      return el("button", { type: "button", class: `mx-pic l-${state.label || "open"}`, dataset: { id: tile.id }, tabindex: "-1", onfocus: () => { model.focus = tile; rove(); },
        onclick: () => { io.say({ image: tile.id }); flen.openPicture(tile.id, { where: "survey", after: (s) => { tile.state = s; load(); } }); } },
        flen.thumb(tile), el("span", { class: "mx-under" }, flen.identity(tile),
          state.identity || state.edit ? el("span", { class: "mx-rate", title: "identity, edit quality" }, `${state.identity ?? "-"} / ${state.edit ?? "-"}`) : null,
          state.failures.length ? el("span", { class: "mx-fail", title: state.failures.join(", ") }, `${state.failures.length} flaws`) : null));
    }
    function paint() {
      const data = model.data;
      keys.hidden = !data?.cells.length;
      if (!data) { table.replaceChildren(); bar.replaceChildren(el("p", { class: "empty" }, options.empty)); return; }
      paintBar();
      const rows = values(model.rows);
      const columns = values(model.columns);
      const rest = third();
      const at = new Map();
      for (const tile of data.cells) {
        if (model.only && tile.at[rest] !== model.only) continue;
        const key = JSON.stringify([tile.at[model.rows], tile.at[model.columns]]);
        at.set(key, [...(at.get(key) || []), tile]);
      }
      const several = !model.only && values(rest).length > 1;
      const cell = (row, column) => {
        const tiles = at.get(JSON.stringify([row.key, column.key])) || [];
        return el("td", { class: several ? "several" : "" }, tiles.length ? tiles.map(figure) : el("span", { class: "mx-none", role: "img", "aria-label": "Not made yet", title: "Not made yet" }, icon("dash")));
      };
      table.dataset.rows = model.rows;
      table.replaceChildren(el("thead", {}, el("tr", {}, el("th", { class: "corner" }, DIMENSIONS[model.rows]), columns.map((c) => el("th", { scope: "col" }, heading(c))))),
        el("tbody", {}, rows.map((r) => el("tr", {}, el("th", { scope: "row" }, heading(r)), columns.map((c) => cell(r, c))))));
      rove();
    }
    function paintBar() {
      const rest = third();
      const set = (change) => () => { Object.assign(model, change()); paint(); };
      const chip = (key, words) => flen.button(words, set(() => ({ only: key })), { class: "chip", "aria-pressed": String(model.only === key) });
      const choose = el("select", { "aria-label": "Survey", onchange: () => { model.survey = choose.value; load(); } },
        model.data.versions.map((v) => el("option", { value: v.id, selected: v.id === model.data.id }, v.version)));
      const turn = () => {
        const order = ["image", "prompt", "stack"].filter((d) => d !== model.columns);
        return model.rows === order[0] ? { rows: order[1], only: "" } : { rows: order[0], only: "" };
      };
      const file = (words, as, title) => el("a", { class: "fb quiet", href: `/survey-report/${model.data.id}?form=${as}`, target: as === "html" ? "_blank" : null, rel: "noopener", download: as === "json" ? "" : null, title }, icon("download"), words);
      bar.replaceChildren(choose,
        flen.button("Swap axes", set(() => ({ rows: model.columns, columns: model.rows })), { icon: "swap", class: "quiet" }),
        flen.button(`Rows: ${DIMENSIONS[model.rows]}`, set(turn), { class: "quiet" }),
        flen.button("Blind", set(() => ({ blind: !model.blind, order: [...model.data.stacks].map((s) => [Math.random(), s]).sort((a, b) => a[0] - b[0]).map(([, s]) => s) })),
          { icon: "eye", class: "quiet", "aria-pressed": String(model.blind), title: "Hide the names of the stacks" }),
        flen.button("Compare", () => compare(model.focus), { id: "matrix-compare", icon: "split", class: "quiet", title: "A against B: slider, blink, difference (C in a cell)" }),
        el("span", { class: "grow" }),
        flen.button("Picture", picture, { id: "matrix-picture", icon: "download", class: "quiet", title: "This matrix as one PNG, with its labels" }),
        file("Report", "html", "What was tested, how each stack did, the decision and its reasons: one page with pictures"), file("JSON", "json", "The same as data"),
        el("div", { class: "chips" }, chip("", `All ${DIMENSIONS[rest]}`), values(rest).map((v) => chip(v.key, v.words))));
    }
    const titled = (dimension, key) => values(dimension).find((v) => v.key === key)?.words || key;
    /** A place of the survey is a picture with a prompt; the stacks stand against each other in it, and the source itself. */
    function compare(tile) {
      const places = model.data.images.flatMap((image) => model.data.prompts.map((p) => ({ image, prompt: p.key })));
      const spots = places.filter((p) => !model.only || [p.image, p.prompt].includes(model.only) || third() === "stack").map((p) => ({
        words: `${titled("image", p.image)}, ${p.prompt}`, key: JSON.stringify([p.image, p.prompt]),
        pictures: { source: { id: p.image, verdict: null, score: null }, ...Object.fromEntries(model.data.cells.filter((t) => t.at.image === p.image && t.at.prompt === p.prompt).map((t) => [t.at.stack, t])) },
      }));
      const columns = [{ key: "source", words: "source" }, ...values("stack")];
      const stacks = columns.slice(1).map((c) => c.key);
      const b = tile?.at.stack ?? stacks[1] ?? stacks[0];
      const a = stacks.find((s) => s !== b) ?? "source";
      const at = tile ? spots.findIndex((p) => p.key === JSON.stringify([tile.at.image, tile.at.prompt])) : 0;
      if (spots.length) flen.compare(spots, columns, { at: Math.max(0, at), a, b });
    }
    const laid = () => {
      const rest = third(), rows = values(model.rows), columns = values(model.columns);
      const of = (r, c) => model.data.cells.filter((t) => (!model.only || t.at[rest] === model.only) && t.at[model.rows] === r.key && t.at[model.columns] === c.key);
      return { rows, columns, corner: DIMENSIONS[model.rows], title: `Survey ${model.data.version}${model.only ? `, ${titled(rest, model.only)}` : ""}`, cells: rows.map((r) => columns.map((c) => of(r, c))) };
    };
    const picture = () => flen.attempt(async () => {
      const canvas = await flen.drawMatrix(laid());
      canvas.toBlob((blob) => flen.download(blob, `survey-${model.data.id.replace("/", "-")}.png`));
    });
    function rate(action, value) {
      const tile = model.focus;
      flen.decide(tile.id, action, value, { where: "survey" });
      Object.assign(tile, flen.foresee(tile, action, value));
      live.textContent = `${action} ${value ?? "cleared"}`;
      const old = table.querySelector(`[data-id="${tile.id}"]`);
      const fresh = figure(tile);
      old?.replaceWith(fresh);
      fresh.focus();
    }
    function move(event, dx, dy) {
      const own = event.target.closest("td"), row = own.parentElement;
      const line = [...row.querySelectorAll(".mx-pic")];
      const within = [...own.querySelectorAll(".mx-pic")].indexOf(event.target);
      if (dx) { line[line.indexOf(event.target) + dx]?.focus(); return; }
      for (let next = table.rows[row.rowIndex + dy]; next && next.parentElement === row.parentElement; next = table.rows[next.rowIndex + dy]) {
        const there = next.cells[own.cellIndex]?.querySelectorAll(".mx-pic");
        if (there?.length) { there[Math.min(within, there.length - 1)].focus(); return; }
      }
    }
    /** One picture of the matrix is a stop of the Tab key; arrows go on from there. */
    function rove() {
      const pictures = [...table.querySelectorAll(".mx-pic")];
      const stop = pictures.find((p) => p.dataset.id === model.focus?.id) || pictures[0];
      pictures.forEach((p) => { p.tabIndex = p === stop ? 0 : -1; });
    }
    root.addEventListener("keydown", (event) => {
      if (!event.target.classList?.contains("mx-pic") || event.ctrlKey || event.altKey || event.metaKey) return;
      const digit = /^Digit([0-5])$/.exec(event.code)?.[1];
      const steps = { ArrowRight: [1, 0], ArrowLeft: [-1, 0], ArrowDown: [0, 1], ArrowUp: [0, -1] };
      if (model.armed) {
        model.armed = false;
        const name = flenPage.failures[event.key.toLowerCase()];
        if (name) rate("failure", name);
      } else if (digit) rate(event.shiftKey ? "edit" : "identity", Number(digit) || null);
      else if (event.key in steps) move(event, ...steps[event.key]);
      else if (event.key.toLowerCase() === "c") compare(model.focus);
      else if (event.key.toLowerCase() === "f") { model.armed = true; live.textContent = "Failure mode: press its letter."; }
      else return;
      event.preventDefault();
    });
    async function load() {
      const asked = performance.now();
      const { survey } = await flen.get(`/survey/${model.survey || "latest"}`).catch(() => ({ survey: null }));
      const print = JSON.stringify(survey);
      if (print === model.print) return;
      const mine = flen.fresher(asked);
      const old = new Map((model.data?.cells || []).map((t) => [t.id, t.state]));
      for (const tile of survey?.cells || []) if (mine.has(tile.id) && old.has(tile.id)) tile.state = old.get(tile.id);
      model.print = print;
      model.data = survey;
      if (survey && model.blind) model.order = [...model.order.filter((s) => survey.stacks.includes(s)), ...survey.stacks.filter((s) => !model.order.includes(s))];
      const focus = document.activeElement?.dataset?.id;
      paint();
      if (focus && root.contains(table)) table.querySelector(`[data-id="${focus}"]`)?.focus({ preventScroll: true });
    }
    io.onValue((value) => { model.survey = value || "latest"; load(); });
    flen.whenSeen(root, load);
  };
})();
