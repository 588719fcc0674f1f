// What the sequences cannot see of an engine host: its states, and what closing waits for.
// SPDX-License-Identifier: MIT
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { importSource, rejectsWith } from './helpers.mjs';
import { fakeAdapter, World } from './support/fake-engine.mjs';

const errors = await importSource('host/engine-host.ts', 'gpu/host.ts', 'shared/errors.ts');
const { DecalError, EngineHost, GpuHost } = errors;

/** A world in which nothing happens by chance. */
const kNoChance = { below: () => 0, chance: () => false, pick: ([first]) => first };
const kModel = {
  device: 'wasm',
  model: {
    key: 'a', number: 1,
    spec: { name: 'a', mean: [0, 0, 0], std: [1, 1, 1], activation: 'none', input: { rule: 'stretch', width: 4, height: 4, multiple: 1 } },
  },
};
const turn = () => new Promise((resolve) => setImmediate(resolve));

/** A promise and what settles it. */
function gate() {
  let open;
  const opened = new Promise((resolve) => (open = resolve));
  return { open, opened };
}

function make({ onStart } = {}) {
  const world = new World(kNoChance, errors);
  const adapter = fakeAdapter(world);
  const { startEngine } = adapter;
  adapter.startEngine = async (signal) => (await onStart?.(signal), startEngine.call(adapter, signal));
  return { world, host: new EngineHost(adapter) };
}

test('a host says what it is at: idle, starting, running, ready, closing, closed', async () => {
  const [starting, working] = [gate(), gate()];
  const { world, host } = make({ onStart: () => starting.opened });
  assert.equal(host.state, 'idle');
  const loading = host.load(kModel);
  await turn();
  assert.equal(host.state, 'starting');
  starting.open();
  await loading;
  assert.equal(host.state, 'ready');
  const using = host.use(() => working.opened);
  await turn();
  assert.equal(host.state, 'running');
  const closing = host.close();
  assert.equal(host.state, 'closing');
  await turn();
  assert.equal(host.state, 'closing', 'a call is not over');
  working.open();
  await using;
  await closing;
  assert.equal(host.state, 'closed');
  assert.equal(world.left(), '');
});

test('a host that closes takes no call, and closes once', async () => {
  const { world, host } = make();
  await host.load(kModel);
  const closing = host.close();
  assert.equal(host.close(), closing);
  for (const call of [() => host.load(kModel), () => host.use(async () => {})]) {
    const { message } = await rejectsWith('aborted', call);
    assert.equal(message, 'dispose() was called');
  }
  await closing;
  await rejectsWith('aborted', () => host.load(kModel));
  assert.deepEqual(world.faults, []);
});

test('with a reason, closing ends a start that is under way and the calls that wait for it', async () => {
  let aborted = null;
  const { world, host } = make({
    onStart: (signal) => new Promise((_, reject) => signal.addEventListener('abort', () => reject((aborted = signal.reason)))),
  });
  const reason = new DecalError('aborted', 'no more');
  const ends = Promise.allSettled([host.load(kModel), host.load(kModel)]);
  await turn();
  await host.close(reason);
  assert.equal(aborted, reason, 'nobody told the start');
  assert.deepEqual((await ends).map(({ reason: error }) => error), [reason, reason]);
  assert.equal(world.left(), '');
});

test('closing closes the GPU too, and waits for it', async (t) => {
  const gpu = gate();
  const close = t.mock.method(GpuHost.prototype, 'close', () => gpu.opened);
  const { host } = make();
  await host.load(kModel);
  let closed = false;
  const closing = host.close().then(() => (closed = true));
  for (let i = 0; i < 5; ++i) await turn();
  assert.equal(close.mock.callCount(), 1);
  assert.ok(!closed, 'the GPU was not waited for');
  gpu.open();
  await closing;
});

test('a model whose engine has met a trap is loaded anew into another engine', async () => {
  const { world, host } = make();
  await host.load(kModel);
  await assert.rejects(host.use(async (engine) => engine.call(() => {
    throw new WebAssembly.RuntimeError('unreachable');
  })));
  assert.ok(host.broken);
  assert.equal(host.state, 'idle');
  await host.load(kModel);
  assert.ok(!host.broken, 'the engine is the one that stopped');
  assert.equal(host.state, 'ready');
  await host.close();
  assert.equal(world.left(), '');
});

test('what is given up while the engine starts does not begin, and one given up while it decodes does not go on', async () => {
  const starting = gate();
  const { world, host } = make({ onStart: () => starting.opened });
  const abort = new AbortController();
  let began = false;
  const using = host.use(async () => (began = true), abort.signal);
  await turn();
  abort.abort(new Error('given up'));
  starting.open();
  await assert.rejects(using, /given up/);
  assert.ok(!began);
  const later = new AbortController();
  const { engines } = world;
  world.interfere = (name) => name === 'decoding' && later.abort(new Error('given up'));
  await host.load(kModel);
  await assert.rejects(host.remove({ width: 3, height: 2, tag: 1 }, { format: 'image/png', background: null, mask: false, previewSize: 1 }, kModel, later.signal), /given up/);
  assert.equal(engines.at(-1).pictures, 0, 'a picture that nobody wants was copied into the engine');
  await host.close();
});
