import assert from "node:assert/strict";
import { test } from "node:test";

import { goesAt, nameOf } from "../../studio/web/pictures/strip.js";
import { Groups } from "../../studio/web/review/alike.js";
import { ReviewModel, standing } from "../../studio/web/review/model.js";
import { alreadyThere } from "../../studio/web/review/pristine.js";
import { Selection } from "../../studio/web/review/selection.js";
import { UndoHistory } from "../../studio/web/review/undo_history.js";

test("a tile is named by what its edits gave, which fits under it", () => {
  const tile = { kind: "enriched", angle: "front", title: "angle/profile-left > expression/angry" };
  assert.equal(nameOf(tile), "profile-left, angry");
  assert.equal(nameOf({ ...tile, title: "lighting/neutral" }), "neutral");
  assert.equal(nameOf({ ...tile, title: "a hat and/or a scarf" }), "a hat and/or a scarf");
  assert.equal(nameOf({ kind: "card", angle: "front", title: "front/sad" }), "front/sad");
  assert.equal(nameOf({ kind: "source", angle: "front", title: "a/b.png" }), "front");
});

const GATES = { enriched: "Enriched", synthetic: "Synthetic" };
const OWNER = "ada/enriched";

const tile = (id, piles = ["open", "all"]) => ({ id, piles, above: null, state: { label: null }, tags: {} });
const found = (...items) => {
  const counts = {};
  for (const pile of items.flatMap((t) => t.piles)) counts[pile] = (counts[pile] ?? 0) + 1;
  return { gate: "enriched", items, counts, filter: 0, alike: {}, wanted: 30, pace: "" };
};
const GOOD = { state: { label: "good" }, piles: ["good", "all"], above: null };

function model(memory = {}, items = [tile("a"), tile("b"), tile("c")]) {
  const made = new ReviewModel(GATES, memory);
  made.take(found(...items), new Set(), OWNER);
  return made;
}

test("what is to be judged is shown first; all, when nothing is", () => {
  assert.deepEqual([model().filter, model().order], ["open", ["a", "b", "c"]]);
  const judged = model({}, [tile("a", ["good", "all"])]);
  assert.deepEqual([judged.filter, judged.order], ["all", ["a"]]);
});

test("a page comes back to the gate, the picture and the switches of the one before", () => {
  const made = model({ gate: "enriched", at: { enriched: "b" }, advance: false });
  assert.equal(made.current.id, "b");
  assert.deepEqual(
    [made.advance, made.compare, made.remembered()],
    [
      false,
      true,
      {
        gate: "enriched",
        advance: false,
        compare: true,
        info: true,
        sort: "made",
        grouped: false,
        at: { enriched: "b" },
      },
    ],
  );
  assert.equal(new ReviewModel(GATES, { gate: "gone" }).gate, "enriched");
});

test("a picture that was decided on stays where it is until another pile is chosen", () => {
  const made = model();
  made.place(made.current, GOOD);
  assert.deepEqual(made.counts, { open: 2, all: 3, good: 1 });
  made.take(found({ ...tile("a"), ...GOOD }, tile("b"), tile("c"), tile("d")), new Set(), OWNER);
  assert.deepEqual(made.order, ["a", "b", "c", "d"]);
  made.choose("open", OWNER);
  assert.deepEqual(made.order, ["b", "c", "d"]);
  made.choose("good", OWNER);
  assert.deepEqual(made.order, ["a"]);
});

test("an answer that does not know of a decision does not take it back, in the counts neither", () => {
  const made = model();
  made.place(made.current, GOOD);
  made.take(found(tile("a"), tile("b"), tile("c")), new Set(["a"]), OWNER);
  assert.deepEqual(standing(made.tiles.get("a")), GOOD);
  assert.deepEqual(made.counts, { open: 2, all: 3, good: 1 });
});

test("a filter that was chosen while the pictures were on their way stands", () => {
  const made = new ReviewModel(GATES, {});
  made.choose("all", OWNER);
  made.take(found(tile("a"), tile("b", ["good", "all"])), new Set(), OWNER);
  assert.deepEqual([made.filter, made.order], ["all", ["a", "b"]]);
});

test("another character's pictures are an arrival, and so are those of another gate", () => {
  const made = model();
  made.go(2);
  assert.equal(made.take(found(tile("a"), tile("b"), tile("c")), new Set(), OWNER), false);
  assert.equal(made.current.id, "c");
  assert.equal(made.take(found(tile("x")), new Set(), "bob/enriched"), true);
  assert.equal(made.current.id, "x");
  made.open("synthetic");
  assert.deepEqual([made.gate, made.order, made.where], ["synthetic", [], "review"]);
});

test("the ends are told", () => {
  const made = model();
  assert.deepEqual([made.go(-1), made.go(1), made.go(2), made.go(3), made.at], ["first", null, null, "last", 2]);
  assert.equal(made.atLast, true);
});

test("steps are undone and redone in order; a new one ends the way back", () => {
  const history = new UndoHistory();
  const step = (words) => ({ kind: "decision", tile: "a", words });
  history.add(step("one"));
  history.add(step("two"));
  assert.equal(history.turn(true).words, "two");
  assert.equal(history.turn(true).words, "one");
  assert.equal(history.turn(true), undefined);
  assert.equal(history.turn(false).words, "one");
  history.add(step("three"));
  assert.equal(history.turn(false), undefined);
  assert.equal(history.turn(true).words, "three");
});

test("what the studio remembers is undone after what was done here", () => {
  const history = new UndoHistory();
  const earlier = (id) => ({ id, image: "a", words: id });
  history.begin([earlier("first"), earlier("second")]);
  history.add({ kind: "decision", tile: "a", words: "here" });
  assert.deepEqual(
    [1, 2, 3, 4].map(() => history.turn(true)?.words),
    ["here", "second", "first", undefined],
  );
  assert.deepEqual([history.turn(false).step, history.turn(false).step], ["first", "second"]);
});

test("Shift selects all from where one was, also back over it; Ctrl one more or one less", () => {
  const selection = new Selection();
  const order = ["a", "b", "c", "d", "e"];
  assert.equal(selection.reach(order, 1, 3), 3);
  assert.deepEqual(selection.in(order), ["b", "c", "d"]);
  assert.equal(selection.reach(order, 3, -4), 0);
  assert.deepEqual(selection.in(order), ["a", "b"]);
  selection.flip(order, 0, 4);
  selection.flip(order, 4, 0);
  assert.deepEqual(selection.in(order), ["b", "e"]);
  selection.clear();
  selection.flip(order, 2, 0); // what one looks at belongs to it
  assert.deepEqual(selection.in(order), ["a", "c"]);
  selection.all(order);
  assert.equal(selection.size, 5);
});

test("a key decides on what is selected in the grid, else on the present picture", () => {
  const made = model();
  const ids = () => made.targets.map((t) => t.id);
  assert.deepEqual(ids(), ["a"]);
  made.mode = "grid";
  made.selection.all(made.order);
  assert.deepEqual(ids(), ["a", "b", "c"]);
  made.mode = "single";
  assert.deepEqual(ids(), ["a"]);
  made.mode = "grid";
  made.choose("all", OWNER);
  assert.deepEqual(ids(), ["a"]); // another pile, nothing is selected
});

test("near duplicates stand as one, the best that is there, and come back as themselves", () => {
  const alike = { c: ["c", "a", "d"] };
  const made = new ReviewModel(GATES, { grouped: true });
  made.take({ ...found(tile("a"), tile("b"), tile("c"), tile("d")), alike }, new Set(), OWNER);
  assert.deepEqual(made.order, ["c", "b"]);
  assert.deepEqual([made.standsFor("c"), made.standsFor("b")], [3, 0]);
  made.place(made.tiles.get("c"), GOOD);
  made.take({ ...found({ ...tile("c"), ...GOOD }, tile("a"), tile("b"), tile("d")), alike }, new Set(), OWNER);
  assert.deepEqual(made.order, ["c", "b"]); // what is on the screen stands for its group still
  made.choose("open", OWNER);
  assert.deepEqual(made.order, ["a", "b"]);
  made.group();
  assert.deepEqual(made.order, ["a", "b", "d"]);
  assert.deepEqual(new Groups(alike).oneOfEach(["d", "a", "x"], ["c"]), ["x"]);
});

test("a second look shows neither what was said nor what came since", () => {
  const made = model({}, [tile("a"), { ...tile("b"), ...GOOD }, { ...tile("c"), ...GOOD }]);
  made.lookAgain(["c", "b"], "second look");
  assert.deepEqual([made.where, made.labelOf(made.current), made.order], ["second look", null, ["c", "b"]]);
  made.blind.told.set("c", "reject");
  assert.equal(made.labelOf(made.current), "reject");
  made.take(found(tile("a"), { ...tile("b"), ...GOOD }, { ...tile("c"), ...GOOD }, tile("new")), new Set(), OWNER);
  assert.deepEqual(made.order, ["c", "b"]);
  made.seeAgain();
  assert.deepEqual([made.where, made.labelOf(made.tiles.get("c")), made.order], ["review", "good", ["a", "new"]]);
});

test("a picture that is gone to behind the filter is shown", () => {
  const made = model({}, [tile("a"), { ...tile("b"), ...GOOD }]);
  assert.deepEqual(made.order, ["a"]);
  made.goTo("b");
  assert.deepEqual([made.current.id, made.order], ["b", ["b", "a"]]);
});

test("typing a word into a chooser is one step, of one chooser and one picture", () => {
  const history = new UndoHistory();
  const before = { angle: "unsure", expression: "unsure" };
  history.addTags("a", before, { expression: "sad" }, "shows sad");
  history.addTags("a", { angle: "unsure", expression: "sad" }, { expression: "smiling" }, "shows smiling");
  assert.equal(history.done.length, 1);
  assert.deepEqual(history.done[0].before, before);
  assert.deepEqual(history.done[0].after, { expression: "smiling" });
  history.addTags("a", before, { angle: "front" }, "shows front");
  history.addTags("b", before, { angle: "front" }, "shows front");
  assert.equal(history.done.length, 3);
});

test("each candidate is told how many of its cell come before it", () => {
  const pictures = ["front", "side", "front", "front"].map((cell) => ({ cell }));
  assert.deepEqual(alreadyThere({ have: { front: 2 }, pictures }), [2, 0, 3, 4]);
});

test("a strip dims what the studio says the filter would take at a cut", () => {
  assert.equal(goesAt({ above: 0.4 }, 0.5), true);
  assert.equal(goesAt({ above: 0.4 }, 0.4), false);
  assert.equal(goesAt({ above: null }, 0.9), false);
  assert.equal(goesAt({ above: -1 }, null), false);
});
