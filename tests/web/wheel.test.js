// @ts-check
/** The lineage's layout and its keys. */

import assert from "node:assert/strict";
import test from "node:test";

import { columns, layout, neighbour } from "../../studio/web/wheel/layout.js";

const node = (/** @type {string} */ id) => ({ id, kind: "lora", title: id, count: 1, words: "" });
const edge = (/** @type {string} */ origin, /** @type {string} */ to) => ({ origin, to, count: 1 });
const NODES = ["source", "enriched", "v1", "card", "synthetic", "v2"].map(node);
const EDGES = [
  edge("source", "enriched"),
  edge("source", "v1"),
  edge("enriched", "v1"),
  edge("v1", "card"),
  edge("v1", "synthetic"),
  edge("synthetic", "v2"),
  edge("source", "v2"),
];

test("what comes of others stands behind the last of them", () => {
  const found = columns(/** @type {any} */ (NODES), EDGES);
  assert.deepEqual([...found.values()], [0, 1, 2, 3, 3, 4]);
});

test("a circle ends, and nobody is nowhere", () => {
  const found = columns(/** @type {any} */ ([node("a"), node("b")]), [edge("a", "b"), edge("b", "a")]);
  assert.ok([...found.values()].every((column) => column < 2));
  assert.equal(layout([], []).nodes.length, 0);
});

test("parts do not lie on one another, and all is inside the picture", () => {
  const { nodes, edges, width, height } = layout(/** @type {any} */ (NODES), EDGES);
  assert.equal(new Set(nodes.map((p) => `${p.x},${p.y}`)).size, nodes.length);
  assert.ok(nodes.every((p) => p.x + 128 <= width && p.y + 46 <= height));
  assert.equal(edges.length, EDGES.length);
  assert.ok(edges.every((e) => e.y <= height && !e.path.includes("NaN")));
});

test("arrow keys reach every part", () => {
  const { nodes } = layout(/** @type {any} */ (NODES), EDGES);
  assert.equal(neighbour(nodes, "source", "ArrowRight"), "enriched");
  assert.equal(neighbour(nodes, "card", "ArrowDown"), "synthetic");
  assert.equal(neighbour(nodes, "synthetic", "ArrowUp"), "card");
  assert.equal(neighbour(nodes, "v2", "ArrowRight"), "v2");
  assert.equal(neighbour(nodes, "v2", "ArrowLeft"), "card");
});
