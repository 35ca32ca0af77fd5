import assert from "node:assert/strict";
import { test } from "node:test";

import { foresee } from "../../studio/web/review/foresee.js";
import { KeptDecisions, readKey, waitingWords } from "../../studio/web/review/kept.js";
import { BATCH_MS, DecisionQueue, retryMs } from "../../studio/web/review/queue.js";

/** What a browser keeps for all its pages; `room` is how many entries fit. */
class Shelf {
  constructor(room = Infinity) {
    this.map = new Map();
    this.room = room;
  }
  get length() {
    return this.map.size;
  }
  key = (n) => [...this.map.keys()][n] ?? null;
  getItem = (key) => this.map.get(key) ?? null;
  removeItem = (key) => this.map.delete(key);
  setItem(key, value) {
    if (!this.map.has(key) && this.map.size >= this.room) throw new Error("QuotaExceededError");
    this.map.set(key, value);
  }
}

/** What the studio has, and whether it answers. */
class Records {
  map = new Map();
  silent = false;
  workspace = "a".repeat(16);
}

let made = 0;

/** A page with a studio that can be silenced; time passes when `tick` is called. */
class World {
  constructor({ shelf = new Shelf(), records = new Records(), owner = "a".repeat(16), name = "Ada" } = {}) {
    this.shelf = shelf;
    this.studio = records;
    this.owner = owner;
    this.keeping = new KeptDecisions(() => shelf, { id: owner, name });
    this.received = [];
    this.time = 0;
    this.jump = 0;
    this.timers = [];
    this.problems = [];
    this.answers = 0;
    this.never = [];
    this.newId = () => String((made += 1)).padStart(16, "0");
  }

  get records() {
    return this.studio.map;
  }

  set silent(silent) {
    this.studio.silent = silent;
  }

  read = () => this.keeping.read();
  keep = (kept) => this.keeping.keep(kept);
  drop = (id) => this.keeping.drop(id);
  now = () => this.time + this.jump;
  clock = () => this.time;
  answered = () => (this.answers += 1);
  failed = (error, times) => this.problems.push(`${times}: ${error.message}`);
  refused = (one) => this.never.push(one.image);
  changed = () => {};

  after = (run, ms) => {
    const timer = { at: this.time + ms, run };
    this.timers.push(timer);
    return () => (this.timers = this.timers.filter((t) => t !== timer));
  };

  send = async (decisions) => {
    this.received.push(decisions.map((d) => d.id));
    if (this.studio.silent) throw new Error("no answer");
    if (this.studio.workspace !== this.owner) throw Object.assign(new Error("another workspace"), { status: 409 });
    if (decisions.some((d) => d.image === "poison")) throw Object.assign(new Error("not that"), { status: 422 });
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
  assert.equal(world.shelf.length, 0);
});

test("what waits is kept before it is sent, and the next page sends it under the same id", async () => {
  const world = new World();
  const one = new DecisionQueue(world).decide("a", "label", "good", { where: "review" });
  const next = new World({ shelf: world.shelf });
  const queue = new DecisionQueue(next);
  assert.deepEqual(queue.waiting, [{ id: one.id, image: "a", action: "label", value: "good", where: "review" }]);
  queue.start();
  await next.tick(BATCH_MS);
  assert.deepEqual(next.received, [[one.id]]);
  assert.equal(next.shelf.length, 0);
});

test("two pages keep theirs beside each other, and whoever comes first brings all in the order they were made", async () => {
  const [shelf, records] = [new Shelf(), new Records()];
  const [one, two] = [new World({ shelf, records }), new World({ shelf, records })];
  const [first, second] = [new DecisionQueue(one), new DecisionQueue(two)];
  records.silent = true;
  for (const [n, page] of [first, second, first, second, first].entries()) {
    one.time = two.time = n;
    page.decide("x", "identity", n + 1);
  }
  assert.equal(shelf.length, 5);
  records.silent = false;
  await two.tick(BATCH_MS);
  assert.deepEqual(
    said(one),
    [1, 2, 3, 4, 5].map((n) => ["x", n]),
  );
  assert.equal(shelf.length, 0);
  await one.tick(BATCH_MS);
  assert.equal(records.map.size, 5);
  assert.deepEqual([first.count, second.count], [0, 0]);
});

const DAY = 86_400_000;

test("a clock that somebody sets back changes no order, in one page or between two", async () => {
  const [shelf, records] = [new Shelf(), new Records()];
  const [one, two] = [new World({ shelf, records }), new World({ shelf, records })];
  const [first, second] = [new DecisionQueue(one), new DecisionQueue(two)];
  records.silent = true;
  first.decide("x", "identity", 1);
  one.jump = two.jump = -DAY;
  first.decide("x", "identity", 2);
  for (const kept of one.read()) second.heard(kept.at); // as the browser tells other pages what was kept
  second.decide("x", "identity", 3);
  new DecisionQueue(new World({ shelf, records })).decide("x", "identity", 4);
  records.silent = false;
  await two.tick(BATCH_MS);
  assert.equal(said(one).join(), "x,1,x,2,x,3,x,4");
});

test("what the studio says of a picture later is taken, whatever the date of this machine", async () => {
  const world = new World();
  const queue = new DecisionQueue(world);
  world.jump = DAY * 20_000;
  queue.decide("a", "label", "good");
  const before = world.clock();
  await world.tick(BATCH_MS);
  assert.deepEqual([...queue.fresher(before)], ["a"]);
  assert.deepEqual([...queue.fresher(world.clock())], []);
});

test("a page hears that another has brought its decision", () => {
  const world = new World();
  const queue = new DecisionQueue(world);
  const { id } = queue.decide("a", "label", "good");
  queue.arrived(id);
  queue.arrived("another");
  assert.equal(queue.count, 0);
});

test("another workspace never gets them: they wait, are told of, and arrive when theirs is open again", async () => {
  const [shelf, records] = [new Shelf(), new Records()];
  const ada = new World({ shelf, records });
  const queue = new DecisionQueue(ada);
  queue.decide("a", "label", "good");
  queue.decide("b", "label", "good");
  records.workspace = "b".repeat(16);
  await ada.tick(BATCH_MS);
  assert.equal(records.map.size, 0);
  const bo = new World({ shelf, records, owner: "b".repeat(16), name: "Bo" });
  const other = new DecisionQueue(bo);
  other.start();
  other.decide("c", "label", "reject");
  await bo.tick(BATCH_MS);
  assert.deepEqual(said(bo), [["c", "reject"]]);
  assert.deepEqual(bo.keeping.others(), [{ name: "Ada", count: 2 }]);
  records.workspace = "a".repeat(16);
  await ada.tick(retryMs(1));
  assert.deepEqual(said(ada).slice(1), [
    ["a", "good"],
    ["b", "good"],
  ]);
  assert.deepEqual(bo.keeping.others(), []);
});

test("a browser that is full, or keeps nothing, leaves them to the page, which says so", async () => {
  const broken = new World();
  broken.keeping = new KeptDecisions(
    () => {
      throw new Error("SecurityError");
    },
    { id: "a", name: "" },
  );
  for (const world of [new World({ shelf: new Shelf(1) }), broken]) {
    const queue = new DecisionQueue(world);
    queue.decide("a", "label", "good");
    queue.decide("b", "label", "good");
    assert.equal(queue.unkept, world === broken ? 2 : 1);
    await world.tick(BATCH_MS);
    assert.equal(world.records.size, 2);
    assert.deepEqual([queue.count, queue.unkept], [0, 0]);
  }
});

test("one that the studio will never take does not hold up the others", async () => {
  const world = new World();
  const queue = new DecisionQueue(world);
  for (const image of ["a", "poison", "b", "c"]) queue.decide(image, "label", "good");
  for (let n = 0; n < 6; n += 1) await world.tick(BATCH_MS);
  assert.deepEqual(
    said(world).map(([image]) => image),
    ["a", "b", "c"],
  );
  assert.deepEqual(world.never, ["poison"]);
  assert.equal(world.shelf.length, 0);
});

test("what an earlier version left in one list is brought over", () => {
  const shelf = new Shelf();
  const list = ["1", "2"].map((id) => ({ id: id.repeat(16), image: "a", action: "label", value: "good" }));
  shelf.setItem("flen:unsent", JSON.stringify(list));
  assert.deepEqual(new DecisionQueue(new World({ shelf })).waiting, list);
  assert.equal(shelf.getItem("flen:unsent"), null);
  assert.equal(shelf.length, 2);
});

test("what is not ours, or is damaged, is left alone", () => {
  const shelf = new Shelf();
  const odd = {
    "flen:unsent:aaaa:1": "{",
    "flen:unsent:aaaaaaaaaaaaaaaa:2": "null",
    "flen:tab": "x",
    "flen:unsent": "[",
  };
  for (const [key, value] of Object.entries(odd)) shelf.setItem(key, value);
  const queue = new DecisionQueue(new World({ shelf }));
  queue.decide("a", "label", "good");
  assert.equal(new DecisionQueue(new World({ shelf })).count, 1);
  assert.equal(shelf.length, 5);
  assert.equal(queue.count, 1);
  assert.equal(readKey("flen:tab"), null);
});

test("what waits is said in words until it has arrived", () => {
  const none = { count: 0, unkept: 0, silent: false, others: [] };
  assert.equal(waitingWords(none), "");
  assert.equal(waitingWords({ ...none, count: 3 }), "");
  assert.equal(waitingWords({ ...none, count: 3, silent: true }), "3 decisions wait for the studio.");
  assert.equal(waitingWords({ ...none, count: 1, silent: true }), "1 decision waits for the studio.");
  assert.match(waitingWords({ ...none, count: 2, unkept: 2 }), /They are in this page alone.*Leave the page open/);
  assert.match(waitingWords({ ...none, count: 2, unkept: 1 }), /1 of them is in this page alone/);
  const others = [{ name: "Ada", count: 2 }];
  assert.match(waitingWords({ ...none, others }), /^2 decisions wait for the workspace Ada/);
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
  assert.equal(world.received.length, 2);
  assert.deepEqual(world.received[0], world.received[1]);
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
  assert.equal(world.shelf.length, 2);
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
  assert.deepEqual(
    world.received.map((sent) => sent.length),
    [1, 1],
  );
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
