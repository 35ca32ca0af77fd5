// @ts-nocheck
/* Review: what is at the gate, where we are in it, and what was decided. The views are in review_view.js, review_grid.js. */
import { flen, flenPage } from "../core/flen.js";
import "./decisions.js";
import "./keys.js";
import "./pristine.js";
import "./review_view.js";
import "./review_grid.js";
(() => {
  "use strict";
  const { islands } = flen;
  const REMEMBER = "flen:review";
  const REST_MS = 1500;
  const LABEL_OF = { good: "good", reject: "reject", correct: "needs_correction", clear: null };

  const FILTERS = {
    open: ["To judge", (t) => !t.state.label],
    all: ["All", () => true],
    good: ["Good", (t) => t.state.label === "good"],
    needs_correction: ["To correct", (t) => t.state.label === "needs_correction"],
    reject: ["Rejected", (t) => t.state.label === "reject"],
    right: ["right", (t) => t.verdict === "right"],
    unsure: ["unsure", (t) => t.verdict === "unsure" || t.verdict === "cannot tell"],
    wrong: ["wrong", (t) => t.verdict === "wrong"],
  };
  const recall = () => { try { return JSON.parse(localStorage.getItem(REMEMBER) || "{}"); } catch { return {}; } };

  islands.review = (root, options) => {
    const past = recall();
    const model = {
      gates: options.gates, filters: FILTERS, gate: past.gate in options.gates ? past.gate : Object.keys(options.gates)[0],
      filter: "open", tiles: new Map(), order: [], at: 0, mode: "single", armed: false,
      advance: past.advance !== false, compare: past.compare !== false, info: past.info !== false, zoom: false, peek: false,
    };
    const done = [];
    const undone = [];
    let arrived = "";
    let picked = "";  // the pile that the user chose a filter for: its arrival does not choose another
    let decided = -Infinity;
    let telling = Promise.resolve();  // what pictures show is told one by one, in the order it was said
    let told = 0;

    const owner = () => `${flen.state?.character?.id}/${model.gate}`;
    const where = () => (model.gate === "card" ? "card" : "review");
    const current = () => model.tiles.get(model.order[model.at]);
    const keep = () => localStorage.setItem(REMEMBER, JSON.stringify({ gate: model.gate, advance: model.advance, compare: model.compare, info: model.info,
      at: { ...recall().at, ...(current() && { [model.gate]: current().id }) } }));
    const paint = (what) => { view.paint(what); keep(); };
    const choose = () => [...model.tiles.values()].filter(FILTERS[model.filter][1]).map((t) => t.id);

    async function load(fresh) {
      await telling;
      const heard = told;
      const asked = performance.now();
      const gate = model.gate;
      const found = await flen.get(`/review?gate=${gate}`).catch(() => null);
      if (!found || gate !== model.gate) return;
      if (heard !== told) { await load(fresh); return; }  // said meanwhile: the answer does not know of it
      const mine = flen.fresher(asked);
      const tiles = new Map();
      for (const tile of found.items) {
        const old = model.tiles.get(tile.id);
        tiles.set(tile.id, old && mine.has(tile.id) ? { ...tile, state: old.state } : tile);
      }
      const here = model.order[model.at];
      model.tiles = tiles;
      if (fresh || owner() !== arrived) {
        arrived = owner();
        done.length = undone.length = 0;
        if (picked !== arrived) {
          picked = "";
          model.filter = [...tiles.values()].some(FILTERS.open[1]) ? "open" : "all";
        }
        model.order = choose();
        model.at = Math.max(0, model.order.indexOf(recall().at?.[gate]));
      } else {
        const kept = model.order.filter((id) => tiles.has(id));
        const there = new Set(kept);
        model.order = [...kept, ...choose().filter((id) => !there.has(id))];
        model.at = Math.max(0, model.order.indexOf(here));
      }
      paint("all");
    }

    function go(to) {
      const bound = Math.max(0, Math.min(model.order.length - 1, to));
      if (bound === model.at && to !== bound) view.say(to < 0 ? "This is the first picture." : "This is the last picture.");
      model.at = bound;
      model.peek = false;
      paint("picture");
    }
    function record(tile, action, value, words, extra = {}) {
      const before = tile.state;
      const decision = flen.decide(tile.id, action, value, { where: where(), ...extra });
      tile.state = flen.after(before, action, value);
      done.push({ tile: tile.id, before, after: tile.state, action, value, decision: decision.id, words });
      undone.length = 0;
      decided = performance.now();
      view.say(words);
    }
    function label(name) {
      const tile = current();
      if (!tile) return;
      const value = LABEL_OF[name];
      record(tile, "label", value, value ? flen.LABELS[value][0] : "label cleared");
      if (value && model.advance && model.at < model.order.length - 1) { model.at += 1; paint("picture"); }
      else { if (value && model.at === model.order.length - 1) view.say(`${flen.LABELS[value][0]}. That was the last picture.`); paint("state"); }
    }
    function rate(action, digit) {
      const tile = current();
      if (!tile) return;
      const value = Number(digit) || null;
      record(tile, action, value, `${action === "edit" ? "edit quality" : "identity"} ${value ?? "cleared"}`);
      paint("state");
    }
    function failure(letter) {
      model.armed = false;
      const tile = current();
      const name = flenPage.failures[letter];
      if (tile && name) {
        const had = tile.state.failures.includes(name);
        record(tile, "failure", name, `${name} ${had ? "taken back" : "noted"}`);
      }
      paint("state");
    }
    function turn(from, to, back) {
      const step = from.pop();
      if (!step) { view.say(back ? "Nothing to undo." : "Nothing to redo."); return; }
      const tile = model.tiles.get(step.tile);
      if (tile) {
        (step.tags ? retag : redecide)(tile, step, back);
        const at = model.order.indexOf(step.tile);
        if (at >= 0) model.at = at;
      }
      to.push(step);
      view.say(`${back ? "undone" : "redone"}: ${step.words}`);
      paint("picture");
    }
    function redecide(tile, step, back) {
      if (back) flen.decide(step.tile, "undo", null, { undoes: step.decision, where: where() });
      else step.decision = flen.decide(step.tile, step.action, step.value, { where: where() }).id;
      tile.state = back ? step.before : step.after;
    }
    function retag({ id }, step, back) {
      const said = back ? step.tags.before : step.tags.after;
      const mine = ++told;
      telling = telling.then(() => flen.attempt(async () => {
        const { angle, expression, tags } = await flen.post(`/picture/${id}/tags`, said);
        const tile = model.tiles.get(id);
        if (tile) Object.assign(tile, { angle, expression, tags });
        if (mine === told) paint("picture");
      }));
    }
    function tag(said) {
      const tile = current();
      if (!tile) return;
      const words = `shows ${Object.values(said).join(", ")}`;
      const last = done.at(-1);
      // typing a word into a chooser passes others on the way: one step
      const again = last?.tags && last.tile === tile.id && Object.keys(said).every((key) => key in last.tags.after);
      const step = again ? last : { tile: tile.id, tags: { before: tile.tags } };
      Object.assign(step.tags, { after: said });
      step.words = words;
      if (!again) done.push(step);
      undone.length = 0;
      view.say(step.words);
      retag(tile, step, false);
    }
    const toggle = (name) => { model[name] = !model[name]; paint("layout"); };
    const commands = {
      next: () => go(model.at + 1), previous: () => go(model.at - 1), first: () => go(0), last: () => go(model.order.length - 1),
      down: () => model.mode === "grid" && go(Math.min(model.order.length - 1, model.at + view.columns())),
      up: () => model.mode === "grid" && go(Math.max(0, model.at - view.columns())),
      good: () => label("good"), reject: () => label("reject"), correct: () => label("correct"), clear: () => label("clear"),
      identity: (digit) => rate("identity", digit), edit: (digit) => rate("edit", digit),
      tag, shows: () => { if (model.gate !== "card") view.shows(); },
      failure: () => { model.armed = !model.armed; paint("state"); if (model.armed) view.say("Failure mode: press its letter."); },
      undo: () => turn(done, undone, true), redo: () => turn(undone, done, false),
      zoom: () => toggle("zoom"), compare: () => toggle("compare"), info: () => toggle("info"),
      peek: () => { model.peek = true; paint("picture"); },
      grid: () => { model.mode = "grid"; paint("layout"); }, single: () => { model.mode = "single"; paint("layout"); },
      help: () => flen.keyHelp(), submit: () => view.submit(),
      escape: () => { model.armed = false; if (model.zoom) toggle("zoom"); else paint("state"); },
      advance: () => toggle("advance"), toggleFailure: failure, go,
      gate: (gate) => { model.gate = gate; picked = ""; model.tiles = new Map(); model.order = []; model.at = 0; paint("all"); load(true); },
      filter: (name) => { model.filter = name; picked = owner(); const here = model.order[model.at]; model.order = choose(); model.at = Math.max(0, model.order.indexOf(here)); paint("all"); },
      sort: () => flen.attempt(async () => {
        await flen.flushDecisions();
        const { rejected, left } = await flen.post("/review/filter", { cut: null });
        flen.toast(`${rejected} sorted out by rule, ${left} wait for your eyes. Every one can be taken back.`);
        picked = "";
        await load(true);
      }),
      pristine: () => flen.attempt(async () => {
        await telling;
        await flen.flushDecisions();
        const found = await flen.get("/review/pristine");
        if (!found.pictures.length) { flen.toast("Every good picture is kept already: the next training learns from them."); return; }
        flen.keepBest(found, (version, count) => {
          flen.toast(`${count} ${count === 1 ? "picture is" : "pictures are"} pristine ${version} now: the next training learns from them.`);
          flen.poll();
        });
      }),
    };
    const view = flen.reviewView(root, model, commands, current);

    root.addEventListener("click", (event) => event.detail && event.target.closest("button")?.blur());
    const ours = (event) => root.offsetParent !== null && !document.querySelector("dialog[open]") && !flen.typing(event);
    document.addEventListener("keydown", (event) => {
      if (!ours(event)) return;
      if (model.armed && !event.ctrlKey && event.key.length === 1) { failure(event.key.toLowerCase()); event.preventDefault(); event.stopPropagation(); return; }
      const found = flen.keyAction(event);
      const control = event.target?.closest?.("button, a, [role=tab]");
      if (!found || (control && ["Enter", " "].includes(event.key))) return;
      event.preventDefault();
      event.stopPropagation();
      if (event.repeat && !["next", "previous", "up", "down"].includes(found[0])) return;
      commands[found[0]](found[1]);
    }, true);
    document.addEventListener("keyup", (event) => {
      if (event.key.toLowerCase() === "r" && model.peek) { model.peek = false; paint("picture"); }
    }, true);
    document.addEventListener("flen:unsent", ({ detail }) => view.unsent(detail.count));
    document.addEventListener("flen:goto", ({ detail }) => { if (detail.gate && detail.gate in model.gates && detail.gate !== model.gate) commands.gate(detail.gate); });
    paint("all");
    // A pile of ten thousand is megabytes: it is fetched anew when the hands rest, not after every key.
    let resting = 0;
    const refresh = () => {
      clearTimeout(resting);
      const wait = decided + REST_MS - performance.now();
      if (wait > 0 && model.tiles.size) resting = setTimeout(refresh, wait); else load(false);
    };
    flen.whenSeen(root, refresh);
  };
})();
