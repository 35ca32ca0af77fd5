// @ts-check
/** What is said of an identity threshold: how it stands, and what its calibration is doing. No DOM. */

import { count, dotted, minutes } from "../core/format.js";

/** @import { CalibrationTold, JobNow, JobSummary } from "../types.js" */
/** @typedef {{ tone: "good" | "warn", title: string, words: string }} Standing */

/**
 * @param {CalibrationTold} calibration
 * @param {number} waiting pictures scored by another threshold
 * @returns {Standing}
 */
export function standing(calibration, waiting) {
  const { provisional, stale, why, frr } = calibration;
  if (provisional) return { tone: "warn", title: "Provisional: this line is not used yet.", words: why };
  if (stale) {
    const words = "Calibrate again, and it holds for the sources of today.";
    return { tone: "warn", title: "Not used any more: the sources have changed since.", words };
  }
  if (frr.out > frr.total / 3) {
    const title = `In use, but ${frr.out} of ${frr.total} right pictures would not pass it.`;
    const help =
      "More sources of each angle help; and look at the others that come closest: is one of them the same person?";
    return { tone: "warn", title, words: `They come to you as unsure. ${help}` };
  }
  if (waiting) {
    const title = `${count(waiting, "picture")} ${waiting === 1 ? "was" : "were"} judged by another calibration.`;
    return { tone: "warn", title, words: "New pictures are judged by this one; the earlier ones when you say so." };
  }
  return { tone: "good", title: "In use: every new picture is judged by it.", words: "" };
}

/**
 * The calibration of a character that runs or waits.
 * @param {{ job: JobNow | null, queued: JobSummary[], character: { id: string } | null } | null} state
 * @returns {JobSummary | undefined}
 */
export function calibrationIn(state) {
  const jobs = [state?.job, ...(state?.queued ?? [])];
  return jobs.find((job) => job?.kind === "calibrate" && job.character === state?.character?.id) ?? undefined;
}

/** @param {JobSummary & { left?: number | null }} job */
export function calibrationWords({ state, total, done, note, left }) {
  const far = total ? `${done} of ${total} pictures looked at` : "starting";
  return dotted([state === "queued" ? "waits for the job before it" : far, note, minutes(left)]);
}

/**
 * The median of a threshold's own scores: another person that scores as high may be the same one.
 * @param {CalibrationTold} calibration
 */
export function usualScore({ genuine }) {
  return [...genuine].sort((a, b) => a - b)[Math.floor(genuine.length / 2)];
}
