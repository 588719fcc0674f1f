// Contenders taking turns, so that a machine whose speed drifts slows all of them alike.
// SPDX-License-Identifier: MIT
import { summarise } from './statistics.mjs';

/**
 * Measures every contender once a round; each round starts with another one. Whoever fails once is out: what does not
 * fit into memory will not fit the next time either, and costs minutes.
 *
 * @param {string[]} contenders
 * @param {number} rounds
 * @param {(contender: string) => Promise<{run_ms: number[]} | {failure: string}>} measure
 * @returns summaries (see summarise) or `{failure}` by contender
 */
export async function takeTurns(contenders, rounds, measure) {
  const measurements = Object.fromEntries(contenders.map((contender) => [contender, []]));
  const failures = {};
  for (let round = 0; round < rounds; ++round) {
    for (let turn = 0; turn < contenders.length; ++turn) {
      const contender = contenders[(round + turn) % contenders.length];
      if (contender in failures) continue;
      const outcome = await measure(contender);
      if ('failure' in outcome) failures[contender] = outcome.failure;
      else measurements[contender].push(outcome);
    }
  }
  return Object.fromEntries(contenders.map((contender) =>
    [contender, contender in failures ? { failure: failures[contender] } : summarise(measurements[contender])]));
}
