/**
 * Shapes written by hand: what Gradio and `h` take, and the answers of routes that have no response model yet (see
 * `studio/server`). What has a model is in types.d.ts, which is generated: when a
 * route gets a response model, its shape moves there and goes from here.
 */

import type { Character, Memory, Said, Tags } from "./types.js";

export type Child = Node | string | number | false | null | undefined | readonly Child[];
export type Props = Record<string, any>;

/** What Gradio hands to `js_on_load` (studio/components/island.py). */
export interface GradioFrame {
  island: string;
  element: HTMLElement;
  props: { options?: object | null; value: any };
  trigger: (event: string, data?: object) => void;
  watch: (prop: string, listen: () => void) => void;
  events: string[];
}

declare global {
  interface Window {
    flenIslands?: GradioFrame[] | { push: (frame: GradioFrame) => void };
  }
}

export type Words = readonly (readonly [string, string])[];
export type Label = "good" | "needs_correction" | "reject";
export type Verdict = "right" | "wrong" | "unsure" | "cannot tell";

/** What the decisions about a picture add up to. */
export interface State {
  label: Label | null;
  who: "human" | "rule" | null;
  reason: string;
  identity: number | null;
  edit: number | null;
  failures: string[];
  note: string;
}

/** What follows from the decisions about a picture. */
export interface Standing {
  state: State;
  /** piles of Review that it lies in */
  piles: string[];
  /** the cut line above which the filter sorts it out; `null`: never */
  above: number | null;
}

export interface Tile extends Standing {
  id: string;
  w: number;
  h: number;
  kind: string;
  version: string;
  title: string;
  angle: string;
  expression: string;
  tags: { angle: string; expression: string };
  verdict: Verdict | null;
  score: number | null;
  faces: number | null;
}

export type Action = Said["action"];

/** A decision as the records tell it. */
export interface Decided {
  who: string;
  action: Action;
  value: any;
  reason: string;
}

/** How many pictures of a gate lie in each pile, and how many the filter would sort out. */
export interface Tally {
  counts: Record<string, number>;
  filter: number;
}

/** What the studio says of pictures and gates after decisions. */
export interface Settled {
  pictures: Record<string, Standing>;
  gates: Record<string, Tally>;
}

export interface DecisionAnswer extends Settled {
  known: string[];
  lost: string[];
}

export interface CorrectionAnswer extends Settled {
  /** the decisions that make it, by picture: undoing them undoes it */
  decisions: Record<string, string>;
}

export interface Picture extends Tile {
  recipe: Words;
  scores: Words;
  parents: string[];
  children: string[];
  decisions: Decided[];
  trained: string[];
  caption: string;
  /** it can be made again */
  again: boolean;
}

/** A picture at a gate of the review. */
export interface PileTile extends Tile {
  reference: string | null;
  parent: string | null;
  correctable: boolean;
}

export interface Pile extends Tally {
  gate: string;
  items: PileTile[];
}

/** What could be the better try of a picture. */
export interface Try extends Tile {
  /** it was asked for the same */
  same: boolean;
  how: string;
  prompt: string;
}

export interface JobState {
  id: string;
  kind: string;
  title: string;
  character: string;
  state: "queued" | "running" | "done" | "failed" | "cancelled" | "interrupted";
  done: number;
  total: number;
  note: string;
  warnings: string[];
  error: string;
  traceback: string;
  /** what may be asked of it */
  can: ("cancel" | "resume" | "dismiss")[];
}

export interface RunningJob extends JobState {
  unit: string;
  k: number;
  n: number;
  left: number | null;
  preview: string;
  paused: boolean;
  cancelling: boolean;
  /** it does not stop: what is lost when it is ended; "" otherwise */
  stuck: string;
}

export interface RailStep {
  key: string;
  title: string;
  state: "done" | "next" | "open" | "blocked";
  count: number | string | null;
  why: string;
  tab: string;
}

export interface NextStep {
  title: string;
  why: string;
  tab: string;
  gate?: string;
}

export interface StatusState {
  revision: string;
  character: Character | null;
  characters: { id: string; name: string }[];
  workspace: string;
  theme: string;
  notices: string[];
  rail: RailStep[];
  next: NextStep | null;
  job: RunningJob | null;
  memory: Memory | null;
  queued: JobState[];
  recent: JobState[];
}

export interface StatusEvent extends StatusState {
  moved: boolean;
}

export interface Setting {
  name: string;
  value: string | number | boolean | null;
  about: string;
  choices: (string | number)[] | null;
}

export interface PracticeCharacter {
  number: number;
  name: string;
  looks: string;
}

export interface Hint {
  name: string;
  tab: string;
  gate: string;
  step: string;
  title: string;
  text: string;
  keys: string[];
}

export interface Rejects {
  angle: string;
  total: number;
  not_passed: number;
  failed: number;
  low: number;
  high: number;
}

/** A calibration as the page shows it. */
export interface Calibration {
  version: string;
  recogniser: string;
  far_low: number;
  far_high: number;
  tau: number;
  smallest: number;
  threshold: number;
  floor: number;
  auc: number | null;
  impostors: number;
  provisional: boolean;
  why: string;
  used: boolean;
  stale: boolean;
  frr: { out: number; total: number; low: number; high: number };
  rejects: Rejects[];
  report: string;
  genuine: number[];
  impostor: number[];
  closest: [string, number][];
  words: string;
}

export interface ThresholdData {
  character: string;
  sources: number;
  others: number;
  blocker: string;
  weak: string[];
  start: number | null;
  far: number;
  failed: string;
  calibrations: Calibration[];
  waiting: number;
}

export interface ThresholdNow {
  state: "nobody" | "none" | "used" | "provisional" | "stale";
  threshold?: number;
}

export interface SurveyTile extends Tile {
  at: { stack: string; image: string; prompt: string };
}

export interface SurveyData {
  id: string;
  version: string;
  versions: { id: string; version: string }[];
  images: string[];
  stacks: string[];
  prompts: { key: string; text: string }[];
  cells: SurveyTile[];
}

export interface CardCell {
  name: string;
  image: Tile | null;
  verdict: "right" | "wrong" | "unsure" | "missing";
  by: string;
  why: string;
}

export interface CardSpecCell {
  name: string;
  title: string;
  angle: string;
  expression: string;
  pose: string;
}

export interface CardSummary {
  id: string;
  version: string;
  lora: string;
  seed: number;
  rate: { right: number; total: number; low: number; high: number; target: number; words: string };
  cells: CardCell[];
}

export interface CardList {
  report: boolean;
  unread: number;
  cards: CardSummary[];
  loras: { id: string; name: string; origin: string }[];
  cells: CardSpecCell[];
  seed: number;
}

export interface Candidate extends Tile {
  cell: string;
}

export interface Candidates {
  most: number;
  have: Record<string, number>;
  pictures: Candidate[];
}

export type { Said, Tags };

/** What was read of one kind of presets: where from, how many there are, and which of them are the user's. */
export interface PresetKind {
  title: string;
  files: string;
  count: number;
  own: string[];
}

/** `GET /presets` and its likes: `later` is what the open page does not show yet, `written` the files just made. */
export interface PresetsRead {
  folder: string;
  kinds: PresetKind[];
  problems: string[];
  later: string[];
  written?: string[];
}
