import assert from "node:assert/strict";
import { test } from "node:test";

import { bytes } from "../../studio/web/core/format.js";
import { backupWords, restoreCommand } from "../../studio/web/shell/backup.js";

const SHOWN = { state: "none", done: 0, total: 0, error: "", path: "", bytes: 0, files: 0, left_out: [] };

test("a file's size", () => {
  assert.equal(bytes(0), "0 bytes");
  assert.equal(bytes(1023), "1023 bytes");
  assert.equal(bytes(1024), "1.0 KiB");
  assert.equal(bytes(3.5 * 2 ** 30), "3.5 GiB");
  assert.equal(bytes(2 ** 55), "32768.0 TiB");
});

test("how far a backup is, in words", () => {
  assert.equal(backupWords(SHOWN), "");
  assert.equal(backupWords({ ...SHOWN, state: "running" }), "starting");
  const half = backupWords({ ...SHOWN, state: "running", done: 2 ** 20, total: 2 ** 21 });
  assert.equal(half, "1.0 MiB of 2.0 MiB, reading it again included");
  const done = backupWords({ ...SHOWN, state: "done", path: "/w/b.zip", files: 3, bytes: 2048 });
  assert.equal(done, "/w/b.zip: 3 files, 2.0 KiB, read again and found whole.");
  assert.equal(backupWords({ ...SHOWN, state: "failed", error: "No room." }), "No room.");
});

test("how to restore it", () => {
  assert.equal(restoreCommand("/my disk/b.zip"), 'flenwheel restore "/my disk/b.zip" --workspace NEW_FOLDER');
  assert.match(restoreCommand(""), /FILE/);
});
