// @ts-check
/** The lineage as a picture to click through: every part is a button, arrow keys go from one to the next. */

import { label, plot, tip } from "../charts/plot.js";
import { svg } from "../core/dom.js";
import { HIGH, WIDE, layout, neighbour } from "./layout.js";

/** @import { Edge, Node } from "../types.js" */
/** @import { Drawn, Placed } from "./layout.js" */

const ARROWS = ["ArrowRight", "ArrowLeft", "ArrowDown", "ArrowUp"];

/**
 * @param {readonly Node[]} nodes
 * @param {readonly Edge[]} edges
 * @param {(node: Node) => void} open
 */
export function lineagePicture(nodes, edges, open) {
  const told = layout(nodes, edges);
  const props = {
    class: "lineage-picture",
    width: told.width,
    height: told.height,
    role: "group",
    "aria-label": "Lineage",
  };
  const parts = told.nodes.map((placed) => part(placed, edges, open, told.nodes));
  return plot(told.width, told.height, props, told.edges.map(join), parts);
}

/** @param {Drawn} drawn */
function join({ edge, path, x, y }) {
  return [
    svg("path", { class: "join", d: path }, tip(`${edge.count} of ${edge.origin} went into ${edge.to}`)),
    label(x, y - 3, String(edge.count), { class: "join-count", "text-anchor": "middle", "aria-hidden": "true" }),
  ];
}

/**
 * @param {Placed} placed
 * @param {readonly Edge[]} edges
 * @param {(node: Node) => void} open
 * @param {readonly Placed[]} all
 */
function part({ node, x, y }, edges, open, all) {
  const from = edges.filter((e) => e.to === node.id).map((e) => `${e.count} of ${e.origin}`);
  const said = [node.title, node.count === null ? "" : `${node.count} pictures`, node.words, from.join(", ")];
  const words = said.filter(Boolean).join("; ");
  const onkeydown = (/** @type {KeyboardEvent} */ event) => {
    if (event.key === "Enter" || event.key === " ") open(node);
    else if (ARROWS.includes(event.key)) focusOn(event, neighbour(all, node.id, event.key));
    else return;
    event.preventDefault();
  };
  const props = {
    class: `node k-${node.kind}`,
    tabindex: 0,
    role: "button",
    "aria-label": words,
    "data-node": node.id,
  };
  return svg(
    "g",
    { ...props, onclick: () => open(node), onkeydown, transform: `translate(${x} ${y})` },
    svg("rect", { width: WIDE, height: HIGH, rx: 8 }),
    label(10, node.count === null ? 28 : 20, node.title, { class: "node-title" }),
    node.count === null ? null : label(10, 37, String(node.count), { class: "node-count" }),
    tip(words),
  );
}

/**
 * @param {KeyboardEvent} event
 * @param {string} id
 */
function focusOn(event, id) {
  const picture = /** @type {Element} */ (event.currentTarget).closest("svg");
  const wanted = picture?.querySelector(`[data-node="${CSS.escape(id)}"]`);
  if (wanted instanceof SVGElement) wanted.focus();
}
