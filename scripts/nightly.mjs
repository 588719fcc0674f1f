// Repeats the randomised C++ tests with fresh seeds: those that ask for one (tests/support/seed.h).
//   node scripts/nightly.mjs [SEEDS] [BUILD]     how many seeds (100), and which build (build/native)
// Every seed goes through all of them, on all cores. Names each seed that failed, with the command that repeats it.
// SPDX-License-Identifier: MIT
import { execFile } from 'node:child_process';
import { randomInt } from 'node:crypto';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { availableParallelism, tmpdir } from 'node:os';
import { join, relative, resolve } from 'node:path';

const count = Number(process.argv[2] ?? 100);
const build = resolve(process.argv[3] ?? 'build/native');
if (!Number.isInteger(count) || count < 1) {
  console.error(`nightly: not a number of seeds: ${process.argv[2]}`);
  process.exit(2);
}
const programs = readdirSync(join(build, 'tests'))
  .filter((name) => /^decal_\w+_test$/.test(name))
  .map((name) => join(build, 'tests', name));
if (programs.length === 0) {
  console.error(`nightly: no test programs in ${build}/tests`);
  process.exit(2);
}

/** Runs a test program; its exit status, and what it printed. */
function run(program, seed, ...args) {
  const env = { ...process.env, DECAL_TEST_SEED: String(seed), ASAN_OPTIONS: 'allocator_may_return_null=1' };
  return new Promise((done) => {
    execFile(program, ['--gtest_brief=1', ...args], { env, maxBuffer: 1 << 28 }, (error, stdout, stderr) =>
      done({ failed: error !== null, text: stdout + stderr }),
    );
  });
}

/** The filter of the randomised tests of a program; they mark themselves while they run. */
async function randomised(program, folder) {
  const report = join(folder, 'report.json');
  const { text } = await run(program, 0, `--gtest_output=json:${report}`);
  try {
    const suites = JSON.parse(readFileSync(report, 'utf8')).testsuites;
    return suites.flatMap(({ testsuite }) => testsuite.filter(({ seeded }) => seeded).map((test) => `${test.classname}.${test.name}`));
  } catch {
    throw new Error(`nightly: ${program} left no report:\n${text}`);
  } finally {
    rmSync(report, { force: true });
  }
}

const folder = mkdtempSync(join(tmpdir(), 'decal-nightly-'));
const work = [];
try {
  for (const program of programs) {
    const tests = await randomised(program, folder);
    console.log(`${relative(build, program)}: ${tests.length} randomised tests`);
    if (tests.length > 0) work.push({ program, filter: `--gtest_filter=${tests.join(':')}` });
  }
} finally {
  rmSync(folder, { recursive: true });
}
if (work.length === 0) {
  console.error('nightly: no test is randomised');
  process.exit(1);
}

const seeds = Array.from({ length: count }, () => randomInt(1, 2 ** 32));
const jobs = seeds.flatMap((seed) => work.map(({ program, filter }) => ({ seed, program, filter })));
const total = jobs.length;
let ended = 0;
let failures = 0;
async function worker() {
  for (let job = jobs.shift(); job; job = jobs.shift()) {
    const { failed, text } = await run(job.program, job.seed, job.filter);
    ended += 1;
    if (!failed) continue;
    failures += 1;
    console.log(`${text}\nFAILED (${ended} of ${total}): DECAL_TEST_SEED=${job.seed} ${relative('.', job.program)}`);
  }
}
await Promise.all(Array.from({ length: availableParallelism() }, worker));
console.log(`nightly: ${count} seeds, ${total} runs, ${failures} failed`);
process.exit(failures > 0 ? 1 : 0);
