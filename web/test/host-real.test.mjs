// The sequences of the fake engine's suite with the real one, in Node, on the smallest model there is.
// DECAL_HOST_REAL_RUNS=n makes more of them, DECAL_HOST_SEED=n repeats one that failed.
// SPDX-License-Identifier: MIT
import assert from 'node:assert/strict';
import { existsSync, readdirSync } from 'node:fs';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { runSequences } from '../../tests/browser/pages/sequences.js';
import { DecalError, dispose, init, preload, removeBackgroundRaw } from '../dist/node.js';
import { matteModel, samplePicture } from './helpers.mjs';

const kRuns = Number(process.env.DECAL_HOST_REAL_RUNS ?? 200);
const kOnly = process.env.DECAL_HOST_SEED;

const model = {
  name: 'matte', input: { rule: 'stretch', width: 16, height: 16, multiple: 1 }, mean: [0, 0, 0], std: [1, 1, 1], activation: 'none',
  data: matteModel([0.1, 0.1, 0.1]),
};
const picture = samplePicture(24, 20);
for (let i = 3; i < picture.data.length; i += 4) picture.data[i] = 255;

const threads = () => (existsSync('/proc/self/task') ? readdirSync('/proc/self/task').length : 0);

test(`${kRuns} sequences of calls, aborts, ends and restarts with the real engine`, { timeout: 300_000 }, async (t) => {
  const before = threads();
  const api = {
    remove: async (signal) => (await removeBackgroundRaw(picture, { model, device: 'wasm', signal })).data,
    load: (signal) => preload(model, { device: 'wasm', signal }),
    init: (n) => init({ threads: 1 + n, simd: 'baseline', model, device: 'wasm' }),
    dispose,
  };
  const counts = await runSequences({
    runs: kOnly ? 1 : kRuns, firstSeed: Number(kOnly ?? 1), api, typed: (error) => error instanceof DecalError, longestPauseMs: 8,
  });
  t.diagnostic(JSON.stringify(counts));
  for (let i = 0; i < 100 && threads() > before; ++i) await sleep(20);
  assert.ok(threads() <= before, `${threads() - before} threads stayed behind`);
});
