/**
 * Written by tools/web_types.py from the server's models: change those and run it again.
 */

/** Whether to turn the wheel again. ``version`` is the LoRA to use as things stand (empty: none is measured). */
export interface Advice {
  stop: boolean;
  reason: "proven" | "no gain" | "not measured" | "go on";
  version: string;
  words: string;
}

/** The job that makes a shot once more. */
export interface Again {
  job: string;
  title: string;
}

/** What became of files that were brought in, as a message of the page. */
export interface ArrivalTold {
  title: string;
  lines: string[];
  bullets: boolean;
  tone: string;
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

/** What was made with the models of a character, in words; nothing while they can simply be changed. */
export interface Beginning {
  choosing: Choosing;
  made: string[];
}

/** The job that does what was asked. */
export interface Begun {
  job: string;
}

/** A threshold with what it was calibrated from; ``frr``: right pictures that do not pass; ``remarks`` are of */
export interface CalibrationTold {
  genuine: number[];
  impostor: number[];
  closest: [string, number][];
  words: string;
  version: string;
  recogniser: string;
  far: number;
  far_low: number;
  far_high: number;
  tau: number;
  smallest: number;
  threshold: number;
  floor: number;
  auc: number | null;
  impostors: number;
  others: number;
  effective: number;
  provisional: boolean;
  why: string;
  created: string;
  rejects: RejectRate[];
  used: boolean;
  stale: boolean;
  frr: Share;
  report: string;
  remarks: string[];
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
  tags: Shown;
  verdict: "right" | "unsure" | "wrong" | "cannot tell" | null;
  score: number | null;
  faces: number | null;
  broke: string;
  cell: string;
}

/** Good pictures that could be kept, the one to take first at the front; ``most`` is how many are kept unless the */
export interface Candidates {
  most: number;
  have: Record<string, number>;
  pictures: Candidate[];
}

/** What is to be done with captions, in this order: ``find`` becomes ``replace`` wherever it stands; tags (parts */
export interface CaptionChange {
  find?: string;
  replace?: string;
  remove?: string;
  add?: string;
  front?: boolean;
}

/** A picture's caption as it is learnt, who wrote it ("": nobody, it is built), and what is to be said of it. */
export interface CaptionRow {
  id: string;
  kind: string;
  name: string;
  caption: string;
  by: string;
  tokens: number;
  notes: string[];
}

/** What is to be done with the captions of which pictures. */
export interface CaptionsAsked {
  images: string[];
  change: CaptionChange;
}

/** How many captions are as before, and what was taken back. */
export interface CaptionsBack {
  captions: number;
  words: string;
}

/** Captions that change, by picture, as they become. */
export interface CaptionsChanged {
  captions: Record<string, string>;
}

/** Captions of a character; ``undo`` says what would be taken back ("": nothing), ``exact`` whether the model's own */
export interface CaptionsTold {
  rows: CaptionRow[];
  notes: string[];
  exact: boolean;
  most: number;
  undo: string;
  captioner: string;
  lacking: string;
}

/** Captions by picture, word for word. */
export interface CaptionsWritten {
  captions: Record<string, string>;
}

/** Before a card is run: why it cannot be, short (``obstacle``; empty: it can), what is missing, in words, and the */
export interface CardAhead {
  obstacle: string;
  words: string[];
  get: string;
  gib: number;
}

/** A LoRA that a card can be run for: the character's ``own``, or another, and of whom; the ``weight`` it starts */
export interface CardLora {
  id: string;
  name: string;
  weight: number;
  origin: string;
  own: boolean;
  whose: string;
}

/** A cell of a card that was run: its picture, who judged it how, and which readers see what in it. */
export interface CardPlace {
  name: string;
  image: Tile | null;
  verdict: "right" | "wrong" | "unsure" | "missing";
  by: string;
  why: string;
  read: string;
}

/** ``lora``: its id, empty for the base model, ``None`` for the newest of the character's own. ``seed``: ``None`` */
export interface CardSetup {
  lora: string | null;
  strength: number;
  seed: number | null;
  seeds: number;
  beside: Record<string, number>;
}

/** A card that was run; ``lora`` in words, with its strength and what was beside it, ``lora_id`` empty for the base */
export interface CardSummary {
  id: string;
  version: string;
  lora: string;
  lora_id: string;
  seed: number;
  rate: RateTold;
  cells: CardPlace[];
  further: CardPlace[][];
  parts: string[];
  drift: string;
}

/** The cards of the character with their rates, the cells of the benchmark, and the LoRAs it can be run for. */
export interface Cards {
  report: boolean;
  unread: number;
  cards: CardSummary[];
  loras: CardLora[];
  cells: CellTold[];
  seed: number;
  ahead: CardAhead;
  rule: Advice | null;
  reader: ReaderTold | null;
  setup: CardSetup;
  generate: Record<string, number>;
}

/** Two cards held against each other: cells that are right in the second alone, in the first alone, McNemar's p, and */
export interface CardsCompared {
  gained: string[];
  lost: string[];
  p: number;
  words: string;
}

/** Who can be practised with. */
export interface Cast {
  cast: Practice[];
}

/** A cell of the benchmark. */
export interface CellTold {
  name: string;
  title: string;
  angle: string;
  expression: string;
  pose: string;
}

/** What a character works with now. */
export interface Changed {
  generator: string;
  editor: string;
}

/** What a character is, or is called, said anew; ``None`` leaves it. */
export interface Changes {
  kind?: string | null;
  class_prompt?: string | null;
  name?: string | null;
}

/** Whom a wheel turns for. ``id`` is a slug and names folders; ``token`` and ``class_prompt`` build captions. */
export interface Character {
  id: string;
  name: string;
  token: string;
  class_prompt: string;
  kind: string;
  formerly: string[];
  generator: string;
  editor: string;
  origin: string;
  may_use: boolean;
  practice: number | null;
  judged_by: "face" | "look" | "none";
  wanted: Record<string, number>;
  archived: boolean;
  trashed: string | null;
  created: string;
}

/** A character to choose. */
export interface CharacterName {
  id: string;
  name: string;
}

/** What there is for each role, what the machine has, in words, and what is chosen. ``place`` says where downloads */
export interface Choosing {
  generators: Offer[];
  editors: Offer[];
  generator: string;
  editor: string;
  machine: string;
  place: string;
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

/** The part that is to stand for the whole. */
export interface CropAsked {
  box: [number, number, number, number];
  turned?: 0 | 90 | 180 | 270;
}

/** A part that may be worth having. */
export interface CropSuggested {
  aim: string;
  title: string;
  box: [number, number, number, number];
}

/** A source on its way to be cropped. ``whole`` is the picture as it came in, ``width`` and ``height`` its size when */
export interface CropTold {
  id: string;
  whole: string;
  name: string;
  turned: number;
  width: number;
  height: number;
  box: [number, number, number, number];
  cropped: boolean;
  suggestions: CropSuggested[];
  why: string;
}

/** The picture that is the source now. */
export interface Cropped {
  id: string;
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

/** ``count`` things of ``origin`` went into ``to`` (ids of nodes). */
export interface Edge {
  origin: string;
  to: string;
  count: number;
}

/** Who was removed for good; folders that were left, each with the reason. */
export interface Emptied {
  removed: string[];
  left: string[];
}

/** What there is to recognise faces by, here or not. */
export interface FacePacks {
  packs: PackOffer[];
}

/** What the page knows for good: failure modes by their letter, and each in words, what a picture can show, the */
export interface Facts {
  failures: Record<string, string>;
  failure_words: Record<string, string>;
  angles: string[];
  expressions: string[];
  theme: string;
  workspace: string;
  workspace_id: string;
  page: string;
  piles: Record<string, string>;
  orders: Record<string, string>;
  outcomes: Record<string, Record<string, Outcome>>;
}

/** Chains of edits that make pictures for cells that failed. */
export interface FailedCells {
  chains: string[];
}

/** What a folder holds: names of folders, never of files. ``parent`` is "" at the top; ``left_out`` counts those */
export interface Folders {
  at: string;
  parent: string;
  folders: string[];
  left_out: number;
  places: string[];
}

/** What to look at and what to press, at one gate. ``tab`` and ``gate`` say where; ``step`` (of the rail) when: that */
export interface Hint {
  name: string;
  tab: string;
  gate: string;
  step: string;
  title: string;
  text: string;
  keys: string[];
}

/** The hints of practice, and the names of those that were closed. */
export interface Hints {
  hints: Hint[];
  seen: string[];
}

/** A job that was asked for. */
export interface JobBegun {
  job: string;
  title: string;
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

/** What was read of one kind of presets: where from, how many there are, and which of them are the user's. */
export interface KindTold {
  title: string;
  files: string;
  count: number;
  own: string[];
}

/** The job that looks at pictures, and how many there are to look at; no job for none. */
export interface Looked {
  job: string | null;
  pictures: number;
}

/** A LoRA that another can be merged with. */
export interface LoraBeside {
  id: string;
  name: string;
}

/** What was found out about a LoRA (an entry's name, or a file's id); what is left out stays as it is, a score of */
export interface LoraFound {
  key: string;
  scores?: Record<string, number | null>;
  note?: string | null;
  looked?: "" | "card read" | "to test" | "left out" | null;
}

/** Where a LoRA is to go: ``what`` of it, into which folder of this machine. */
export interface LoraGoes {
  what: "comfyui" | "hub" | "trainers";
  folder: string;
}

/** LoRAs to be made into one called ``name``: ids with weights, to ``rank`` (``None``: the sum of theirs). */
export interface LoraMerge {
  rows: [string, number][];
  name: string;
  rank?: number | null;
}

/** Where a LoRA is. ``here``: asked from this machine, so that folders can be opened and written; its path is told */
export interface LoraPlace {
  id: string;
  name: string;
  version: string;
  trigger: string;
  path: string;
  bytes: number;
  here: boolean;
  comfy: string[];
  trained: boolean;
  beside: LoraBeside[];
}

/** What would be downloaded: the file's name, from where, its size in bytes (0: not told), what is known of its */
export interface LoraThere {
  name: string;
  place: string;
  bytes: number;
  licence: string;
}

/** What was written, where; what other trainers will do otherwise. */
export interface LoraWent {
  folder: string;
  files: string[];
  unmapped: Record<string, string[]>;
}

/** Which pictures a captioner is to caption. */
export interface MachineAsked {
  images: string[];
}

/** A survey as a matrix: pictures, prompts, stacks, how many seeds, and the pictures of each cell. */
export interface Matrix {
  id: string;
  version: string;
  versions: SurveyVersion[];
  images: string[];
  stacks: string[];
  seeds: number;
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

/** The folder of the workspace that is open now. */
export interface Moved {
  path: string;
}

/** What the dialog asks for a new character. No model named: what is recommended on this machine. */
export interface NewCharacter {
  name: string;
  kind?: string;
  class_prompt?: string;
  token?: string;
  origin?: string;
  may_use?: boolean;
  generator?: string;
  editor?: string;
  judged_by?: "face" | "look" | "none";
}

/** The next best action: what, why, and the tab where it is done (``gate`` preselects the pile in Review). */
export interface NextAction {
  title: string;
  why: string;
  tab: "survey" | "enrich" | "train" | "generate" | "review" | "model_card";
  gate: string;
}

/** Nobody is worked on. */
export interface Nobody {
  character: null;
}

/** One thing of the lineage. ``id`` is ``enriched/v1``, ``lora/v2``, ``synthetic/v1`` (what LoRA v1 drew) or */
export interface Node {
  id: string;
  kind: "source" | "enriched" | "lora" | "synthetic" | "pristine" | "card" | "correction" | "editor";
  title: string;
  count: number | null;
  words: string;
  lora: string;
}

/** The pictures that a node of the lineage stands for. */
export interface NodePictures {
  pictures: Tile[];
}

/** A model that can be chosen for a role. ``gib`` is the download that is still to be made (0: the weights are */
export interface Offer {
  name: string;
  title: string;
  here: boolean;
  gib: number;
  peak_gib: number;
  training_gib: number;
  fits: boolean;
  why: string;
  licence: string;
  lines: string[];
  practice: boolean;
  parameters: number;
  recommended: boolean;
}

/** What is to be varied (``again.ONE_THING``), and the values that it is to have. */
export interface OneThing {
  name: string;
  values: string[];
}

/** The models that a character is to work with from now on; an empty name: that one stays. ``new_round``: what was */
export interface OtherModels {
  generator?: string;
  editor?: string;
  new_round?: boolean;
}

/** What became of pictures of other people. */
export interface OthersKept {
  taken: number;
  people: number;
  refused: string[];
}

/** What a decision makes of a picture: fields of its state, the piles it lies in instead of those of other labels, */
export interface Outcome {
  state: Record<string, string | number | null>;
  piles: string[];
  cell: "right" | "wrong" | "unsure" | "missing" | null;
  flips: "failures";
  becomes: "note";
}

/** A face pack. ``bytes`` are what is to be downloaded, ``place`` is where it lies or will; ``here``: all of it is */
export interface PackOffer {
  name: string;
  title: string;
  licence: string;
  licence_note: string;
  bytes: number;
  source: string;
  place: string;
  here: boolean;
  used: boolean;
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
  tags: Shown;
  verdict: "right" | "unsure" | "wrong" | "cannot tell" | null;
  score: number | null;
  faces: number | null;
  broke: string;
  recipe: [string, string][];
  parents: string[];
  children: string[];
  corrected_by: string[];
  corrects: string[];
  scores: [string, string][];
  decisions: DecisionSaid[];
  trained: string[];
  caption: string;
  again: boolean;
  varied: Record<string, string>;
  settings: boolean;
}

/** Pictures of one kind and version, oldest first, with the versions there are. */
export interface Pictures {
  version: string;
  versions: string[];
  pictures: Tile[];
}

/** A gate of the review: every picture with the reference to hold it against, in an order; near duplicates by the */
export interface Pile {
  counts: Record<string, number>;
  filter: number;
  wanted: number | null;
  pace: string;
  gate: "enriched" | "synthetic" | "card" | "survey";
  order: "made" | "helps" | "unsure" | "gaps" | "best" | "worst";
  items: PileItem[];
  alike: Record<string, string[]>;
  undo: UndoStep[];
}

/** A picture at a gate, with the reference to hold it against (and what that shows) and the picture it was made */
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
  tags: Shown;
  verdict: "right" | "unsure" | "wrong" | "cannot tell" | null;
  score: number | null;
  faces: number | null;
  broke: string;
  asked: [string, string];
  measured: [string, string];
  reference: string | null;
  reference_angle: string;
  parent: string | null;
  correctable: boolean;
}

/** One practice character: what users see (``number``, ``name``, ``looks``) and the seed it comes from. */
export interface Practice {
  number: number;
  name: string;
  seed: number;
  looks: string;
}

/** The same, with the files just ``written``. */
export interface PresetsBegun {
  folder: string;
  there: boolean;
  kinds: KindTold[];
  problems: string[];
  later: string[];
  written: string[];
}

/** What was read of the user's own presets; ``later`` is what the open page does not show yet. */
export interface PresetsTold {
  folder: string;
  there: boolean;
  kinds: KindTold[];
  problems: string[];
  later: string[];
}

/** Characters that are archived, and those in the trash. */
export interface PutAway {
  archived: CharacterName[];
  trash: CharacterName[];
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
  judged: number;
  seeds: number;
  open: boolean;
  words: string;
}

/** Who can be asked to read pictures, why nobody can, and how its answers stand to your tags. */
export interface ReaderTold {
  reader: string;
  lacking: string;
  agreement: string[];
}

/** Of ``total`` right pictures at one angle, how many did not pass the threshold (95 % interval of that rate), and */
export interface RejectRate {
  angle: "front" | "half-left" | "profile-left" | "half-right" | "profile-right" | "back" | "unsure";
  total: number;
  not_passed: number;
  failed: number;
  low: number;
  high: number;
}

/** The tab that has the settings now; in words what was restored and what was not. */
export interface Restored {
  tab: "generate" | "enrich";
  restored: string[];
  lost: string[];
}

/** A training of the character's LoRA, in words. */
export interface RoundTold {
  version: string;
  state: string;
  lora: string;
  learnt: string;
  settings: string;
  rate: string;
  gain: string;
}

/** A decision as the page makes it: who and when are added here. */
export interface Said {
  id: string;
  image: string;
  action: "label" | "identity" | "edit" | "failure" | "note" | "undo";
  value?: string | number | null;
  reason?: string;
  where?: string;
  undoes?: string;
  batch?: string;
}

/** Decisions in the order they were made, and the ``workspace`` whose pictures they are about; "": the open one. */
export interface SaidBatch {
  workspace?: string;
  decisions: Said[];
}

/** Settings are kept; ``found`` is what was found at the places that were set, in words. */
export interface Saved {
  ok: boolean;
  found: string[];
}

/** Pictures to judge once more, those that were judged otherwise then, and how often both looks said the same. */
export interface SecondLook {
  images: string[];
  differing: string[];
  where: string;
  words: string;
}

/** The names of the hints that were closed. */
export interface Seen {
  seen: string[];
}

/** One setting: what it is called, its value, what it means, the choices where it has some, from where to where a */
export interface SettingField {
  name: string;
  title: string;
  value: string | number | boolean | null;
  about: string;
  choices: string[] | null;
  low: number | null;
  high: number | null;
  folder: "" | "one" | "several";
}

/** What can be set. */
export interface SettingsForm {
  fields: SettingField[];
}

/** ``out`` of ``total``, and the 95 % interval of that rate. */
export interface Share {
  out: number;
  total: number;
  low: number;
  high: number;
}

/** What a human said that a picture shows. */
export interface Shown {
  angle: string;
  expression: string;
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

/** The practice character that was made, and the job that draws its pictures. */
export interface Started {
  id: string;
  name: string;
  job: string;
}

/** What the decisions about a picture add up to. */
export interface State {
  label: "good" | "needs_correction" | "reject" | null;
  who: "human" | "rule" | "simulated" | null;
  reason: string;
  identity: number | null;
  edit: number | null;
  failures: string[];
  note: string;
}

/** A step was decided, taken back, or stands again: ``id`` names what did it. */
export interface StepTaken {
  pictures: Record<string, Standing>;
  gates: Record<string, Tally>;
  id: string;
  image: string;
  words: string;
}

/** What goes on now. ``revision`` changes whenever something that a page shows may have changed; so many characters */
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
  away: number;
  workspace: string;
  workspace_id: string;
  page: string;
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
  tags: Shown;
  verdict: "right" | "unsure" | "wrong" | "cannot tell" | null;
  score: number | null;
  faces: number | null;
  broke: string;
  at: SurveyPlace;
}

/** Where in the matrix a picture stands; ``seed`` counts the seeds of a cell from 0. */
export interface SurveyPlace {
  stack: string | null;
  image: string | null;
  prompt: string | null;
  seed: number;
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

/** A tag's value, who says so in words, and what a human said (``unsure``: nothing). */
export interface TagSaid {
  value: string;
  by: string;
  human: string;
}

/** A source and its tags: angle, expression, framing. */
export interface TaggedPicture {
  id: string;
  name: string;
  tags: Record<string, TagSaid>;
}

/** What a picture shows, as the human says; ``None`` leaves a tag as it is. */
export interface Tags {
  angle?: "front" | "half-left" | "profile-left" | "half-right" | "profile-right" | "back" | "unsure" | null;
  expression?: "neutral" | "smiling" | "angry" | "sad" | "unsure" | null;
  framing?: "portrait" | "bust" | "full" | "unsure" | null;
  caption?: string | null;
}

/** The sources of the character, who reads which tag here ("": nobody), who can be asked to read them all, why */
export interface TagsTold {
  pictures: TaggedPicture[];
  readers: Record<string, string>;
  reader: string;
  lacking: string;
  agreement: string[];
}

/** How many pictures of a gate lie in each pile, and how many the filter would sort out now; how many good ones are */
export interface Tally {
  counts: Record<string, number>;
  filter: number;
  wanted: number | null;
  pace: string;
}

/** How it stands with the threshold, and where it lies. */
export interface ThresholdNow {
  state: "nobody" | "none" | "used" | "provisional" | "stale";
  threshold: number;
}

/** The thresholds of the character, and what a new one would be calibrated from; ``worth``: of the starting line, */
export interface ThresholdsTold {
  character: string;
  sources: number;
  others: number;
  blocker: string;
  weak: string[];
  start: number | null;
  worth: string;
  strangers: boolean;
  far: number;
  failed: string;
  calibrations: CalibrationTold[];
  waiting: number;
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
  tags: Shown;
  verdict: "right" | "unsure" | "wrong" | "cannot tell" | null;
  score: number | null;
  faces: number | null;
  broke: string;
}

/** By what a character is told from now on. */
export interface ToldBy {
  judged_by: "face" | "look" | "none";
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
  tags: Shown;
  verdict: "right" | "unsure" | "wrong" | "cannot tell" | null;
  score: number | null;
  faces: number | null;
  broke: string;
  same: boolean;
  how: string;
  prompt: string;
}

/** What a human decided with one key, and the picture it was said of last. */
export interface UndoStep {
  id: string;
  image: string;
  words: string;
}

/** A LoRA by an entry's name, a repository or an address, and the model preset that it must fit ("": any). */
export interface WhatLora {
  what: string;
  family?: string;
}

/** The rounds, what the stop rule says, and the lineage of the LoRAs. */
export interface Wheel {
  rounds: RoundTold[];
  rule: Advice;
  nodes: Node[];
  edges: Edge[];
}

/** The folder of this workspace, and those of others. */
export interface Workspaces {
  here: string;
  others: string[];
}
