// The options of the suites, and where their results go.
// SPDX-License-Identifier: MIT
import { dirname, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { resultsFile } from './results.mjs';

const kUsage = (script) => `usage: node bench/${script} [--models A,B] [--contenders A,B] [--threads 1,2] [--rounds N]
                            [--note TEXT] [--output FILE]${script === 'gpu.mjs' ? ' [--allow-software]' : ''}

Without options the whole suite runs and its results replace those in bench/results/. A part of the suite is
only printed, unless --output says where it goes. --note is kept with the results and shown above their tables.
${script === 'gpu.mjs' ? `
--allow-software tries the suite on an adapter that computes on the CPU: one run each after one to warm up, in as many
rounds as --rounds says, or one. That says nothing about GPUs and never replaces results.
` : ''}`;

/**
 * Chooses from `cases` what the command line asks for.
 *
 * @returns {{cases: object[], rounds: number | undefined, note: string | undefined, output: string | undefined,
 *   allowSoftware: boolean}}
 * `rounds` only if asked for; `output`: where results belong
 */
export function chooseCases(suite, cases, args = process.argv.slice(2)) {
  const { values } = parseArgs({
    args,
    options: {
      models: { type: 'string' },
      contenders: { type: 'string' },
      threads: { type: 'string' },
      rounds: { type: 'string' },
      note: { type: 'string' },
      output: { type: 'string' },
      ...(suite === 'gpu' ? { 'allow-software': { type: 'boolean' } } : {}),
      help: { type: 'boolean', short: 'h' },
    },
  });
  if (values.help) {
    process.stdout.write(kUsage(`${suite}.mjs`));
    process.exit(0);
  }
  const pick = (name, all) => {
    if (values[name] === undefined) return all;
    const wanted = values[name].split(',');
    const strange = wanted.filter((word) => !all.map(String).includes(word));
    if (strange.length > 0) throw new Error(`--${name}: no ${strange.join(', ')} among ${all.join(', ')}`);
    return all.filter((word) => wanted.includes(String(word)));
  };
  if (values.rounds !== undefined && !/^[1-9]\d*$/.test(values.rounds)) {
    throw new Error(`--rounds ${values.rounds}: a whole number, 1 or more`);
  }
  const rounds = values.rounds === undefined ? undefined : Number(values.rounds);
  const distinct = (lists) => [...new Set(lists.flat())];
  const models = pick('models', cases.map(({ model }) => model));
  const contenders = pick('contenders', distinct(cases.map((one) => one.contenders)));
  const threads = pick('threads', distinct(cases.map((one) => one.threads)));
  const chosen = cases.filter(({ model }) => models.includes(model)).map((one) => ({
    ...one,
    contenders: one.contenders.filter((name) => contenders.includes(name)),
    threads: one.threads.filter((count) => threads.includes(count)),
    rounds: rounds ?? one.rounds,
  }));
  const whole = !['models', 'contenders', 'threads', 'rounds', 'allow-software'].some((name) => name in values);
  const output = values.output ?? (whole ? resultsFile(suite) : undefined);
  const allowSoftware = values['allow-software'] ?? false;
  if (allowSoftware && output && dirname(resolve(output)) === dirname(resultsFile(suite))) {
    throw new Error(`--output ${output}: not with --allow-software, which says nothing about GPUs`);
  }
  return { cases: chosen, rounds, note: values.note, output, allowSoftware };
}
