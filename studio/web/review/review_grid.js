// @ts-nocheck
/* The review as a grid. Only what is in sight is in the page, so ten thousand pictures scroll like ten. */
import { flen } from "../core/flen.js";
import "../pictures/pictures.js";
(() => {
  "use strict";
  const { el, icon } = flen;
  const CELL = 150;

  flen.reviewGrid = (model, commands) => {
    const canvas = el("div", { class: "rv-canvas" });
    const node = el("div", { class: "rv-grid", tabindex: "-1" }, canvas);
    const shown = new Map();
    let seen = -1;
    const columns = () => Math.max(1, Math.floor(node.clientWidth / CELL));
    const side = () => Math.floor(node.clientWidth / columns());

    function make(id) {
      const tile = model.tiles.get(id);
      const at = () => model.order.indexOf(id);
      return el("button", { type: "button", class: "cell", "aria-label": tile.title, onclick: () => commands.go(at()), ondblclick: () => { commands.go(at()); commands.single(); } },
        el("img", { src: flen.img(id, 256), alt: "", decoding: "async", draggable: false }), el("i", {}), el("span", { class: "cap" }, flen.identity(tile)));
    }
    function dress(cell, tile, at) {
      cell.className = `cell l-${tile.state.label || "open"}${at === model.at ? " here" : ""}`;
      cell.style.transform = `translate(${(at % columns()) * side()}px, ${Math.floor(at / columns()) * side()}px)`;
      cell.children[1].replaceChildren(tile.state.label ? icon(flen.LABELS[tile.state.label][1]) : "");
    }
    function paint() {
      if (model.mode !== "grid" || node.offsetParent === null) return;
      const wide = columns();
      const cell = side();
      canvas.style.height = `${Math.ceil(model.order.length / wide) * cell}px`;
      canvas.style.setProperty("--side", `${cell}px`);
      if (seen !== model.at) { seen = model.at; reveal(); }
      const first = Math.max(0, Math.floor(node.scrollTop / cell) - 2) * wide;
      const last = Math.min(model.order.length, (Math.ceil((node.scrollTop + node.clientHeight) / cell) + 2) * wide);
      const wanted = new Set(model.order.slice(first, last));
      for (const [id, cell] of shown) if (!wanted.has(id)) { cell.remove(); shown.delete(id); }
      for (let at = first; at < last; at += 1) {
        const id = model.order[at];
        const tile = model.tiles.get(id);
        if (!tile) continue;
        if (!shown.has(id)) { shown.set(id, make(id)); canvas.append(shown.get(id)); }
        dress(shown.get(id), tile, at);
      }
    }
    function reveal() {
      const top = Math.floor(model.at / columns()) * side();
      if (top < node.scrollTop) node.scrollTop = top;
      else if (top + side() > node.scrollTop + node.clientHeight) node.scrollTop = top + side() - node.clientHeight;
    }
    node.addEventListener("scroll", () => requestAnimationFrame(paint));
    return { node, paint, columns, layout: () => { seen = -1; paint(); } };
  };
})();
