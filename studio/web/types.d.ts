/**
 * Written by tools/web_types.py from the server's models: change those and run it again.
 */

/** The job that makes a shot once more. */
export interface Again {
  job: string;
  title: string;
}

/** The newest backup of this session: how far it is, in bytes; where it lies, how large it is and what was left out */
export interface BackupShown {
  state: "none" | "running" | "done" | "failed" | "cancelled";
  done: number;
  total: number;
  error: string;
  path: string;
  bytes: number;
  files: number;
  left_out: string[];
}

/** The job that does what was asked. */
export interface Begun {
  job: string;
}

/** A good picture that could be kept, and the cell that it fills. */
export interface Candidate {
  state: State;
  piles: string[];
  above: number | null;
  id: string;
  w: number;
  h: number;
  kind: string;
  version: string;
  title: string;
  angle: string;
  expression: string;
  tags: SaidOutput;
  verdict: string | null;
  score: number | null;
  faces: number | null;
  cell: string;
}

/** Good pictures that could be kept, the one to take first at the front; ``most`` is how many are kept unless the */
export interface Candidates {
  most: number;
  have: Record<string, number>;
  pictures: Candidate[];
}

/** A LoRA that a card can be run for. */
export interface CardLora {
  id: string;
  name: string;
  origin: string;
}

/** A cell of a card that was run: its picture, and who judged it how. */
export interface CardPlace {
  name: string;
  image: Tile | null;
  verdict: "right" | "wrong" | "unsure" | "missing";
  by: string;
  why: string;
}

/** A card that was run. */
export interface CardSummary {
  id: string;
  version: string;
  lora: string;
  seed: number;
  rate: RateTold;
  cells: CardPlace[];
}

/** The cards of the character with their rates, the cells of the benchmark, and the LoRAs it can be run for. */
export interface Cards {
  report: boolean;
  unread: number;
  cards: CardSummary[];
  loras: CardLora[];
  cells: CellTold[];
  seed: number;
}

/** A cell of the benchmark. */
export interface CellTold {
  name: string;
  title: string;
  angle: string;
  expression: string;
  pose: string;
}

/** Whom a wheel turns for. ``id`` is a slug and names folders; ``token`` and ``class_prompt`` build captions. */
export interface Character {
  id: string;
  name: string;
  token: string;
  class_prompt: string;
  generator: string;
  editor: string;
  origin: string;
  may_use: boolean;
  practice: number | null;
  created: string;
}

/** A character to choose. */
export interface CharacterName {
  id: string;
  name: string;
}

/** Who is worked on now. */
export interface Chosen {
  id: string;
}

/** A correction was given; ``decisions`` undo it, by picture. */
export interface Corrected {
  pictures: Record<string, Standing>;
  gates: Record<string, Tally>;
  id: string;
  target: string;
  decisions: Record<string, string>;
}

/** ``known`` decisions need not be sent again; ``lost`` ones are of pictures that are not here. */
export interface Decided {
  pictures: Record<string, Standing>;
  gates: Record<string, Tally>;
  known: string[];
  lost: string[];
}

/** A decision as the picture's page tells it. */
export interface DecisionSaid {
  who: string;
  action: string;
  value: string | number | null;
  reason: string;
  where: string;
  at: string;
}

/** It was done as asked. */
export interface Done {
  ok: boolean;
}

/** What the page knows for good: failure modes by their letter, and each in words, what a picture can show, the */
export interface Facts {
  failures: Record<string, string>;
  failure_words: Record<string, string>;
  angles: string[];
  expressions: string[];
  theme: string;
  piles: Record<string, string>;
  outcomes: Record<string, Record<string, Outcome>>;
}

/** The job at work: ``k`` of ``n`` within the present ``unit``, seconds ``left``, a base64 JPEG; ``stuck`` says what */
export interface JobNow {
  id: string;
  kind: string;
  title: string;
  character: string;
  state: string;
  done: number;
  total: number;
  note: string;
  warnings: string[];
  error: string;
  traceback: string;
  ended: string | null;
  can: string[];
  unit: string;
  k: number;
  n: number;
  left: number | null;
  preview: string;
  paused: boolean;
  cancelling: boolean;
  stuck: string;
}

/** A job; ``can`` is what may be asked of it besides looking at it. */
export interface JobSummary {
  id: string;
  kind: string;
  title: string;
  character: string;
  state: string;
  done: number;
  total: number;
  note: string;
  warnings: string[];
  error: string;
  traceback: string;
  ended: string | null;
  can: string[];
}

/** The pristine version that was made. */
export interface Kept {
  version: string;
  count: number;
}

/** A survey as a matrix: pictures, prompts, stacks, and the picture of each cell. */
export interface Matrix {
  id: string;
  version: string;
  versions: SurveyVersion[];
  images: string[];
  stacks: string[];
  prompts: SurveyPrompt[];
  cells: SurveyCell[];
}

/** What is loaded and how much memory it takes, GiB. ``device`` is ``cuda`` or ``cpu``. */
export interface Memory {
  type: "memory";
  device: string;
  used_gib: number;
  total_gib: number;
  resident: string;
}

/** What the dialog asks for a new character. */
export interface NewCharacter {
  name: string;
  class_prompt?: string;
  token?: string;
  origin?: string;
  may_use?: boolean;
}

/** The next best action: what, why, and the tab where it is done (``gate`` preselects the pile in Review). */
export interface NextAction {
  title: string;
  why: string;
  tab: "survey" | "enrich" | "train" | "generate" | "review" | "model_card";
  gate: string;
}

/** What a decision makes of a picture: fields of its state, the piles it lies in instead of those of other labels, */
export interface Outcome {
  state: Record<string, unknown>;
  piles: string[] | null;
  cell: string | null;
  flips: string | null;
}

/** Everything about one picture: recipe, lineage, scores, decisions; lines are pairs of a name and words. */
export interface Picture {
  state: State;
  piles: string[];
  above: number | null;
  id: string;
  w: number;
  h: number;
  kind: string;
  version: string;
  title: string;
  angle: string;
  expression: string;
  tags: SaidOutput;
  verdict: string | null;
  score: number | null;
  faces: number | null;
  recipe: [string, string][];
  parents: string[];
  children: string[];
  scores: [string, string][];
  decisions: DecisionSaid[];
  trained: string[];
  caption: string;
  again: boolean;
}

/** Pictures of one kind and version, oldest first, with the versions there are. */
export interface Pictures {
  version: string;
  versions: string[];
  pictures: Tile[];
}

/** A gate of the review: every picture with the reference to hold it against. */
export interface Pile {
  counts: Record<string, number>;
  filter: number;
  gate: "enriched" | "synthetic" | "card" | "survey";
  items: PileItem[];
}

/** A picture at a gate, with the reference to hold it against and the picture it was made from. */
export interface PileItem {
  state: State;
  piles: string[];
  above: number | null;
  id: string;
  w: number;
  h: number;
  kind: string;
  version: string;
  title: string;
  angle: string;
  expression: string;
  tags: SaidOutput;
  verdict: string | null;
  score: number | null;
  faces: number | null;
  reference: string | null;
  parent: string | null;
  correctable: boolean;
}

/** One step of the rail. ``count`` is what it has to show (``None``: not counted); ``why`` is in words. */
export interface RailStep {
  key: string;
  title: string;
  count: number | null;
  state: "done" | "next" | "open" | "blocked";
  why: string;
  tab: "survey" | "enrich" | "train" | "generate" | "review" | "model_card";
}

/** How many cells are right at the first try, of how many; the 95 % interval; in words, too. */
export interface RateTold {
  right: number;
  total: number;
  low: number;
  high: number;
  target: number;
  unsure: number;
  missing: number;
  words: string;
}

/** A decision as the page makes it: who and when are added here. */
export interface SaidInput {
  id: string;
  image: string;
  action: "label" | "identity" | "edit" | "failure" | "note" | "undo";
  value?: string | number | null;
  reason?: string;
  where?: string;
  undoes?: string;
}

/** What a human said that a picture shows. */
export interface SaidOutput {
  angle: string | null;
  expression: string | null;
}

/** Decisions in the order they were made. */
export interface SaidBatch {
  decisions: SaidInput[];
}

/** One setting: its value, what it means, and the choices where it has some. */
export interface SettingField {
  name: string;
  value: string | number | boolean | null;
  about: string;
  choices: string[] | null;
}

/** What can be set. */
export interface SettingsForm {
  fields: SettingField[];
}

/** What the filter has done. */
export interface SortedOut {
  rejected: number;
  left: number;
}

/** What follows from the decisions about a picture: the piles of Review it lies in, and the cut line above which the */
export interface Standing {
  state: State;
  piles: string[];
  above: number | null;
}

/** What the decisions about a picture add up to. */
export interface State {
  label: string | null;
  who: string | null;
  reason: string;
  identity: number | null;
  edit: number | null;
  failures: string[];
  note: string;
}

/** What goes on now. ``revision`` changes whenever something that a page shows may have changed. */
export interface StudioStatus {
  rail: RailStep[];
  next: NextAction | null;
  job: JobNow | null;
  memory: Memory | null;
  queued: JobSummary[];
  recent: JobSummary[];
  revision: string;
  character: Character | null;
  characters: CharacterName[];
  workspace: string;
  theme: string;
  notices: string[];
}

/** A picture of a survey and its place. */
export interface SurveyCell {
  state: State;
  piles: string[];
  above: number | null;
  id: string;
  w: number;
  h: number;
  kind: string;
  version: string;
  title: string;
  angle: string;
  expression: string;
  tags: SaidOutput;
  verdict: string | null;
  score: number | null;
  faces: number | null;
  at: SurveyPlace;
}

/** Where in the matrix a picture stands. */
export interface SurveyPlace {
  stack: string | null;
  image: string | null;
  prompt: string | null;
}

/** A row of the matrix. */
export interface SurveyPrompt {
  key: string;
  text: string;
}

/** A survey, if there is one. */
export interface SurveyShown {
  survey: Matrix | null;
}

/** A survey by its version. */
export interface SurveyVersion {
  id: string;
  version: string;
}

/** What a picture shows, as the human says; ``None`` leaves a tag as it is. */
export interface Tags {
  angle?: "front" | "half-left" | "profile-left" | "half-right" | "profile-right" | "back" | "unsure" | null;
  expression?: "neutral" | "smiling" | "angry" | "sad" | "unsure" | null;
  caption?: string | null;
}

/** How many pictures of a gate lie in each pile, and how many the filter would sort out now. */
export interface Tally {
  counts: Record<string, number>;
  filter: number;
}

/** A picture as a thumbnail with what judges it. */
export interface Tile {
  state: State;
  piles: string[];
  above: number | null;
  id: string;
  w: number;
  h: number;
  kind: string;
  version: string;
  title: string;
  angle: string;
  expression: string;
  tags: SaidOutput;
  verdict: string | null;
  score: number | null;
  faces: number | null;
}

/** What could be the better try of a picture, the likeliest first. */
export interface Tries {
  pictures: Try[];
}

/** What could be the better try of a picture; ``same``: it was asked for the same. */
export interface Try {
  state: State;
  piles: string[];
  above: number | null;
  id: string;
  w: number;
  h: number;
  kind: string;
  version: string;
  title: string;
  angle: string;
  expression: string;
  tags: SaidOutput;
  verdict: string | null;
  score: number | null;
  faces: number | null;
  same: boolean;
  how: string;
  prompt: string;
}
