// @ts-check
/**
 * Decisions that wait for the studio, kept in the browser one by one: each under a key of its own, so that two pages
 * cannot overwrite each other's, and with the workspace that it belongs to. No DOM.
 */

/** @import { Said } from "../types.js" */
/** @typedef {{ said: Said, at: number }} Kept a decision and when it was made, ms */
/** @typedef {{ id: string, name: string }} Owner a workspace: what it is known by, and what it is called */

const START = "flen:unsent:";
/** Where earlier versions kept all of them, in one list. */
const OLD = "flen:unsent";

/**
 * @param {Storage} storage
 * @returns {string[]}
 */
function keys(storage) {
  return Array.from({ length: storage.length }, (_, n) => storage.key(n) ?? "").filter((key) => key.startsWith(START));
}

/**
 * What a key says: whose, and which.
 * @param {string | null} key
 * @returns {{ owner: string, id: string } | null}
 */
export function readKey(key) {
  const found = /^flen:unsent:([^:]+):([^:]+)$/.exec(key ?? "");
  return found && { owner: found[1], id: found[2] };
}

/**
 * When a decision was made that is kept so.
 * @param {string} value
 * @returns {number} ms; 0 for what is not one of ours
 */
export function readAt(value) {
  return read(value)?.at ?? 0;
}

/**
 * @param {Storage} storage
 * @param {string} key
 */
const readOne = (storage, key) => read(storage.getItem(key));

/**
 * @param {string | null} kept
 * @returns {(Kept & { name: string }) | null} `null` for what is not one of ours
 */
function read(kept) {
  try {
    const value = JSON.parse(kept ?? "null");
    return value?.said?.id && value.said.image
      ? { said: value.said, at: Number(value.at) || 0, name: value.name }
      : null;
  } catch {
    return null;
  }
}

/** The decisions of one workspace that this browser keeps. */
export class KeptDecisions {
  /**
   * @param {() => Storage} storage throws where the browser keeps nothing
   * @param {Owner} owner
   */
  constructor(storage, owner) {
    /** @private */
    this.storage = storage;
    /** @private */
    this.owner = owner;
  }

  /** @returns {Kept[]} */
  read() {
    try {
      const storage = this.storage();
      this.bringOver(storage);
      const mine = keys(storage).filter((key) => readKey(key)?.owner === this.owner.id);
      return mine.map((key) => readOne(storage, key)).filter((kept) => kept !== null);
    } catch {
      return [];
    }
  }

  /**
   * @param {Kept} kept
   * @returns {boolean} whether there was room for it
   */
  keep({ said, at }) {
    try {
      this.storage().setItem(this.key(said.id), JSON.stringify({ said, at, name: this.owner.name }));
      return true;
    } catch {
      return false; // full, or a browser that keeps nothing: the page must do, and says so
    }
  }

  /** @param {string} id */
  drop(id) {
    try {
      this.storage().removeItem(this.key(id));
    } catch {
      // then it was not kept either
    }
  }

  /** @returns {{ name: string, count: number }[]} what waits for other workspaces */
  others() {
    /** @type {Map<string, { name: string, count: number }>} */
    const found = new Map();
    try {
      const storage = this.storage();
      for (const key of keys(storage)) {
        const owner = readKey(key)?.owner;
        const kept = owner && owner !== this.owner.id && readOne(storage, key);
        if (!kept) continue;
        const before = found.get(owner)?.count ?? 0;
        found.set(owner, { name: kept.name || "another", count: before + 1 });
      }
    } catch {
      return [];
    }
    return [...found.values()];
  }

  /**
   * @private
   * @param {string} id
   */
  key(id) {
    return `${START}${this.owner.id}:${id}`;
  }

  /**
   * What an earlier version left: it did not say whose it was.
   * @private
   * @param {Storage} storage
   */
  bringOver(storage) {
    const old = storage.getItem(OLD);
    if (old === null) return;
    try {
      const list = /** @type {Said[]} */ (JSON.parse(old));
      if (list.every((said, n) => this.keep({ said, at: n / 1000 }))) storage.removeItem(OLD);
    } catch {
      // damaged: nobody can say what it was
    }
  }
}

/** @param {number} count */
const decisions = (count) => (count === 1 ? "1 decision waits" : `${count} decisions wait`);

/**
 * What is said of decisions that have not arrived; "" when there is nothing to say.
 * @param {{ count: number, unkept: number, silent: boolean, others: { name: string, count: number }[] }} waiting
 */
export function waitingWords({ count, unkept, silent, others }) {
  const lines = [];
  if (count && (silent || unkept)) lines.push(`${decisions(count)} for the studio.`);
  if (unkept) {
    const which =
      unkept === count ? (count === 1 ? "It is" : "They are") : unkept === 1 ? "1 of them is" : `${unkept} of them are`;
    lines.push(`${which} in this page alone: the browser has no room to keep more. Leave the page open.`);
  }
  for (const { name, count: n } of others) {
    lines.push(`${decisions(n)} for the workspace ${name}, to be sent when it is open here.`);
  }
  return lines.join(" ");
}
