// The engine in Node: threads, kinds of memory, cancelling, running out of memory, bad models.
// SPDX-License-Identifier: MIT
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { Worker } from 'node:worker_threads';
import { Engine, RawSession, startEngine } from '../dist/node.js';
import { defaultModel, distPath, kMatteSide, kSide, randomBytes, rejectsWith } from './helpers.mjs';

const model = readFileSync(defaultModel);

// A bright ball before a dark ground, both a little noisy: in noise alone the model finds nothing.
function input() {
  const random = randomBytes(7);
  return Float32Array.from({ length: 3 * kSide * kSide }, (_, i) => {
    const [x, y] = [i % kSide, Math.floor(i / kSide) % kSide];
    const light = Math.hypot(x / kSide - 0.47, y / kSide - 0.52) < 0.29 ? 1 - (x + y) / kSide / 2 : -1.5;
    return light + random.next().value / 512;
  });
}

// In uneven pieces, as a network gives them.
function* pieces(bytes) {
  for (let at = 0, size = 1; at < bytes.length; at += size, size = (size * 7) % 100_003) yield bytes.subarray(at, at + size);
}

async function withEngine(options, work) {
  const engine = await startEngine(options);
  try {
    return await work(engine);
  } finally {
    engine.close();
  }
}

async function runModel(engine) {
  const session = await RawSession.load(engine, pieces(model));
  session.specialize(0, 0);
  const { outputs } = session.run([input()]);
  session.free();
  return outputs[0];
}

test('1, 2 and 4 threads give the same bits', async () => {
  const [one, two, four] = await Promise.all([1, 2, 4].map((threads) =>
    withEngine({ threads, simd: 'baseline' }, (engine) => {
      assert.equal(engine.threads, threads);
      return runModel(engine);
    })));
  assert.ok(one.some((value) => value > 0.5) && one.some((value) => value < 0.1) && one.every((value) => value >= 0 && value <= 1));
  assert.deepEqual(two, one);
  assert.deepEqual(four, one);
});

test('ordinary memory gives the same bits as shared memory', async () => {
  const shared = await withEngine({ threads: 2, simd: 'baseline' }, (engine) => {
    assert.ok(engine.memory.buffer instanceof SharedArrayBuffer);
    return runModel(engine);
  });
  const ordinary = await withEngine({ threads: 2, simd: 'baseline', shared: false }, (engine) => {
    assert.ok(engine.memory.buffer instanceof ArrayBuffer);
    assert.equal(engine.threads, 1);
    return runModel(engine);
  });
  assert.deepEqual(ordinary, shared);
});

test('the relaxed build agrees with the baseline', async () => {
  const [baseline, relaxed] = await Promise.all(['baseline', 'relaxed'].map((simd) =>
    withEngine({ threads: 1, simd }, runModel)));
  const worst = relaxed.reduce((most, value, i) => Math.max(most, Math.abs(value - baseline[i])), 0);
  assert.ok(worst < 1e-4, `differs by ${worst}`);
});

for (const [what, reason, startThread] of [
  ['cannot start', /workers are forbidden here/, () => {
    throw new Error('workers are forbidden here');
  }],
  ['never start', /did not start in time/, () => () => {}],
]) {
  test(`helper threads that ${what} leave one thread and the reason`, async () => {
    const wasm = new Uint8Array(readFileSync(distPath('decal-simd128.wasm')));
    const engine = await Engine.start({ wasm, simd: 'baseline', threads: 4, shared: true, startThread });
    assert.equal(engine.threads, 1);
    assert.match(engine.reason, reason);
    assert.equal((await runModel(engine)).length, kMatteSide ** 2);
    engine.close();
  });
}

test('a helper thread that fails between two calls ends the next with its reason', async (t) => {
  const wasm = new Uint8Array(readFileSync(distPath('decal-simd128.wasm')));
  let fail;
  const startThread = (task, onFailed) => {
    fail = onFailed;
    const worker = new Worker(distPath('node-thread.js'), { workerData: task });
    return () => void worker.terminate();
  };
  const engine = await Engine.start({ wasm, simd: 'baseline', threads: 2, shared: true, startThread });
  // A thread that stays would keep this process, and all tests with it.
  t.after(() => engine.close());
  assert.equal(engine.threads, 2);
  const session = await RawSession.load(engine, [model]);
  fail(new Error('it ran out of stack'));
  const error = await rejectsWith('worker-lost', () => session.specialize(0, 0));
  assert.match(error.message, /a thread of the engine failed: it ran out of stack/);
  assert.ok(engine.broken);
  engine.close();
});

test('a helper thread that died ends the run with an error instead of a hang', async () => {
  const engine = await startEngine({ threads: 2, simd: 'baseline' });
  const session = await RawSession.load(engine, [model]);
  session.specialize(0, 0);
  engine.exports.decal_worker_failed();
  await rejectsWith('internal', () => session.run([input()]));
  assert.ok(engine.broken);
  engine.close();
});

test('a plan is known before the first run', () => withEngine({ threads: 1 }, async (engine) => {
  const session = await RawSession.load(engine, [model]);
  assert.deepEqual(session.info().inputs.map(({ dtype, shape }) => ({ dtype, shape })),
    [{ dtype: 'f32', shape: [1, 3, kSide, kSide] }]);
  session.specialize(0, 0);
  const { memory, steps } = session.info();
  assert.ok(memory.weights > 1e6 && memory.arena > 1e6 && memory.arena >= memory.lowerBound && steps > 10);
}));

test('a cancelled run says so once', () => withEngine({ threads: 2 }, async (engine) => {
  const session = await RawSession.load(engine, [model]);
  session.specialize(0, 0);
  const flag = new Int32Array(engine.memory.buffer, engine.exports.decal_cancel_flag() >>> 0, 1);
  Atomics.store(flag, 0, 1);
  await rejectsWith('cancelled', () => session.run([input()]));
  assert.equal(Atomics.load(flag, 0), 0);
  assert.equal(session.run([input()]).outputs.length, 1);
}));

test('running without a size, or with data of another size, is an error', () => withEngine({ threads: 1 }, async (engine) => {
  const session = await RawSession.load(engine, [model]);
  session.specialize(0, 0);
  await rejectsWith('shape-mismatch', () => session.run([new Float32Array(5)]));
  await rejectsWith('shape-mismatch', () => session.specialize(kSide + 32, kSide + 32));
  assert.equal(session.run([input()]).outputs.length, 1);
}));

test('however little memory there is: out-of-memory or a result, never a trap without a reason', async () => {
  let failures = 0;
  let successes = 0;
  // From barely more than the module itself to plenty.
  for (const maximumPages of [32, 48, 80, 112, 144, 176, 208, 256, 512, 1024, 2048, 4096]) {
    try {
      await withEngine({ threads: 1, simd: 'baseline', maximumPages }, runModel);
      ++successes;
    } catch (error) {
      assert.equal(error.code, 'out-of-memory', `${maximumPages} pages: ${error.stack}`);
      ++failures;
    }
  }
  assert.ok(failures >= 3 && successes >= 1, `${failures} failures, ${successes} successes`);
});

test('bytes that are no model are a typed error, and the engine goes on', () => withEngine({ threads: 1 }, async (engine) => {
  await rejectsWith('corrupt-model', () => RawSession.load(engine, [Buffer.from('<!doctype html>')]));
  await rejectsWith('corrupt-model', () => RawSession.load(engine, []));
  for (const length of [1, 1000, model.length >> 1, model.length - 1]) {
    await rejectsWith('corrupt-model', () => RawSession.load(engine, pieces(model.subarray(0, length))));
  }
  assert.equal((await runModel(engine)).length, kMatteSide ** 2);
}));

// A field of a protocol buffer: bytes or text of under 128 bytes.
const field = (number, value) => {
  const bytes = Buffer.from(value);
  return Buffer.concat([Buffer.from([(number << 3) | 2, bytes.length]), bytes]);
};

test('unsupported operators are listed with their nodes, whatever characters those have', () =>
  withEngine({ threads: 1 }, async (engine) => {
    const node = (name, type) => field(1, Buffer.concat([field(1, 'x'), field(2, 'y'), field(3, name), field(4, type)]));
    const graph = Buffer.concat([node('a "quoted"\\\n\t name', 'Nonsense'), node('b', 'Gibberish'), field(11, field(1, 'x')), field(12, field(1, 'y'))]);
    const opset = Buffer.from([0x42, 2, 0x10, 17]);
    const onnx = Buffer.concat([Buffer.from([0x08, 8]), field(7, graph), opset]);
    const { message } = await rejectsWith('unsupported-operator', () => RawSession.load(engine, [onnx]));
    for (const part of ['Nonsense', 'Gibberish', 'a "quoted"\\']) assert.ok(message.includes(part), message);
  }));

test('ten loads and runs do not grow memory', () => withEngine({ threads: 2 }, async (engine) => {
  await runModel(engine);
  await runModel(engine);
  const before = engine.memory.buffer.byteLength;
  for (let i = 0; i < 10; ++i) await runModel(engine);
  assert.equal(engine.memory.buffer.byteLength, before);
}));
