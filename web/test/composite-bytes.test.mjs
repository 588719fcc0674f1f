// The same bytes everywhere: what both engines make of a picture and its matte has the hashes that the C++ test has.
// SPDX-License-Identifier: MIT
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { startEngine } from '../dist/node.js';
import { importSource, root } from './helpers.mjs';

const { allocatePicture, composite } = await importSource('engine/cutout.ts');

/** The options of cutout/composite_bytes_test.cc, by name. */
const kFast = { refine: 'fast', decontaminate: true };
const kOptions = {
  off: {},
  fast: kFast,
  best: { ...kFast, refine: 'best' },
  over: { ...kFast, background: [9, 200, 30, 180] },
  rest: { ...kFast, backgroundOnly: true },
  hard: { refine: 'fast', threshold: 0.5 },
  parts: { refine: 'fast', removeIslands: 0.1, fillHoles: 0.1 },
  smooth: { ...kFast, smooth: 3.5 },
  grow: { ...kFast, grow: 5.25 },
  shrink: { ...kFast, refine: 'best', grow: -1.5 },
  shadow: { ...kFast, background: [255, 255, 255, 255], shadow: 0.5 },
  mask: { refine: 'fast', mask: true, smooth: 2 },
};
const source = readFileSync(join(root, 'cutout/composite_bytes_test.cc'), 'utf8');
const expected = Object.fromEntries([...source.matchAll(/^ {4}\{"(\w+)",.*, 0x([0-9a-f]{8})\},$/gm)].map(([, name, hash]) => [name, parseInt(hash, 16)]));

const [kWidth, kHeight] = [304, 208];

function scene() {
  const rgba = new Uint8Array(4 * kWidth * kHeight);
  for (let y = 0; y < kHeight; ++y) {
    for (let x = 0; x < kWidth; ++x) {
      const subject = (x - 150) ** 2 + (y - 100) ** 2 < 4900 || (x > 250 && x < 270 && y > 30 && y < 50);
      rgba.set(subject
        ? [190 + (x * 13 + y * 7) % 50, 60 + (x * 3 + y * 5) % 40, 30 + (x + y) % 30, 255]
        : [20 + (x * 5 + y * 11) % 60, 90 + (x * 7 + y * 2) % 50, 120 + (x * y) % 60, y < 4 ? 200 : 255], 4 * (y * kWidth + x));
    }
  }
  return rgba;
}

function sceneMatte() {
  const matte = new Float32Array(38 * 26);
  for (let y = 0; y < 26; ++y) {
    for (let x = 0; x < 38; ++x) {
      const [u, v] = [8 * x + 4 - 150, 8 * y + 4 - 100];
      const square = x >= 31 && x < 34 && y >= 4 && y < 6;
      matte[38 * y + x] = (square ? 256 : Math.min(Math.max(128 + Math.trunc((4900 - u * u - v * v) / 8), 0), 256)) / 256;
    }
  }
  return matte;
}

test('the two tests know the same options', () => {
  assert.deepEqual(Object.keys(kOptions), Object.keys(expected));
});

for (const [simd, threads, shared] of [['relaxed', 1, true], ['relaxed', 4, true], ['baseline', 3, true], ['baseline', 1, false]]) {
  test(`results of the ${simd} engine on ${threads} threads${shared ? '' : ' and ordinary memory'} have the native engine's bytes`, async () => {
    const engine = await startEngine({ simd, threads, shared });
    const picture = allocatePicture(engine, kWidth, kHeight);
    const values = engine.alloc(4 * 38 * 26, 'a matte');
    engine.bytes(values, 4 * 38 * 26).set(new Uint8Array(sceneMatte().buffer));
    const pixels = scene();
    for (const [name, options] of Object.entries(kOptions)) {
      engine.bytes(picture.rgba, pixels.length).set(pixels);
      composite(engine, { values, width: 38, height: 26 }, picture, { background: null, mask: false, ...options });
      let hash = 2166136261;
      for (const byte of engine.bytes(picture.rgba, pixels.length)) hash = Math.imul(hash ^ byte, 16777619) >>> 0;
      assert.equal(hash.toString(16), expected[name].toString(16), name);
    }
    engine.close();
  });
}

test('a result that no memory is left for is an error, and the engine goes on', async () => {
  const engine = await startEngine({ threads: 1, maximumPages: 600 });
  const picture = allocatePicture(engine, 2000, 1500);
  const values = engine.alloc(4 * 800 * 800, 'a matte');
  const run = (options) => composite(engine, { values, width: 800, height: 800 }, picture, { background: null, mask: false, ...options });
  assert.throws(() => run({ refine: 'fast', decontaminate: true }), { code: 'out-of-memory', message: /edge|picture/ });
  assert.throws(() => run({ grow: 1e9 }), { code: 'invalid-argument', message: /grow is not within -50 and 50/ });
  run({});
  engine.close();
});
