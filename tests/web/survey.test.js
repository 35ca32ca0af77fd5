import assert from "node:assert/strict";
import { test } from "node:test";

import { compareRgba } from "../../studio/web/survey/difference.js";
import { letters, MatrixModel } from "../../studio/web/survey/matrix_model.js";
import { closer, MOST, moved, WHOLE } from "../../studio/web/survey/zoom_model.js";

const PROMPTS = ["forest", "sunset"];
const STACKS = ["base", "angles"];

function survey() {
  const cells = [];
  for (const image of ["i1", "i2"])
    for (const prompt of PROMPTS)
      for (const stack of STACKS)
        cells.push({ id: `${image}-${prompt}-${stack}`, at: { image, prompt, stack, seed: 0 } });
  return {
    id: "ada/v1",
    version: "v1",
    versions: [],
    images: ["i1", "i2"],
    stacks: STACKS,
    seeds: 1,
    prompts: PROMPTS.map((key) => ({ key, text: `a ${key}` })),
    cells,
  };
}

function model() {
  const made = new MatrixModel();
  made.take(survey());
  return made;
}

const ids = (cells) => cells.map((row) => row.map((tiles) => tiles.map((t) => t.id)));

test("every picture stands in the cell of its row and column", () => {
  const made = model();
  assert.equal(made.third, "prompt");
  assert.equal(made.several, true);
  const [[first]] = ids(made.cells());
  assert.deepEqual(first, ["i1-forest-base", "i1-sunset-base"]);
  made.only = "sunset";
  assert.equal(made.several, false);
  assert.deepEqual(ids(made.cells())[1][1], ["i2-sunset-angles"]);
});

test("axes swap and turn", () => {
  const made = model();
  made.swap();
  assert.deepEqual([made.rows, made.columns], ["stack", "image"]);
  made.only = "forest";
  made.turn();
  assert.deepEqual([made.rows, made.columns, made.third, made.only], ["prompt", "image", "stack", ""]);
});

test("blind stacks have letters, and keep their order when the survey grows", () => {
  const made = model();
  made.hideNames();
  assert.deepEqual(
    made.values("stack").map((v) => v.words),
    ["Stack A", "Stack B"],
  );
  assert.deepEqual([...made.order].sort(), ["angles", "base"]);
  const before = [...made.order];
  made.take({ ...survey(), stacks: ["more", ...STACKS] });
  assert.deepEqual(made.order, [...before, "more"]);
});

test("letters go on after Z", () => {
  assert.deepEqual([0, 25, 26, 27, 51, 52, 701, 702].map(letters), ["A", "Z", "AA", "AB", "AZ", "BA", "ZZ", "AAA"]);
});

test("a comparison begins where one was, with the other stack beside it", () => {
  const made = model();
  const tile = made.survey.cells.find((t) => t.id === "i2-sunset-angles");
  const { spots, columns, start } = made.comparison(tile);
  assert.deepEqual(start, { at: 3, a: "base", b: "angles" });
  assert.equal(spots[3].words, "Picture 2, sunset");
  assert.equal(spots[3].pictures.angles.id, tile.id);
  assert.equal(spots[3].pictures.source.id, "i2");
  assert.deepEqual(
    columns.map((c) => c.key),
    ["source", ...STACKS],
  );
});

test("a filter by prompt is one by place, a filter by stack is not", () => {
  const made = model();
  made.only = "forest";
  assert.equal(made.comparison(null).spots.length, 2);
  Object.assign(made, { rows: "image", columns: "prompt", only: "base" });
  assert.equal(made.comparison(null).spots.length, 4);
});

test("several seeds of a cell stand beside each other and are compared seed by seed", () => {
  const made = model();
  const data = survey();
  const more = data.cells.map((cell) => ({ id: `${cell.id}-2`, at: { ...cell.at, seed: 1 } }));
  made.take({ ...data, seeds: 2, cells: [...data.cells, ...more] });
  made.only = "sunset";
  assert.equal(made.several, true);
  assert.deepEqual(ids(made.cells())[1][1], ["i2-sunset-angles", "i2-sunset-angles-2"]);
  const tile = made.survey.cells.find((t) => t.id === "i2-sunset-angles-2");
  const { spots, start } = made.comparison(tile);
  assert.equal(spots[start.at].words, "Picture 2, sunset #2");
  assert.deepEqual(
    [spots[start.at].pictures.base.id, spots[start.at].pictures.angles.id],
    ["i2-sunset-base-2", tile.id],
  );
});

test("zoom keeps the point under the pointer, and nothing beyond the edge is shown", () => {
  const near = closer(WHOLE, 4, 0.25, 0);
  assert.deepEqual(near, { zoom: 4, x: -0.75, y: 0 });
  // the point of the picture under the pointer: (at - pan) / zoom
  assert.equal((0.25 - near.x) / near.zoom, 0.25);
  assert.deepEqual(closer(near, 0.01, 0.5, 0.5), WHOLE);
  assert.equal(closer(WHOLE, 1000, 0, 0).zoom, MOST);
  assert.deepEqual(moved(near, -9, 9), { zoom: 4, x: -1.5, y: 1.5 });
  assert.deepEqual(moved(WHOLE, 1, 1), WHOLE);
});

test("the difference of pictures counts channels and pixels", () => {
  const one = new Uint8ClampedArray([10, 10, 10, 255, 100, 100, 100, 255]);
  const two = new Uint8ClampedArray([10, 10, 10, 255, 100, 130, 100, 255]);
  assert.deepEqual(compareRgba(one, two, 4), { mean: 30 / (2 * 3 * 255), changed: 0.5 });
  assert.deepEqual([...one], [0, 0, 0, 255, 0, 120, 0, 255]);
  const strong = new Uint8ClampedArray([0, 0, 0, 255]);
  compareRgba(strong, new Uint8ClampedArray([200, 16, 0, 255]), 4);
  assert.deepEqual([...strong], [255, 64, 0, 255]);
});
