// @ts-check
/** What the model card says in words, and how its poster is laid out. No DOM. */

/** @import { CardPlace, CardSummary, Cards, CellTold } from "../types.js" */
/** @import { IconName } from "../core/icons.js" */
/** @typedef {CardPlace["verdict"]} CardVerdict */

/** @type {Record<CardVerdict, IconName>} */
export const SIGNS = { right: "check", wrong: "cross", unsure: "question", missing: "dash" };

/** @param {CardSummary} card */
export function named({ version, lora, seed }) {
  return `Card ${version}: ${lora}, seed ${seed}`;
}

/**
 * What a card says that stands beside another; cards of other seeds show other pictures, whatever the LoRA.
 * @param {CardSummary} other
 * @param {CardSummary} shown
 */
export function besideWords(other, shown) {
  const { right, total, open } = other.rate;
  const rate = open ? "not judged yet" : `${right} of ${total}`;
  const seeds =
    other.seed === shown.seed
      ? ""
      : `. Other seed (${other.seed}, not ${shown.seed}): compare the rates, not cell by cell`;
  return `Card ${other.version}: ${other.lora} (${rate})${seeds}`;
}

/**
 * A LoRA in the list to choose from; another character's says whose it is.
 * @param {Cards["loras"][number]} lora
 */
export function loraWords({ name, whose }) {
  return whose ? `${name} (${whose})` : name;
}

/**
 * What a card is run with beside its own LoRA.
 * @param {[name: string, weight: number][]} rows
 */
export function withWords(rows) {
  const [first, ...more] = rows;
  if (!first) return "with nothing else";
  return `with ${first[0]} ${first[1]}${more.length ? ` and ${more.length} more` : ""}`;
}

/**
 * A card as one of its tries shows it.
 * @param {CardSummary} card
 * @param {number} at from 0, the first
 * @returns {CardSummary}
 */
export function ofTry(card, at) {
  return { ...card, cells: (at ? card.further[at - 1] : undefined) ?? card.cells };
}

/** @param {CardPlace} cell */
export function cellWords({ name, verdict, by, why, read, image }) {
  const score = image?.score;
  const identity = score === null || score === undefined ? "" : `identity ${score.toFixed(2)}`;
  return `${name}: ${[`${verdict}${by ? ` (${by})` : ""}`, why, identity, read].filter(Boolean).join(", ")}`;
}

/**
 * Who can be asked to read a card's pictures, or that nobody can.
 * @param {Cards["reader"] | undefined} reader
 */
export function readerWords(reader) {
  if (!reader) return "";
  if (!reader.reader) return `No reader to ask is here. ${reader.lacking}`;
  const held = reader.agreement.length ? ` By your tags: ${reader.agreement.join("; ")}.` : "";
  return `${reader.reader} can read angle and expression off these pictures.${held}`;
}

/** @param {Cards} list */
export function noCardWords({ cells, loras }) {
  const none = loras.some((x) => x.own)
    ? ""
    : " No LoRA has been trained yet: the base model shows what you start from.";
  const what = `It makes the ${cells.length} pictures of the benchmark with one LoRA; then you judge each.`;
  return `No card yet. ${what}${none}`;
}

/**
 * The poster's columns (angles) and rows (expressions), in the order the studio names them; poses stand apart.
 * @param {CellTold[]} spec
 * @param {{ angles: readonly string[], expressions: readonly string[] }} known
 */
export function layout(spec, known) {
  const portraits = spec.filter((c) => !c.pose);
  return {
    portraits,
    bodies: spec.filter((c) => c.pose),
    columns: known.angles.filter((angle) => portraits.some((c) => c.angle === angle)),
    rows: known.expressions.filter((expression) => portraits.some((c) => c.expression === expression)),
  };
}
