// Compares the speed of two commits: builds the command of each, then runs the same models with both, taking turns.
//   node bench/versions.mjs BEFORE [AFTER] [--models a,b] [--threads 1,2] [--rounds 7] [--minutes 8]      AFTER: the checkout's last commit
//   node bench/versions.mjs BEFORE [AFTER] --build      only builds; build/versions keeps the commands for later runs
// `--minutes` is shared by all models and numbers of threads: slow ones get fewer than `--rounds` rounds, but at least 3.
// Prints how many times as fast AFTER is. Below 0.97 or above 1.03 is more than noise on an idle machine.
// SPDX-License-Identifier: MIT
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, rmSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { defaultModel, missing, modelFile, models, photoTensor, root, work } from '../tests/support/models.mjs';
import { writeNpy } from '../web/tools/npy.mjs';
import { measureCommand } from './contenders.mjs';
import { takeTurns } from './rounds.mjs';
import { speedRatio } from './statistics.mjs';

const kFolder = join(root, 'build/versions');

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    models: { type: 'string', default: 'decal-default,u2netp_320,isnet_1024' },
    threads: { type: 'string', default: '1,2' },
    rounds: { type: 'string', default: '7' },
    minutes: { type: 'string', default: '8' },
    build: { type: 'boolean', default: false },
  },
});
const whole = (text) => {
  if (!/^[1-9]\d*$/.test(text)) throw new Error(`'${text}' is not a whole number from 1 on`);
  return Number(text);
};
const git = (...args) => execFileSync('git', args, { cwd: root, encoding: 'utf8' }).trim();
const commit = (name) => git('rev-parse', '--short=10', '--verify', `${name}^{commit}`);

/** The command of a commit, for this machine's instruction set. Built in a temporary work tree. */
function buildCommand(name) {
  const program = join(kFolder, `decal-${name}`);
  if (existsSync(program)) return program;
  const tree = join(kFolder, `tree-${name}`);
  rmSync(tree, { recursive: true, force: true });
  git('worktree', 'prune');
  git('worktree', 'add', '--quiet', '--detach', tree, name);
  try {
    console.log(`building ${name}`);
    const loud = { cwd: tree, stdio: ['ignore', 'ignore', 'inherit'] };
    // CMakeLists.txt uses ccache where it is installed.
    execFileSync('cmake', ['--preset', 'quick', '--log-level=WARNING'], loud);
    execFileSync('nice', ['-n', '3', 'cmake', '--build', 'build/quick', '--target', 'decal_command', '-j', String(availableParallelism())], loud);
    execFileSync('cp', [join(tree, 'build/quick/cli/decal'), program]);
  } finally {
    git('worktree', 'remove', '--force', tree);
  }
  return program;
}

if (positionals.length < 1 || positionals.length > 2) {
  console.error('usage: node bench/versions.mjs BEFORE [AFTER] [--models a,b] [--threads 1,2] [--rounds 7] [--minutes 8] [--build]');
  process.exit(2);
}
const names = [positionals[0], positionals[1] ?? 'HEAD'].map(commit);
const wanted = values.models.split(',').map((name) => {
  const model = [defaultModel, ...models].find((one) => one.name === name);
  if (!model) throw new Error(`--models: there is no ${name}`);
  return model;
});
mkdirSync(kFolder, { recursive: true });
mkdirSync(work, { recursive: true });
const programs = Object.fromEntries(names.map((name) => [name, buildCommand(name)]));
const [mostRounds, minutes] = [values.rounds, values.minutes].map(whole);
if (values.build) process.exit();
const threadCounts = values.threads.split(',').map(whole);
const shareMs = (minutes * 60e3) / (wanted.filter((model) => !missing(model)).length * threadCounts.length);
console.log(`| model | threads | ${names[0]} ms | ${names[1]} ms | times as fast | rounds |\n|---|---|---|---|---|---|`);
for (const model of wanted) {
  const why = missing(model);
  if (why) {
    console.log(`| ${model.name} | ${why} | | | | |`);
    continue;
  }
  const job = { model: modelFile(model), input: join(work, `${model.name}.x.npy`), output: join(work, `${model.name}.bench.npy`) };
  const { shape, data } = await photoTensor(model);
  writeNpy(job.input, shape, data);
  for (const threads of threadCounts) {
    const measure = (name) => measureCommand(programs[name], { ...job, threads, warmUp: 1, repeat: 3 });
    const begun = performance.now();
    await takeTurns(names, 1, measure);  // warms the disk, and tells how many rounds there is time for
    const rounds = Math.max(3, Math.min(mostRounds, Math.floor(shareMs / (performance.now() - begun)) - 1));
    const measured = await takeTurns(names, rounds, measure);
    const told = names.map((name) => measured[name].failure ?? measured[name].median_ms.toFixed(1));
    const ratio = speedRatio(measured[names[1]], measured[names[0]]);
    console.log(`| ${model.name} | ${threads} | ${told.join(' | ')} | ${ratio?.toFixed(3) ?? ''} | ${rounds} |`);
  }
}
