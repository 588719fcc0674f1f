// Steadied mattes: both engines give the native bits, on any number of threads and either kind of memory.
//
// Copyright the Decal authors.
// SPDX-License-Identifier: MIT
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { startEngine } from '../dist/node.js';
import { importSource, rejectsWith, root } from './helpers.mjs';

const { allocatePicture, TemporalMatte } = await importSource('engine/cutout.ts', 'engine/temporal.ts');

const source = readFileSync(join(root, 'cutout/temporal_matte_test.cc'), 'utf8');
const expected = parseInt(source.match(/kTemporalHash = 0x([0-9a-f]{8});/)[1], 16);
const [kWidth, kHeight, kColumns, kRows] = [160, 120, 40, 30];
const inside = (x, y, left) => (x - left) ** 2 + (y - 60) ** 2 < 900;

/** The frames and mattes of the C++ test. */
function frame(left, seed) {
  const rgba = new Uint8Array(4 * kWidth * kHeight);
  for (let y = 0; y < kHeight; ++y) {
    for (let x = 0; x < kWidth; ++x) {
      const noise = (x * 7 + y * 13 + seed * 31 + (x * y + seed) % 5) % 5;
      const ground = [30 + 3 * (Math.floor(x / 8) % 9) + noise, 60 + 2 * (Math.floor(y / 8) % 7) + noise, 80 + noise, 255];
      rgba.set(inside(x, y, left) ? [200 + noise, 150 + noise, 90 + noise, 255] : ground, 4 * (y * kWidth + x));
    }
  }
  return rgba;
}

function guess(left, t) {
  return Float32Array.from({ length: kColumns * kRows }, (_, i) => {
    const [x, y] = [4 * (i % kColumns), 4 * Math.floor(i / kColumns)];
    let count = 0;
    for (let k = 0; k < 16; ++k) count += inside(x + k % 4, y + (k >> 2), left);
    return Math.fround(Math.fround(count / 16 * 0.75) + (i * 37 + t * 11) % 64 / 256);
  });
}

async function withStream(options, work) {
  const engine = await startEngine(options);
  try {
    const picture = allocatePicture(engine, kWidth, kHeight);
    const matte = { values: engine.alloc(4 * kColumns * kRows, 'a matte'), width: kColumns, height: kRows };
    return await work(engine, picture, matte, (pixels, values) => {
      engine.bytes(picture.rgba, pixels.length).set(pixels);
      engine.bytes(matte.values, 4 * values.length).set(new Uint8Array(values.buffer));
    });
  } finally {
    engine.close();
  }
}

for (const [simd, threads, shared] of [['relaxed', 1, true], ['relaxed', 4, true], ['baseline', 3, true], ['baseline', 1, false]]) {
  test(`the ${simd} engine on ${threads} threads${shared ? '' : ' and ordinary memory'} gives the native bits`, () =>
    withStream({ simd, threads, shared }, (engine, picture, matte, put) => {
      const temporal = new TemporalMatte(engine);
      let hash = 2166136261;
      for (let t = 0; t < 12; ++t) {
        const left = 60 + 2 * Math.max(t - 6, 0);
        put(frame(left, t), guess(left, t));
        const { values, width, height } = temporal.next(picture, matte);
        assert.deepEqual([width, height], [kColumns, kRows]);
        for (const byte of engine.bytes(values, 4 * width * height)) hash = Math.imul(hash ^ byte, 16777619) >>> 0;
      }
      temporal.free();
      assert.equal(hash.toString(16), expected.toString(16));
    }));
}

test('after a reset a frame stands for itself, and what is freed leaves nothing behind', () =>
  withStream({ simd: 'baseline', threads: 1 }, (engine, picture, matte, put) => {
    const floats = (pointer) => new Float32Array(engine.bytes(pointer, 4 * kColumns * kRows).slice().buffer);
    let grown = 0;
    for (let round = 0; round < 12; ++round) {
      const temporal = new TemporalMatte(engine);
      const fill = (t, value) => put(frame(80, t), new Float32Array(kColumns * kRows).fill(value));
      for (let t = 0; t < 20; ++t) {
        fill(t, 0.5);
        temporal.next(picture, matte);
      }
      fill(20, 0.6);
      assert.ok(floats(temporal.next(picture, matte).values).every((value) => value > 0.51 && value < 0.53));
      temporal.reset();
      assert.ok(floats(temporal.next(picture, matte).values).every((value) => value === Math.fround(0.6)));
      temporal.free();
      if (round === 0) grown = engine.memory.buffer.byteLength;
    }
    assert.equal(engine.memory.buffer.byteLength, grown);
  }));

test('a picture without pixels is an error, and the stream goes on', () =>
  withStream({ simd: 'baseline', threads: 1 }, async (engine, picture, matte, put) => {
    const temporal = new TemporalMatte(engine);
    put(frame(80, 0), guess(80, 0));
    const error = await rejectsWith('invalid-argument', async () => temporal.next({ ...picture, width: 0 }, matte));
    assert.match(error.message, /the picture is empty/);
    temporal.next(picture, matte);
    temporal.free();
  }));
