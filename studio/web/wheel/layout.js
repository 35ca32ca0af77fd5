// @ts-check
/** Where the parts of a lineage stand: what comes of others stands behind them. No DOM. */

/** @import { Edge, Node } from "../types.js" */

export const WIDE = 128;
export const HIGH = 46;
const ACROSS = 46; // between columns
const DOWN = 16; // between rows
const EDGE = 14; // around it all
const LANE = 12; // between edges that go round others

/**
 * @typedef {{ node: Node, x: number, y: number, column: number, row: number }} Placed
 * @typedef {{ edge: Edge, path: string, x: number, y: number }} Drawn
 * @typedef {{ width: number, height: number, nodes: Placed[], edges: Drawn[] }} Layout
 */

/**
 * The column of each node: one behind the last of those that it comes of. What goes in a circle stays where it was met.
 * @param {readonly Node[]} nodes
 * @param {readonly Edge[]} edges
 * @returns {Map<string, number>}
 */
export function columns(nodes, edges) {
  const found = new Map(nodes.map((node) => [node.id, 0]));
  for (let round = 0, moved = true; moved && round < nodes.length; round += 1) {
    moved = false;
    for (const { origin, to } of edges) {
      const wanted = (found.get(origin) ?? 0) + 1;
      if ((found.get(to) ?? 0) >= wanted || wanted >= nodes.length) continue;
      found.set(to, wanted);
      moved = true;
    }
  }
  return found;
}

/**
 * @param {readonly Node[]} nodes
 * @param {readonly Edge[]} edges
 * @returns {Layout}
 */
export function layout(nodes, edges) {
  const column = columns(nodes, edges);
  /** @type {Map<number, number>} */
  const filled = new Map();
  const placed = nodes.map((node) => {
    const at = column.get(node.id) ?? 0;
    const row = filled.get(at) ?? 0;
    filled.set(at, row + 1);
    return { node, column: at, row, x: EDGE + at * (WIDE + ACROSS), y: EDGE + row * (HIGH + DOWN) };
  });
  const rows = Math.max(1, ...filled.values());
  const floor = EDGE + rows * (HIGH + DOWN);
  const drawn = joined(placed, edges, floor);
  const lanes = edges.length ? Math.max(0, ...drawn.map((d) => d.y)) : 0;
  return {
    width: 2 * EDGE + Math.max(1, ...placed.map((p) => p.column + 1)) * (WIDE + ACROSS) - ACROSS,
    height: Math.max(floor, lanes) + EDGE,
    nodes: placed,
    edges: drawn,
  };
}

/**
 * Edges to the next column go straight over; longer ones go round below all nodes, each in a lane of its own.
 * @param {readonly Placed[]} placed
 * @param {readonly Edge[]} edges
 * @param {number} floor
 * @returns {Drawn[]}
 */
function joined(placed, edges, floor) {
  const at = new Map(placed.map((p) => [p.node.id, p]));
  let lane = 0;
  return edges.flatMap((edge) => {
    const [from, to] = [at.get(edge.origin), at.get(edge.to)];
    if (!from || !to) return [];
    const [x1, y1, x2, y2] = [from.x + WIDE, from.y + HIGH / 2, to.x, to.y + HIGH / 2];
    if (to.column - from.column === 1) {
      const middle = (x1 + x2) / 2;
      return [{ edge, path: `M${x1} ${y1}C${middle} ${y1} ${middle} ${y2} ${x2} ${y2}`, x: middle, y: (y1 + y2) / 2 }];
    }
    const below = floor + lane++ * LANE;
    const [out, into] = [x1 + ACROSS / 3, x2 - ACROSS / 3];
    const path = `M${x1} ${y1}C${out} ${y1} ${out} ${below} ${out + ACROSS / 2} ${below}H${into - ACROSS / 2}C${into} ${below} ${into} ${y2} ${x2} ${y2}`;
    return [{ edge, path, x: (out + into) / 2, y: below }];
  });
}

/**
 * The node that an arrow key goes to from one: across to the nearest row of the next column that has any, down and up
 * within a column. Itself where there is none.
 * @param {readonly Placed[]} placed
 * @param {string} id
 * @param {string} key
 * @returns {string}
 */
export function neighbour(placed, id, key) {
  const here = placed.find((p) => p.node.id === id);
  if (!here) return id;
  const same = (/** @type {Placed} */ p) => p.column === here.column;
  if (key === "ArrowDown") return placed.find((p) => same(p) && p.row === here.row + 1)?.node.id ?? id;
  if (key === "ArrowUp") return placed.find((p) => same(p) && p.row === here.row - 1)?.node.id ?? id;
  const forward = key === "ArrowRight";
  const beyond = placed.filter((p) => (forward ? p.column > here.column : p.column < here.column));
  const far = (/** @type {Placed} */ p) => 100 * Math.abs(p.column - here.column) + Math.abs(p.row - here.row);
  return beyond.sort((a, b) => far(a) - far(b))[0]?.node.id ?? id;
}
