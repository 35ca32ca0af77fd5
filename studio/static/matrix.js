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
    root.append(bar, el("div", { class: "mx-scroll" }, table), live);

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
      return el("button", { type: "button", class: `mx-pic l-${state.label || "open"}`, dataset: { id: tile.id }, onfocus: () => { model.focus = tile; },
        onclick: () => { io.say({ image: tile.id }); flen.openPicture(tile.id, { where: "survey", after: (s) => { tile.state = s; load(); } }); } },
        flen.thumb(tile), el("span", { class: "mx-under" }, flen.identity(tile),
          state.identity || state.edit ? el("span", { class: "mx-rate", title: "identity, edit quality" }, `${state.identity ?? "-"} / ${state.edit ?? "-"}`) : null,
          state.failures.length ? el("span", { class: "mx-fail", title: state.failures.join(", ") }, `${state.failures.length} flaws`) : null));
    }
    function paint() {
      const data = model.data;
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
        return el("td", { class: several ? "several" : "" }, tiles.length ? tiles.map(figure) : el("span", { class: "mx-none", title: "Not made yet" }, icon("dash")));
      };
      table.dataset.rows = model.rows;
      table.replaceChildren(el("thead", {}, el("tr", {}, el("th", { class: "corner" }, DIMENSIONS[model.rows]), columns.map((c) => el("th", { scope: "col" }, heading(c))))),
        el("tbody", {}, rows.map((r) => el("tr", {}, el("th", { scope: "row" }, heading(r)), columns.map((c) => cell(r, c))))));
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
      bar.replaceChildren(choose,
        flen.button("Swap axes", set(() => ({ rows: model.columns, columns: model.rows })), { icon: "swap", class: "quiet" }),
        flen.button(`Rows: ${DIMENSIONS[model.rows]}`, set(turn), { class: "quiet" }),
        flen.button("Blind", set(() => ({ blind: !model.blind, order: [...model.data.stacks].map((s) => [Math.random(), s]).sort((a, b) => a[0] - b[0]).map(([, s]) => s) })),
          { icon: "eye", class: "quiet", "aria-pressed": String(model.blind), title: "Hide the names of the stacks" }),
        el("div", { class: "chips" }, chip("", `All ${DIMENSIONS[rest]}`), values(rest).map((v) => chip(v.key, v.words))));
    }
    function rate(action, value) {
      const tile = model.focus;
      flen.decide(tile.id, action, value, { where: "survey" });
      tile.state = flen.after(tile.state, action, value);
      live.textContent = `${action} ${value ?? "cleared"}`;
      const old = table.querySelector(`[data-id="${tile.id}"]`);
      const fresh = figure(tile);
      old?.replaceWith(fresh);
      fresh.focus();
    }
    function move(event, dx, dy) {
      const cell = event.target.closest("td");
      const row = cell.parentElement.rowIndex + dy;
      const next = table.rows[row]?.cells[cell.cellIndex + dx]?.querySelector(".mx-pic");
      next?.focus();
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
