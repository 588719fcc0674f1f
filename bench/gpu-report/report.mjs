// A report on how Decal's WebGPU does on this machine's GPU: what run.sh of the bundle runs.
//   node bench/gpu-report/report.mjs [--minutes N] [--out FOLDER] [--models FOLDER] [--small] [--only a,c] | --page FOLDER
//
// Copyright the Decal authors.
// SPDX-License-Identifier: MIT
import { existsSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';

const kUsage = `usage: run.sh [--minutes N] [--out FOLDER] [--models FOLDER] [--small] [--only a,b,...]
       run.sh --page FOLDER

--minutes  all together, 8 by default; the most valuable steps come first
--out      where records.jsonl, report.json and report.md go; gpu-report by default
--models   more models: NAME.skeleton.onnx[.gz] or NAME.onnx, such as birefnet_lite_1024
--small    small models and few cases, as on a software renderer
--only     these steps: a adapter, b checks, c operators, d accuracy, e times, f whole calls, g search, h endurance (a always runs)
--page     writes report.json and report.md of a run that was cut off
`;

function fail(message) {
  console.error(`error: ${message}`);
  process.exit(2);
}

function options() {
  try {
    const { values } = parseArgs({
      options: {
        minutes: { type: 'string', default: '8' }, out: { type: 'string', default: 'gpu-report' }, models: { type: 'string' },
        small: { type: 'boolean', default: false }, only: { type: 'string' }, page: { type: 'string' }, help: { type: 'boolean', short: 'h' },
      },
    });
    const minutes = Number(values.minutes);
    if (!(minutes > 0 && minutes <= 24 * 60)) fail(`--minutes ${values.minutes}: a number above 0, at most a day`);
    const only = values.only?.split(',') ?? null;
    const unknown = only?.find((letter) => !/^[a-h]$/.test(letter));
    if (unknown !== undefined) fail(`--only ${unknown}: the steps are a to h`);
    if (values.models !== undefined && !existsSync(values.models)) fail(`--models ${values.models}: no such folder`);
    return { ...values, minutes, only };
  } catch (error) {
    return fail(`${error.message.split('. ')[0]} (--help lists the options)`);
  }
}

const { help, page, minutes, out, models, small, only } = options();
if (help) {
  process.stdout.write(kUsage);
  process.exit(0);
}
// Before the steps' module, which reads it.
if (models) process.env.DECAL_REPORT_MODELS = resolve(models);
const [{ runSteps, writeReport }, { reportSteps }, { root }] =
  await Promise.all([import('./runner.mjs'), import('./steps.mjs'), import('./step.mjs')]);

if (page !== undefined) {
  try {
    writeReport(page);
  } catch (error) {
    fail(error.message);
  }
  console.log(`${join(page, 'report.md')}`);
  process.exit(0);
}

/** What the bundle says of itself; a checkout has no such file. */
const facts = existsSync(join(root, 'bundle.json')) ? JSON.parse(readFileSync(join(root, 'bundle.json'), 'utf8')) : {};
for (const line of facts.leftOut ?? []) console.log(`NOT IN THIS BUNDLE: ${line}`);
const folder = resolve(out);
const stop = new AbortController();
for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(name, () => stop.abort());
try {
  const report = await runSteps(reportSteps({ small, only }), { folder, seconds: 60 * minutes, facts, signal: stop.signal });
  if (report.adapter.software) console.log(`software renderer: ${report.adapter.software}; times say nothing about a GPU`);
  console.log(`\n${join(folder, 'report.md')}\n${join(folder, 'report.json')}`);
  const bad = report.steps.filter(({ state }) => state !== 'done' && state !== 'not run');
  for (const { letter, title, state, why } of bad) console.log(`(${letter}) ${title}: ${state}: ${why}`);
  process.exit(stop.signal.aborted ? 130 : bad.length > 0 ? 1 : 0);
} catch (error) {
  fail(error.message);
}
