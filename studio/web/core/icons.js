// @ts-check
/** Icons drawn by one path each, in the colour of the text around them. */

import { svg } from "./dom.js";

const PATHS = {
  check: "M4 12.5l5 5L20 6.5",
  cross: "M6 6l12 12M18 6L6 18",
  pen: "M4 20l1-4L16 5l3 3L8 19l-4 1z",
  question: "M9 9a3 3 0 1 1 4.2 2.7c-.9.5-1.2 1-1.2 2.3M12 17.5v.5",
  dash: "M6 12h12",
  plus: "M12 5v14M5 12h14",
  gear: "M12 9a3 3 0 1 0 0 6a3 3 0 0 0 0-6M12 3v3M12 18v3M3 12h3M18 12h3M5.6 5.6l2.2 2.2M16.2 16.2l2.2 2.2M5.6 18.4l2.2-2.2M16.2 7.8l2.2-2.2",
  theme: "M12 4a8 8 0 1 0 0 16zM12 4a8 8 0 0 1 0 16",
  stop: "M7 7h10v10H7z",
  play: "M8 5l11 7-11 7z",
  list: "M5 7h14M5 12h14M5 17h14",
  next: "M9 5l7 7-7 7",
  lock: "M7 11V8a5 5 0 0 1 10 0v3M6 11h12v9H6z",
  swap: "M7 4v14M4 15l3 3 3-3M17 20V6M14 9l3-3 3 3",
  eye: "M2.5 12S6 5.5 12 5.5 21.5 12 21.5 12 18 18.5 12 18.5 2.5 12 2.5 12zM12 9.5a2.5 2.5 0 1 0 0 5a2.5 2.5 0 0 0 0-5",
  undo: "M9 14L4 9l5-5M4 9h10a6 6 0 0 1 0 12h-3",
  redo: "M15 14l5-5-5-5M20 9H10a6 6 0 0 0 0 12h3",
  folder: "M3 6h6l2 2h10v11H3z",
  grid: "M4 4h7v7H4zM13 4h7v7h-7zM4 13h7v7H4zM13 13h7v7h-7z",
  single: "M4 5h16v14H4z",
  rule: "M4 20h16M6 20v-4M10 20v-9M14 20v-6M18 20v-3M12.5 3v17",
  download: "M12 4v11M7 11l5 5 5-5M5 20h14",
  split: "M4 5h16v14H4zM12 5v14",
  grip: "M9 6v.01M15 6v.01M9 12v.01M15 12v.01M9 18v.01M15 18v.01",
  lineage:
    "M6 4a2 2 0 1 0 0 4a2 2 0 0 0 0-4M6 16a2 2 0 1 0 0 4a2 2 0 0 0 0-4M18 10a2 2 0 1 0 0 4a2 2 0 0 0 0-4M8 6h4l4 5M8 18h4l4-5",
};

/** @typedef {keyof typeof PATHS} IconName */

/**
 * @param {IconName} name
 * @returns {SVGSVGElement}
 */
export function icon(name) {
  return svg(
    "svg",
    { viewBox: "0 0 24 24", "aria-hidden": "true", class: "flen-icon" },
    svg("path", { d: PATHS[name] }),
  );
}
