// The picture work of both modules against plain JavaScript: the C++ tests reach the native SIMD targets only.
// SPDX-License-Identifier: MIT
import assert from 'node:assert/strict';
import { after, before, suite, test } from 'node:test';
import { inflateSync } from 'node:zlib';
import sharp from 'sharp';
import { startEngine } from '../dist/node.js';
import { importSource, matteModel, samplePicture } from './helpers.mjs';

const { Remover } = await importSource('engine/session.ts');
const { encodePng } = await importSource('engine/png.ts');

/** A row of a PNG (RFC 2083, chapter 6): the filter with the smallest sum of magnitudes, and what it leaves. */
function filterRow({ data, width }, y) {
  const at = (x, row, c) => (x < 0 || row < 0 ? 0 : data[4 * (row * width + x) + c]);
  const predictors = [
    () => 0,
    (a) => a,
    (a, b) => b,
    (a, b) => (a + b) >> 1,
    (a, b, c) => {
      const p = a + b - c;
      const [pa, pb, pc] = [a, b, c].map((value) => Math.abs(p - value));
      return pa <= pb && pa <= pc ? a : pb <= pc ? b : c;
    },
  ];
  let best = null;
  for (const [number, predict] of predictors.entries()) {
    const bytes = [];
    for (let x = 0; x < width; ++x) {
      for (let c = 0; c < 4; ++c) {
        bytes.push(at(x, y, c) - predict(at(x - 1, y, c), at(x, y - 1, c), at(x - 1, y - 1, c)) & 255);
      }
    }
    const score = bytes.reduce((sum, byte) => sum + Math.min(byte, 256 - byte), 0);
    if (best === null || score < best.score) best = { score, row: [number, ...bytes] };
  }
  return best.row;
}

/** The data of all chunks of that type. */
function pngChunks(file, type) {
  const found = [];
  for (let at = 8; at < file.length; at += 12 + file.readUInt32BE(at)) {
    if (file.toString('latin1', at + 4, at + 8) === type) found.push(file.subarray(at + 8, at + 8 + file.readUInt32BE(at)));
  }
  return found;
}

/** A hash of a number (Wang's), the same in every run. */
function noise(i) {
  let value = Math.imul(i ^ 61 ^ i >>> 16, 9);
  value = Math.imul(value ^ value >>> 4, 0x27d4eb2d);
  return (value ^ value >>> 15) & 255;
}

for (const simd of ['relaxed', 'baseline']) {
  suite(`pictures in the ${simd} module`, () => {
    let engine;
    before(async () => void (engine = await startEngine({ simd, threads: 2 })));
    after(() => engine.close());

    /** Calls `work` with the picture in the engine's memory and returns what it left there. */
    function inEngine({ data }, work) {
      const rgba = engine.alloc(data.length, 'a picture');
      engine.bytes(rgba, data.length).set(data);
      work(rgba);
      const result = engine.bytes(rgba, data.length).slice();
      engine.free(rgba);
      return result;
    }

    test('PNG filters are those of a plain encoder', async () => {
      for (const [width, height] of [[1, 3], [2, 5], [5, 4], [64, 7], [67, 40], [301, 33]]) {
        const picture = samplePicture(width, height);
        const file = Buffer.concat(await encodePng(engine, picture.data, width, height));
        const expected = Array.from({ length: height }, (_, y) => filterRow(picture, y)).flat();
        assert.deepEqual([...inflateSync(Buffer.concat(pngChunks(file, 'IDAT')))], expected, `${width} x ${height}`);
      }
    });

    // Pictures of 20 MB are two calls of the module; noise does not get smaller, and nothing of it may be lost.
    for (const [name, fill] of [['a sample', null], ['noise', noise], ['nothing', () => 0]]) {
      test(`a PNG of many strips holds ${name}`, async () => {
        const [width, height] = [1000, 5003];
        const picture = fill ? { data: new Uint8Array(4 * width * height), width, height } : samplePicture(width, height);
        if (fill) for (let i = 0; i < picture.data.length; ++i) picture.data[i] = fill(i);
        const file = Buffer.concat(await encodePng(engine, picture.data, width, height));
        const strips = pngChunks(file, 'IDAT');
        assert.equal(strips.length, 20 + 2);  // of 262 rows; the stream's header and its checksum
        const { data } = await sharp(file).raw().toBuffer({ resolveWithObject: true });
        assert.ok(Buffer.compare(data, picture.data) === 0);
        // Its checksum, which sharp may not look at.
        inflateSync(Buffer.concat(strips));
        if (name === 'noise') assert.ok(file.length < 1.001 * picture.data.length, String(file.length));
      });
    }

    test('pixels in the engine\'s memory and outside of it give the same PNG', async () => {
      const picture = samplePicture(700, 800);  // three strips
      const { data, width, height } = picture;
      const outside = Buffer.concat(await encodePng(engine, data, width, height));
      const rgba = engine.alloc(data.length, 'a picture');
      engine.bytes(rgba, data.length).set(data);
      const inside = Buffer.concat(await encodePng(engine, rgba, width, height));
      engine.free(rgba);
      assert.ok(inside.equals(outside));
    });

    test('cut-outs, masks and backgrounds follow the matte', async () => {
      const [width, height] = [67, 41];
      const input = { rule: 'stretch', width, height, multiple: 1 };
      const spec = { name: 'red', mean: [0, 0, 0], std: [1, 1, 1], activation: 'none', input };
      const remover = await Remover.load(engine, spec, [matteModel([1, 0, 0])]);  // the matte is red
      const picture = samplePicture(width, height);
      for (let i = 3; i < picture.data.length; i += 4) picture.data[i] = 255;
      const run = (options) => inEngine(picture, (rgba) =>
        remover.run({ rgba, width, height }, { background: null, mask: false, ...options }));
      const cutout = run({});
      const mask = run({ mask: true });
      const opaque = run({ background: [250, 128, 0, 255] });
      const translucent = run({ background: [250, 128, 0, 100] });
      for (let i = 0; i < picture.data.length; i += 4) {
        const [r, g, b] = picture.data.subarray(i, i + 3);
        assert.deepEqual([...cutout.subarray(i, i + 4)], r === 0 ? [0, 0, 0, 0] : [r, g, b, r]);
        assert.deepEqual([...mask.subarray(i, i + 4)], [r, r, r, 255]);
        for (const [over, alpha] of [[opaque, 1], [translucent, 100 / 255]]) {
          const front = r / 255;
          const total = front + alpha * (1 - front);
          const back = alpha * (1 - front);
          const colour = [[r, 250], [g, 128], [b, 0]].map(([c, behind]) => (c * front + behind * back) / total);
          for (const [c, value] of [...colour, 255 * total].entries()) {
            assert.ok(Math.abs(over[i + c] - value) < 0.51, `${over[i + c]} for ${value}`);
          }
        }
      }
      remover.free();
    });

    test('long pictures are seen in parts, by WebAssembly as by whoever runs the model elsewhere', async () => {
      const input = { rule: 'stretch', width: 48, height: 32, multiple: 1 };
      const spec = { name: 'red', mean: [0, 0, 0], std: [1, 1, 1], activation: 'none', input };
      const remover = await Remover.load(engine, spec, [matteModel([1, 0, 0])]);
      const picture = samplePicture(128, 32);
      for (let i = 3; i < picture.data.length; i += 4) picture.data[i] = 255;
      const [width, height] = [128, 32];
      const options = { background: null, mask: true };
      assert.deepEqual([remover.parts({ width, height }), remover.parts({ width: 64, height: 32 })], [4, 1]);
      const run = inEngine(picture, (rgba) => remover.run({ rgba, width, height }, options));
      // Parts are as large as what the model sees: its matte is red, a pixel a cell.
      for (let i = 0; i < run.length; i += 4) assert.ok(Math.abs(run[i] - picture.data[i]) <= 1, `${run[i]} for ${picture.data[i]} at ${i / 4}`);
      remover.expect({ width, height }, [1, 1, 32, 48]);
      const elsewhere = inEngine(picture, (rgba) => {
        for (let part = 0; part < 4; ++part) {
          const values = remover.prepareInput({ rgba, width, height }, part, 4 * 3 * 48 * 32).slice();
          remover.finishPart(new Float32Array(values.buffer, 0, 48 * 32), { width, height }, part);
        }
        remover.compose({ rgba, width, height }, options);
      });
      assert.deepEqual(elsewhere, run);
      remover.free();
    });

    test('with `best`, what surrounds a small subject is seen twice, by WebAssembly as by whoever runs the model elsewhere', async () => {
      const [width, height] = [200, 160];
      const input = { rule: 'stretch', width: 32, height: 32, multiple: 1 };
      const spec = { name: 'red', mean: [0, 0, 0], std: [1, 1, 1], activation: 'none', passes: 2, input };
      const remover = await Remover.load(engine, spec, [matteModel([1, 0, 0])]);
      const picture = samplePicture(width, height);
      for (let i = 0; i < picture.data.length; i += 4) {
        const [x, y] = [(i / 4) % width, Math.floor(i / 4 / width)];
        picture.data.set([x >= 120 && x < 150 && y >= 30 && y < 70 ? 255 : 0, 0, 0, 255], i);
      }
      const run = (refine) => {
        let report;
        const rgba = inEngine(picture, (at) => (report = remover.run({ rgba: at, width, height }, { background: null, mask: true, refine })));
        return { rgba, passes: report.passes, matte: [report.matteWidth, report.matteHeight] };
      };
      assert.deepEqual(['off', 'fast', 'best'].map((refine) => run(refine).passes), [1, 1, 2]);
      assert.deepEqual(run('fast').matte, [32, 32]);
      const { rgba: expected, matte } = run('best');
      assert.deepEqual(matte, [32, 32]);
      remover.expect({ width, height }, [1, 1, 32, 32]);
      const elsewhere = inEngine(picture, (rgba) => {
        for (let part = 0; part === 0 || remover.secondPassDue; ++part) {
          const values = remover.prepareInput({ rgba, width, height }, part, 4 * 3 * 32 * 32).slice();
          remover.finishPart(new Float32Array(values.buffer, 0, 32 * 32), { width, height }, part);
        }
        remover.compose({ rgba, width, height }, { background: null, mask: true, refine: 'best' });
      });
      assert.deepEqual(elsewhere, expected);
      remover.free();
    });

    test('a size that a GPU was to take is planned anew when WebAssembly takes it', async () => {
      const input = { rule: 'short-side', width: 32, height: 32, multiple: 4 };
      const spec = { name: 'red', mean: [0, 0, 0], std: [1, 1, 1], activation: 'none', input };
      const remover = await Remover.load(engine, spec, [matteModel([1, 0, 0])]);
      const run = ({ width, height, ...picture }) => inEngine(picture, (rgba) =>
        remover.run({ rgba, width, height }, { background: null, mask: true }));
      const wide = samplePicture(64, 40);
      const tall = samplePicture(40, 90);
      const [expectedWide, expectedTall] = [run(wide), run(tall)];
      assert.deepEqual(run(wide), expectedWide);
      const { width, height } = remover.inputSize(tall);
      remover.expect(tall, [1, 1, height, width]);
      assert.deepEqual(run(tall), expectedTall);
      const { width: w, height: h } = remover.inputSize(wide);
      remover.expect(wide, [1, 1, h, w]);
      assert.deepEqual(run(tall), expectedTall);
      remover.free();
    });
  });
}

test('a model that no memory is left for is freed', async () => {
  const engine = await startEngine({ threads: 1 });
  const { decal_session_free: free } = engine.exports;
  let freed = 0;
  const short = Object.create(engine, {
    alloc: {
      value(bytes, what) {
        if (what === 'parameters') throw Object.assign(new Error('no memory'), { code: 'out-of-memory' });
        return engine.alloc(bytes, what);
      },
    },
    exports: { value: { ...engine.exports, decal_session_free: (session) => (++freed, free(session)) } },
  });
  const spec = {
    name: 'red', mean: [0, 0, 0], std: [1, 1, 1], activation: 'none', input: { rule: 'stretch', width: 8, height: 8, multiple: 1 },
  };
  await assert.rejects(Remover.load(short, spec, [matteModel([1, 0, 0])]), { code: 'out-of-memory' });
  assert.equal(freed, 1);
  engine.close();
});
