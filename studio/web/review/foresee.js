// @ts-check
/** What to expect of a picture while a decision is on its way: read off the studio's table, no rule stands here. */

/** @import { Action } from "../shapes.js" */
/** @import { Outcome, Standing, State } from "../types.js" */
/** @typedef {Record<string, Record<string, Outcome>>} Outcomes by action and value */

/**
 * @param {Outcomes} outcomes
 * @param {Standing} standing
 * @param {Action} action
 * @param {string | number | null} value
 * @returns {Standing}
 */
export function foresee(outcomes, { state, piles, above }, action, value) {
  const outcome = outcomeOf(outcomes[action], value);
  if (!outcome) return { state, piles, above };
  const after = /** @type {State & Record<string, any>} */ ({ ...state, ...outcome.state });
  if (outcome.becomes) after[outcome.becomes] = String(value ?? "");
  const list = outcome.flips ? after[outcome.flips] : null;
  if (outcome.flips && list) after[outcome.flips] = flip(list, value);
  return { state: after, piles: outcome.piles ? moved(outcomes, piles, outcome.piles) : piles, above };
}

/**
 * @param {Record<string, Outcome> | undefined} byValue
 * @param {string | number | null} value
 */
function outcomeOf(byValue, value) {
  return byValue?.[String(value)] ?? byValue?.["*"];
}

/**
 * @param {string[]} list
 * @param {any} value
 */
function flip(list, value) {
  return list.includes(value) ? list.filter((v) => v !== value) : [...list, value];
}

/**
 * A picture's piles after it was labelled: out of those that labels make, into the new ones.
 * @param {Outcomes} outcomes
 * @param {string[]} before
 * @param {string[]} into
 */
function moved(outcomes, before, into) {
  const byLabel = new Set(Object.values(outcomes.label).flatMap((o) => o.piles ?? []));
  return [...before.filter((pile) => !byLabel.has(pile)), ...into];
}
