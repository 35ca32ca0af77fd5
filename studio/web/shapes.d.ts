/**
 * Shapes written by hand: what Gradio and `h` take, and parts of answers that have names of their own here. All that
 * crosses between server and page is in types.d.ts, which is generated.
 */

import type { Decided, Said, StudioStatus, Tile } from "./types.js";

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
export type Label = NonNullable<Tile["state"]["label"]>;
export type Verdict = NonNullable<Tile["verdict"]>;
export type Action = Said["action"];

/** What the studio says of pictures and gates after decisions. */
export type Settled = Pick<Decided, "pictures" | "gates">;

export interface StatusEvent extends StudioStatus {
  moved: boolean;
}
