import assert from "node:assert/strict";
import { test } from "node:test";

import { foresee } from "../../studio/web/review/foresee.js";
import { BATCH_MS, DecisionQueue, retryMs } from "../../studio/web/review/queue.js";

/** A page with a studio that can be silenced; time passes when `tick` is called. */
class World {
  constructor(left = []) {
    this.stored = JSON.stringify(left);
    this.received = [];
    this.records = new Map();
    this.silent = false;
    this.time = 0;
    this.timers = [];
    this.problems = [];
    this.answers = 0;
    let n = 0;
    this.newId = () => String((n += 1)).padStart(16, "0");
  }

  read = () => JSON.parse(this.stored);
  write = (waiting) => (this.stored = JSON.stringify(waiting));
  now = () => this.time;
  answered = () => (this.answers += 1);
  failed = (error, times) => this.problems.push(`${times}: ${error.message}`);

  after = (run, ms) => {
    const timer = { at: this.time + ms, run };
    this.timers.push(timer);
    return () => (this.timers = this.timers.filter((t) => t !== timer));
  };

  send = async (decisions) => {
    this.received.push(decisions.map((d) => d.id));
    if (this.silent) throw new Error("no answer");
    for (const d of decisions) if (!this.records.has(d.id)) this.records.set(d.id, d);
    if (this.lost) {
      this.lost = false;
      throw new Error("the answer was lost");
    }
    return { known: decisions.map((d) => d.id), lost: [], pictures: {}, gates: {} };
  };

  async tick(ms) {
    this.time += ms;
    const due = this.timers.filter((t) => t.at <= this.time);
    this.timers = this.timers.filter((t) => !due.includes(t));
    for (const { run } of due) await run();
  }
}

const said = (world) => [...world.records.values()].map((d) => [d.image, d.value]);

test("keys that follow fast go in one request, in order", async () => {
  const world = new World();
  const queue = new DecisionQueue(world);
  queue.decide("a", "label", "good");
  queue.decide("b", "label", "reject");
  queue.decide("a", "label", null);
  assert.equal(world.received.length, 0);
  await world.tick(BATCH_MS);
  assert.equal(world.received.length, 1);
  assert.deepEqual(said(world), [
    ["a", "good"],
    ["b", "reject"],
    ["a", null],
  ]);
  assert.deepEqual(queue.waiting, []);
  assert.equal(world.stored, "[]");
});

test("what waits is mirrored before it is sent, and the next page sends it under the same ids", async () => {
  const world = new World();
  new DecisionQueue(world).decide("a", "label", "good", { where: "review" });
  const kept = JSON.parse(world.stored);
  assert.deepEqual(kept, [{ id: "0000000000000001", image: "a", action: "label", value: "good", where: "review" }]);
  const next = new World(kept);
  const queue = new DecisionQueue(next);
  queue.start();
  await next.tick(BATCH_MS);
  assert.deepEqual(next.received, [["0000000000000001"]]);
  assert.equal(next.stored, "[]");
});

test("an answer that is lost makes them be sent again: they count once", async () => {
  const world = new World();
  world.lost = true;
  const queue = new DecisionQueue(world);
  queue.decide("a", "label", "good");
  await world.tick(BATCH_MS);
  assert.deepEqual(world.problems, ["1: the answer was lost"]);
  assert.equal(queue.waiting.length, 1);
  await world.tick(retryMs(1));
  assert.deepEqual(world.received, [["0000000000000001"], ["0000000000000001"]]);
  assert.deepEqual(said(world), [["a", "good"]]);
  assert.equal(queue.failures, 0);
});

test("a studio that is silent is asked less and less often, and nothing is lost meanwhile", async () => {
  const world = new World();
  world.silent = true;
  const queue = new DecisionQueue(world);
  queue.decide("a", "label", "good");
  await world.tick(BATCH_MS);
  queue.decide("b", "label", "good");
  for (const times of [1, 2, 3]) await world.tick(retryMs(times));
  assert.deepEqual([1, 2, 3, 4, 5, 9].map(retryMs), [1000, 2000, 4000, 8000, 10000, 10000]);
  assert.equal(world.received.length, 4);
  assert.equal(JSON.parse(world.stored).length, 2);
  world.silent = false;
  await world.tick(retryMs(4));
  assert.deepEqual(said(world), [
    ["a", "good"],
    ["b", "good"],
  ]);
});

test("what is decided while a batch is on its way goes with the next", async () => {
  const world = new World();
  const queue = new DecisionQueue(world);
  queue.decide("a", "label", "good");
  const going = world.tick(BATCH_MS);
  queue.decide("b", "label", "good");
  await going;
  assert.deepEqual(
    queue.waiting.map((d) => d.image),
    ["b"],
  );
  await world.tick(BATCH_MS);
  assert.deepEqual(world.received, [["0000000000000001"], ["0000000000000002"]]);
});

test("more than a request may hold goes in several", async () => {
  const world = new World();
  const queue = new DecisionQueue(world);
  for (let n = 0; n < 1200; n += 1) queue.decide(`p${n}`, "label", "good");
  await queue.flush();
  assert.deepEqual(
    world.received.map((ids) => ids.length),
    [500, 500, 200],
  );
  assert.equal(world.records.size, 1200);
});

test("flushing a silent studio gives up; the retry goes on", async () => {
  const world = new World();
  world.silent = true;
  const queue = new DecisionQueue(world);
  queue.decide("a", "label", "good");
  await queue.flush();
  assert.equal(world.received.length, 1);
  await queue.flush();
  assert.equal(world.received.length, 1);
  assert.equal(world.timers.length, 1);
});

test("an answer that was asked for earlier does not know the last of a picture", async () => {
  const world = new World();
  const queue = new DecisionQueue(world);
  queue.decide("a", "label", "good");
  await world.tick(BATCH_MS);
  queue.decide("b", "label", "good");
  assert.deepEqual([...queue.fresher(BATCH_MS - 1)].sort(), ["a", "b"]);
  assert.deepEqual([...queue.fresher(BATCH_MS)], ["b"]);
});

const OUTCOMES = {
  label: {
    good: { state: { label: "good", who: "human" }, piles: ["good", "through"], cell: "right", flips: null },
    null: { state: { label: null, who: null }, piles: ["open"], cell: null, flips: null },
  },
  identity: { 4: { state: { identity: 4 }, piles: null, cell: null, flips: null } },
  failure: { hands: { state: {}, piles: null, cell: null, flips: "failures" } },
};
const NEW = { state: { label: null, who: null, identity: null, failures: [] }, piles: ["open", "all"], above: 0.4 };

test("what a decision leads to is read off the studio's table", () => {
  const good = foresee(OUTCOMES, NEW, "label", "good");
  assert.deepEqual([good.state.label, good.piles, good.above], ["good", ["all", "good", "through"], 0.4]);
  assert.deepEqual(foresee(OUTCOMES, good, "label", null), { ...NEW, piles: ["all", "open"] });
  assert.equal(foresee(OUTCOMES, NEW, "identity", 4).state.identity, 4);
  assert.deepEqual(foresee(OUTCOMES, NEW, "identity", 4).piles, NEW.piles);
});

test("a failure mode is noted and taken back", () => {
  const noted = foresee(OUTCOMES, NEW, "failure", "hands");
  assert.deepEqual(noted.state.failures, ["hands"]);
  assert.deepEqual(foresee(OUTCOMES, noted, "failure", "hands").state.failures, []);
  assert.deepEqual(NEW.state.failures, []);
});

test("what the table does not know changes nothing", () => {
  assert.deepEqual(foresee(OUTCOMES, NEW, "label", "splendid"), NEW);
  assert.deepEqual(foresee({}, NEW, "label", "good"), NEW);
});
