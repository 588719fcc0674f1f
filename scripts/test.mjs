// Builds and runs every test, parts beside each other where they leave each other alone. Ends with each part's time and processor time,
// the ten slowest tests and the totals.
//   node scripts/test.mjs                 everything
//   node scripts/test.mjs NAME...         these parts and what they need
// SPDX-License-Identifier: MIT
import { spawn } from 'node:child_process';
import { createWriteStream, existsSync, mkdirSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { readGtest, readJunit, readUnittest } from './test_results.mjs';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');
const results = join(root, 'build/test-results');
const logs = join(root, 'build/test-logs');

const filesOf = (folder, ending) =>
  readdirSync(join(root, folder)).filter((name) => name.endsWith(ending)).sort().map((name) => join(folder, name));
const runFiles = (files) => (part) => [
  'node', '--test', '--test-concurrency=1',
  '--test-reporter=spec', '--test-reporter-destination=stdout',
  '--test-reporter=junit', `--test-reporter-destination=${join(results, `${part}.xml`)}`,
  ...files,
];
const nodeTests = (...folders) => runFiles(folders.flatMap((folder) => filesOf(folder, '.test.mjs')));
// Half of the browsers' processor time each (280 and 340 s), so that the second half fills what the longer parts leave.
const ofPages = /\/(demo.*|engines|gpu.*|video)\.test\.mjs$/;
const browserTests = (pages) => runFiles(filesOf('tests/browser', '.test.mjs').filter((file) => ofPages.test(file) === pages));
const ctest = (build) => () => ['ctest', '--test-dir', build, '--output-on-failure', '--no-tests=error', '-j', '2', '--progress',
  '--output-junit', join(root, build, 'results/ctest.xml')];
const builds = (...parts) => () => ['scripts/build.sh', ...parts];

// What there is to do: first what keeps two cores busy, the longest first, then what fills the gaps. `load`: how much of two cores it keeps
// busy; together no more than `kLoad` runs, so that what waits for browsers leaves room for what computes (with 3 and the browsers first,
// a run of 25:48 min left 23 % of two cores idle). `after`: begins when these have ended, whatever they ended with: beside compilers, which
// need both cores, small parts would only hold up the chain of those of load 2 (with browsers beside them, builds took 8:31 min instead of 5:08).
// `budget`: seconds past which it is reported as slow (it never fails for it): three times what it took on two cores of an EPYC of
// 2022, so that what is reported has grown.
const kLoad = 4;
const kBuilt = ['build-sanitize'];
const parts = [
  // Browsers and what else tests run with arrives while the compilers, which `make test` has installed before, work.
  { name: 'packages', load: 1, budget: 300, run: () => ['scripts/setup.sh', 'test', 'apt'] },
  // Half of its time is Binaryen's, on one core.
  { name: 'build-wasm', load: 1, budget: 240, run: builds('wasm', 'package', 'demo') },
  { name: 'build-native', load: 2, budget: 1050, run: builds('tests') },
  { name: 'build-sanitize', load: 2, budget: 800, run: builds('sanitize') },
  { name: 'gpu', load: 2, budget: 750, needs: ['packages', 'build-native'], run: nodeTests('tests/gpu') },
  { name: 'parity', load: 2, budget: 650, needs: ['packages', 'build-native', 'build-wasm'], run: nodeTests('tests/parity') },
  { name: 'cpp', load: 2, budget: 250, needs: ['packages', 'build-native'], run: ctest('build/native'), gtest: 'build/native/results' },
  {
    name: 'cpp-sanitized', load: 2, budget: 320, needs: ['packages', 'build-sanitize'], run: ctest('build/sanitize'),
    gtest: 'build/sanitize/results',
  },
  // The demo page, every browser engine, video and WebGPU.
  { name: 'pages', load: 1, budget: 1400, needs: ['packages', 'build-wasm'], after: kBuilt, run: browserTests(true) },
  { name: 'browser', load: 1, budget: 950, needs: ['packages', 'build-wasm'], after: kBuilt, run: browserTests(false) },
  // PyTorch on one thread: with two, which wait for each other at every small layer, it takes three times the processor time.
  { name: 'training', load: 1, budget: 180, needs: ['packages', 'build-native'], after: kBuilt, run: () => ['bash', '-c', 'export OMP_NUM_THREADS=1; for file in tests/training/*_test.py; do /usr/bin/python3 "$file" || exit; done'] },
  { name: 'python', load: 1, budget: 120, needs: ['packages', 'build-native'], after: kBuilt, run: (part) => ['bash', '-c', `scripts/build.sh python && build/python/venv/bin/python -P -m pytest -q --junitxml=${join(results, `${part}.xml`)} tests/python`] },
  { name: 'node', load: 1, budget: 420, needs: ['packages', 'build-wasm', 'build-native'], after: kBuilt, run: nodeTests('web/test', 'tests/bench') },
  // After the native cases, whose outcomes it compares with.
  { name: 'conformance', load: 1, budget: 30, needs: ['cpp', 'build-wasm'], run: nodeTests('tests/conformance') },
  { name: 'examples', load: 1, budget: 140, needs: ['packages', 'build-wasm'], after: kBuilt, run: nodeTests('tests/examples') },
  { name: 'fuzz', load: 1, budget: 220, needs: ['build-sanitize'], run: () => ['scripts/fuzz.sh', '20'] },
  { name: 'types', load: 1, budget: 30, needs: ['build-wasm'], run: () => ['npm', 'run', '--silent', 'typecheck'] },
  { name: 'docs', load: 1, budget: 30, needs: ['build-wasm'], run: builds('docs') },
];

const wanted = new Set(process.argv.slice(2));
for (const name of wanted) {
  const part = parts.find((part) => part.name === name);
  if (!part) {
    console.error(`test: no part ${name}; there are ${parts.map((part) => part.name).join(', ')}`);
    process.exit(2);
  }
  for (const needed of part.needs ?? []) wanted.add(needed);
}
const chosen = wanted.size > 0 ? parts.filter(({ name }) => wanted.has(name)) : parts;

for (const folder of [results, logs]) mkdirSync(folder, { recursive: true });
const begin = performance.now();
const seconds = (since) => (performance.now() - since) / 1000;
const clock = () => new Date(performance.now() - begin).toISOString().slice(12, 19);
/** By part: its process, and a promise of how it ended. */
const running = new Map();
const done = new Map();

/** Runs its arguments; then writes what they and all that they waited for took to descriptor 3, which they do not have themselves. */
const kMeasured = '"$@" 3>&-; code=$?; times >&3; exit $code';

/** Seconds of processor time, user and system, in what the shell's `times` says of its children (its second line). */
const processorSeconds = (times) =>
  [...(times.split('\n')[1] ?? '').matchAll(/(\d+)m([\d.]+)s/g)].reduce((sum, [, minutes, rest]) => sum + 60 * minutes + Number(rest), 0);

/** Begins a part; its output goes to a file. */
function start(part) {
  const log = join(logs, `${part.name}.log`);
  rmSync(join(results, `${part.name}.xml`), { force: true });
  if (part.gtest) rmSync(join(root, part.gtest), { recursive: true, force: true });
  const [command, ...args] = part.run(part.name);
  const since = performance.now();
  console.log(`${clock()} ${part.name} starts`);
  // A group of its own, so that all of it can be ended.
  const child = spawn('bash', ['-c', kMeasured, 'bash', command, ...args],
    { cwd: root, detached: true, stdio: ['ignore', 'pipe', 'pipe', 'pipe'] });
  const file = createWriteStream(log);
  for (const stream of [child.stdout, child.stderr]) stream.pipe(file, { end: false });
  let times = '';
  child.stdio[3].setEncoding('utf8').on('data', (text) => {
    times += text;
  });
  const ended = new Promise((resolve) => {
    const result = (code) => ({ part, log, code, time: seconds(since), processor: processorSeconds(times) });
    child.on('error', (error) => resolve(result(error.message)));
    child.on('close', (code, signal) => file.end(() => resolve(result(signal ?? code))));
  });
  running.set(part, { child, ended });
}

function endAll() {
  for (const { child } of running.values()) {
    try {
      process.kill(-child.pid, 'SIGTERM');
    } catch {
      // It has ended by itself.
    }
  }
}
for (const signal of ['SIGINT', 'SIGTERM']) {
  process.on(signal, () => {
    endAll();
    process.exit(130);
  });
}

// By name: its log, or null if it was not run because something it needs failed.
const failed = new Map();
const waiting = [...chosen];
while (waiting.length > 0 || running.size > 0) {
  const load = () => [...running.keys()].reduce((sum, part) => sum + part.load, 0);
  for (const part of [...waiting]) {
    if ((part.needs ?? []).some((name) => failed.has(name))) {
      waiting.splice(waiting.indexOf(part), 1);
      failed.set(part.name, null);
      continue;
    }
    const ready = (part.needs ?? []).every((name) => done.has(name));
    const early = (part.after ?? []).some((name) => [...waiting, ...running.keys()].some((other) => other.name === name));
    if (!ready || early || (running.size > 0 && load() + part.load > kLoad)) continue;
    // Of those that keep both cores busy one at a time: beside it, two of the others.
    if (part.load > 1 && [...running.keys()].some(({ load }) => load > 1)) continue;
    waiting.splice(waiting.indexOf(part), 1);
    start(part);
  }
  if (running.size === 0) continue;
  const { part, log, code, time, processor } = await Promise.race([...running.values()].map(({ ended }) => ended));
  running.delete(part);
  if (code !== 0) {
    console.log(`${clock()} ${part.name} FAILED after ${Math.round(time)} s (${code}); the others go on`);
    failed.set(part.name, log);
    continue;
  }
  const tests = [
    ...(part.gtest ? readGtest(join(root, part.gtest)) : []),
    ...(existsSync(join(results, `${part.name}.xml`)) ? readJunit(join(results, `${part.name}.xml`)) : []),
    ...(part.name === 'training' ? readUnittest(log) : []),
  ];
  done.set(part.name, { part, time, processor, tests });
  console.log(`${clock()} ${part.name} passed in ${Math.round(time)} s (${Math.round(processor)} s of processor time)${tests.length > 0 ? `: ${tests.length} tests` : ''}` +
    (time > part.budget ? ` (SLOW: its budget is ${part.budget} s)` : ''));
}

if (failed.size > 0) {
  for (const log of failed.values()) if (log) console.log(`\n== ${log}\n${readFileSync(log, 'utf8')}`);
  const names = [...failed].map(([name, log]) => (log ? name : `${name} (not run)`));
  console.error(`test: failed: ${names.join(', ')}; the output is above and in ${logs}`);
  process.exit(1);
}

const all = [...done.values()];
const sum = all.reduce((total, { time }) => total + time, 0);
const busy = all.reduce((total, { processor }) => total + processor, 0);
console.log(`\nAll passed in ${Math.round(seconds(begin))} s, with ${Math.round(busy)} s of processor time. Parts: seconds, and their share of ` +
  `${Math.round(sum)} s beside each other; processor time, and its share:`);
for (const { part, time, processor, tests } of all.sort((a, b) => b.time - a.time)) {
  const count = tests.length > 0 ? `${tests.length} tests` : '';
  console.log(`${time.toFixed(0).padStart(6)} s ${(100 * time / sum).toFixed(0).padStart(3)} % ${processor.toFixed(0).padStart(7)} s ` +
    `${(100 * processor / busy).toFixed(0).padStart(3)} %  ${part.name.padEnd(16)} ${count}`.trimEnd());
}
const tests = all.flatMap(({ part, tests }) => tests.map((test) => ({ ...test, part: part.name })));
console.log('\nThe ten slowest tests:');
for (const { name, part, time } of [...tests].sort((a, b) => b.time - a.time).slice(0, 10)) {
  console.log(`${time.toFixed(1).padStart(8)} s  ${part}: ${name}`);
}
const skipped = tests.filter((test) => test.skipped);
if (skipped.length > 0) console.log('\nSkipped:');
for (const { name, part, skipped: why } of skipped) console.log(`  ${part}: ${name}${why === true ? '' : `: ${why}`}`);
console.log(`\n${tests.length - skipped.length} passed, 0 failed, ${skipped.length} skipped`);
