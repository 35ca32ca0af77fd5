// @ts-check
/** Settings, Backup: the workspace as one file, written while one goes on, and how to restore it. */

import { h, put } from "../core/dom.js";
import { bytes, count } from "../core/format.js";
import { post, tryGet } from "../core/net.js";
import { attempt, button } from "../core/ui.js";

/** @import { BackupShown } from "../types.js" */

const TICK = 500;

/**
 * What is to be said of a backup.
 * @param {BackupShown} shown
 * @returns {string}
 */
export function backupWords({ state, done, total, error, path, bytes: size, files }) {
  if (state === "running") return total ? `${bytes(done)} of ${bytes(total)}, reading it again included` : "starting";
  if (state === "done") return `${path}: ${count(files, "file")}, ${bytes(size)}, read again and found whole.`;
  if (state === "cancelled") return "Stopped. Nothing is left of it.";
  return error;
}

/**
 * How to get a workspace out of a backup.
 * @param {string} path
 * @returns {string}
 */
export function restoreCommand(path) {
  return `flenwheel restore "${path || "FILE"}" --workspace NEW_FOLDER`;
}

/** The section of the dialog, and how it is painted. */
class BackupSection {
  constructor() {
    this.said = h("p", { id: "backup-said", class: "dim", role: "status" });
    this.meter = h("progress", { id: "backup-progress", max: "1", "aria-label": "Progress of the backup" });
    this.leftOut = h("ul", { id: "backup-left-out", class: "problem" });
    this.command = h("code", { id: "backup-restore" });
    this.begin = button("Back up", () => this.ask("/backup"), { id: "backup-begin" });
    this.stop = button("Stop", () => this.ask("/backup/cancel"), { id: "backup-cancel" });
  }

  /** @param {string} path */
  ask(path) {
    return attempt(async () => {
      await post(path);
      await this.follow();
    });
  }

  /** Paint how far it is, again and again while it runs and the dialog is there. */
  async follow() {
    clearTimeout(this.timer);
    const shown = /** @type {BackupShown | null} */ (await tryGet("/backup"));
    if (shown) this.paint(shown);
    if (shown?.state === "running" && this.said.isConnected) this.timer = setTimeout(() => this.follow(), TICK);
  }

  /** @param {BackupShown} shown */
  paint(shown) {
    const running = shown.state === "running";
    this.said.textContent = backupWords(shown);
    this.meter.hidden = !running;
    this.meter.value = shown.total ? shown.done / shown.total : 0;
    this.begin.disabled = running;
    this.stop.hidden = !running;
    const lines = shown.left_out.map((line) => h("li", {}, `Left out: ${line}`));
    put(this.leftOut, lines);
    this.leftOut.hidden = !lines.length;
    this.command.textContent = restoreCommand(shown.path);
  }
}

export function backupSection() {
  const shown = new BackupSection();
  shown.paint({ state: "none", done: 0, total: 0, error: "", path: "", bytes: 0, files: 0, left_out: [] });
  queueMicrotask(() => shown.follow());
  const about =
    "Everything but downloaded weights and caches, as one file in the workspace's folder backups; keep it on another " +
    "disk. Work goes on meanwhile. To restore it: ";
  return h(
    "section",
    { id: "backup", class: "form" },
    h("h3", {}, "Backup"),
    h("small", {}, about, shown.command),
    shown.meter,
    shown.said,
    shown.leftOut,
    h("div", { class: "row" }, shown.begin, shown.stop),
  );
}
