// Code shared by the suites: running their cases, printing tables and keeping results.
// SPDX-License-Identifier: MIT
import { defaultModel, missing, modelFile, models } from '../tests/support/models.mjs';
import { writeResults } from './results.mjs';
import { takeTurns } from './rounds.mjs';
import {
  barRows, failures, firstRows, knownBars, loadRows, peakRows, sizeRows, startRows, textTable, timeRows,
} from './tables.mjs';

const count = (n, what) => `${n} ${what}${n === 1 ? '' : 's'}`;

// The model as it is exported and filled, without the changes that parity tests need.
function plainModel(name) {
  const model = [...models, defaultModel].find((one) => one.name === name);
  return { ...model, lastLayer: undefined, scales: undefined, variant: undefined };
}

/**
 * Measures cases one after the other.
 *
 * @param {(model: object, file: string) => Promise<(contender: string, job: {threads: number, warmUp: number,
 *   repeat: number}) => Promise<object>>} prepare what measures a model
 * @returns {Promise<{measured: object[], complete: boolean}>} cases as results keep them, and whether all were possible
 */
export async function measureCases(cases, prepare) {
  const measured = [];
  let complete = true;
  for (const { model: name, threads: counts, contenders, rounds, warmUp, repeat, remark } of cases) {
    const model = plainModel(name);
    const why = missing(model);
    if (why) {
      console.log(`${name}: ${why.replace('TESTED', 'MEASURED')}`);
      complete = false;
      continue;
    }
    const measure = await prepare(model, modelFile(model));
    for (const threads of counts) {
      console.log(`${name}, ${count(threads, 'thread')}: ${count(rounds, 'round')} of ` +
        `${count(contenders.length, 'contender')}, ${count(repeat, 'run')} each after ${warmUp} to warm up`);
      const outcomes = await takeTurns(contenders, rounds, (contender) =>
        measure(contender, { threads, warmUp, repeat }));
      const remarks = remark ? { remark } : {};
      measured.push({ model: name, threads, rounds, warm_up: warmUp, repeat, ...remarks, contenders: outcomes });
    }
  }
  return { measured, complete };
}

/** Shows everything in `results`. */
export function printResults(results) {
  const section = (title, rows) => console.log(`\n${title}\n${textTable(rows)}`);
  if (results.cases.length > 0) {
    section('median of all runs, ms', timeRows(results));
    if (results.suite === 'gpu') section('the first run, ms', firstRows(results));
    section('from the first call until the model can run, ms', loadRows(results));
    section('peak memory of the process, MB', peakRows(results));
    const bars = knownBars(results);
    if (bars.length > 0) section('how many times as fast', barRows(results, bars));
    for (const failure of failures(results)) console.log(`fails: ${failure}`);
  }
  if (results.start) section(`start-up with ${results.start.model}, ms`, startRows(results.start));
  section('size of the module', sizeRows(results.wasm));
}

/** Writes results to `output`, unless something could not be measured: half a run must not replace a whole one. */
export function keepResults(results, output, complete) {
  if (output && complete) writeResults(output, results);
  console.log(!output ? '\na part of the suite: no results written'
    : complete ? '\nresults written' : '\nsome models are absent: no results written');
}
