/* Two pictures of a survey held against each other: slider, blink, difference, side by side. Keys for all of it. */
(() => {
  "use strict";
  const { el } = flen;
  const BLINK_MS = 700;
  const MODES = { slider: ["Slider", "s"], blink: ["Blink", "b"], difference: ["Difference", "d"], beside: ["Side by side", "t"] };
  const REMEMBER = "flen:compare";

  const loaded = (node) => (node.complete && node.naturalWidth ? Promise.resolve() : node.decode());

  /** How two loaded pictures differ: `canvas` gets |a - b| times `gain`; returns the mean (0-1) and the share of pixels
   * in which a channel differs by more than 1 of 16. B is brought to the size of A. */
  flen.difference = (a, b, canvas, gain) => {
    const scale = Math.min(1, 1024 / Math.max(a.naturalWidth, a.naturalHeight));
    const w = (canvas.width = Math.round(a.naturalWidth * scale)), h = (canvas.height = Math.round(a.naturalHeight * scale));
    const pen = canvas.getContext("2d", { willReadFrequently: true });
    const pixels = [a, b].map((node) => { pen.drawImage(node, 0, 0, w, h); return pen.getImageData(0, 0, w, h); });
    const [one, two] = pixels.map((p) => p.data);
    let sum = 0, changed = 0;
    for (let n = 0; n < one.length; n += 4) {
      let most = 0;
      for (let c = n; c < n + 3; c += 1) {
        const d = Math.abs(one[c] - two[c]);
        sum += d;
        most = Math.max(most, d);
        one[c] = Math.min(255, d * gain);
      }
      if (most > 16) changed += 1;
    }
    pen.putImageData(pixels[0], 0, 0);
    return { mean: sum / (w * h * 3 * 255), changed: changed / (w * h) };
  };

  /** Opens the comparison. `cases` are places of the survey: `{words, pictures: {key: tile}}`; `columns` what stands in
   * them: `{key, words}`; `start` says where to begin: `{at, a, b}`. */
  flen.compare = (cases, columns, start) => {
    const model = { at: start.at, a: start.a, b: start.b, mode: localStorage.getItem(REMEMBER) || "slider", split: 50, gain: 4, front: "a" };
    if (!(model.mode in MODES)) model.mode = "slider";
    const [first, second] = ["a", "b"].map((side) => el("img", { class: `cp-${side}`, alt: "", draggable: false }));
    const canvas = el("canvas", { class: "cp-diff", role: "img" });
    const edge = el("i", { class: "cp-edge" });
    const none = el("p", { class: "cp-none" });
    const stage = el("div", { class: "cp-stage" }, first, second, canvas, edge, none);
    const choose = (side, words) => el("select", { id: `compare-${side}`, "aria-label": words, onchange: (e) => { model[side] = e.target.value; paint(); } },
      columns.map((c) => el("option", { value: c.key }, c.words)));
    const picks = { a: choose("a", "Picture A"), b: choose("b", "Picture B") };
    const split = el("input", { id: "compare-split", type: "range", min: "0", max: "100", "aria-label": "Where A ends and B begins, percent", oninput: () => { model.split = Number(split.value); place(); } });
    const gain = el("input", { id: "compare-gain", type: "range", min: "1", max: "16", "aria-label": "Difference, times", oninput: () => { model.gain = Number(gain.value); paint(); } });
    const told = el("span", { id: "compare-told", class: "numbers dim", role: "status", "aria-live": "polite" });
    const where = el("b", { id: "compare-where", class: "numbers" });
    const modes = Object.entries(MODES).map(([mode, [words, key]]) => flen.button(words, () => turn(mode), { id: `compare-${mode}`, class: "seg", title: key.toUpperCase() }));
    const step = (by) => { model.at = (model.at + by + cases.length) % cases.length; paint(); };
    const swap = () => { [model.a, model.b] = [model.b, model.a]; paint(); };
    const turn = (mode) => { model.mode = mode; localStorage.setItem(REMEMBER, mode); model.front = "a"; paint(); };
    const top = el("div", { class: "cp-bar" }, el("span", { class: "dim" }, "A"), picks.a, flen.button("", swap, { icon: "swap", class: "quiet", "aria-label": "Swap A and B", title: "Swap (X)" }), el("span", { class: "dim" }, "B"), picks.b,
      el("span", { class: "grow" }), el("div", { class: "segs", role: "group", "aria-label": "How" }, modes));
    const hint = (key, words) => [el("kbd", {}, key), `${words} `];
    const foot = el("div", { class: "cp-bar" }, flen.button("Previous", () => step(-1), { id: "compare-previous" }), flen.button("Next", () => step(1), { id: "compare-next" }), where, el("span", { class: "grow" }),
      split, gain, told, el("span", { class: "dim cp-keys" }, hint("N", "next"), hint("P", "previous"), hint("X", "swap"), hint("←→", "split")));
    const box = flen.dialog("Compare", el("div", { class: "cp" }, top, stage, foot), { id: "compare-dialog", wide: true });

    const tile = (side) => cases[model.at].pictures[model[side]];
    function place() {
      stage.style.setProperty("--split", `${model.split}%`);
      split.value = String(model.split);
    }
    async function measure() {
      const [a, b] = [tile("a"), tile("b")];
      if (model.mode !== "difference" || !a || !b) return;
      await Promise.all([first, second].map(loaded)).catch(() => {});
      if (model.mode !== "difference" || tile("a") !== a || tile("b") !== b || !first.naturalWidth || !second.naturalWidth) return;
      const d = flen.difference(first, second, canvas, model.gain);
      told.textContent = `mean difference ${(100 * d.mean).toFixed(1)} %, ${Math.round(100 * d.changed)} % of the pixels differ`;
      canvas.setAttribute("aria-label", told.textContent);
    }
    function paint() {
      const spot = cases[model.at];
      for (const [side, node] of [["a", first], ["b", second]]) {
        const one = tile(side), source = one ? flen.img(one.id) : "";
        if (one && node.getAttribute("src") !== source) node.src = source;
        if (!one) node.removeAttribute("src");
        node.alt = one ? `${side.toUpperCase()}: ${columns.find((c) => c.key === model[side]).words}` : "";
        picks[side].value = model[side];
      }
      stage.dataset.mode = model.mode;
      stage.dataset.front = model.front;
      modes.forEach((b) => b.setAttribute("aria-pressed", String(b.id === `compare-${model.mode}`)));
      const lost = ["a", "b"].filter((side) => !tile(side)).map((side) => side.toUpperCase());
      none.hidden = !lost.length;
      none.textContent = lost.length ? `${lost.join(" and ")} ${lost.length > 1 ? "have" : "has"} not been made here yet.` : "";
      split.hidden = model.mode !== "slider";
      gain.hidden = model.mode !== "difference";
      gain.value = String(model.gain);
      where.textContent = `${model.at + 1} of ${cases.length}: ${spot.words}`;
      const score = (side) => { const one = tile(side); return one?.verdict ? `${side.toUpperCase()} ${one.verdict}${one.score === null ? "" : ` ${one.score.toFixed(2)}`}` : ""; };
      told.textContent = [score("a"), score("b")].filter(Boolean).join(", ");
      place();
      measure();
    }
    const blinking = setInterval(() => {
      if (model.mode !== "blink") return;
      model.front = model.front === "a" ? "b" : "a";
      stage.dataset.front = model.front;
    }, BLINK_MS);
    box.addEventListener("close", () => clearInterval(blinking));
    stage.addEventListener("pointerdown", (event) => {
      if (model.mode !== "slider") return;
      event.preventDefault();
      const slide = (e) => {
        const area = stage.getBoundingClientRect();
        model.split = Math.max(0, Math.min(100, Math.round(100 * (e.clientX - area.left) / area.width)));
        place();
      };
      stage.setPointerCapture(event.pointerId);
      stage.addEventListener("pointermove", slide);
      stage.addEventListener("pointerup", () => stage.removeEventListener("pointermove", slide), { once: true });
      slide(event);
    });
    box.addEventListener("keydown", (event) => {
      if (event.ctrlKey || event.altKey || event.metaKey || event.target.tagName === "SELECT") return;
      const mode = Object.keys(MODES).find((m) => MODES[m][1] === event.key.toLowerCase());
      const slide = { ArrowLeft: -5, ArrowRight: 5 }[event.key];
      const act = mode ? () => turn(mode) : { n: () => step(1), p: () => step(-1), x: swap }[event.key.toLowerCase()]
        || (slide && model.mode === "slider" && event.target !== split ? () => { model.split = Math.max(0, Math.min(100, model.split + slide)); place(); } : null);
      if (!act) return;
      event.preventDefault();
      event.stopPropagation();
      act();
    });
    box.showModal();
    paint();
    modes.find((b) => b.id === `compare-${model.mode}`).focus();
  };
})();
