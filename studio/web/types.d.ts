/**
 * Written by tools/web_types.py from the server's models: change those and run it again.
 */

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

/** What the page knows for good: failure modes by their letter, what a picture can show, the piles of Review in */
export interface Facts {
  failures: Record<string, string>;
  angles: string[];
  expressions: string[];
  theme: string;
  piles: Record<string, string>;
  outcomes: Record<string, Record<string, Outcome>>;
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

/** What a decision makes of a picture: fields of its state, the piles it lies in instead of those of other labels, */
export interface Outcome {
  state: Record<string, unknown>;
  piles: string[] | null;
  cell: string | null;
  flips: string | null;
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
}

/** Decisions in the order they were made. */
export interface SaidBatch {
  decisions: Said[];
}

/** What a picture shows, as the human says; ``None`` leaves a tag as it is. */
export interface Tags {
  angle?: "front" | "half-left" | "profile-left" | "half-right" | "profile-right" | "back" | "unsure" | null;
  expression?: "neutral" | "smiling" | "angry" | "sad" | "unsure" | null;
  caption?: string | null;
}
