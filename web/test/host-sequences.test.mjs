// Calls, aborts, dispose() and init() in every order: each call ends once, with its cut-out or a typed error, and everything is
// freed. DECAL_HOST_RUNS=n runs more sequences; DECAL_HOST_SEED=n repeats one that failed.
// SPDX-License-Identifier: MIT
import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { importSource } from './helpers.mjs';
import { fakeAdapter, kApplied, kCut, World } from './support/fake-engine.mjs';
import { seeded } from './support/random.mjs';

const errors = await importSource(
  'host/engine-host.ts', 'adapters/worker/worker.ts', 'page/client.ts', 'page/progress.ts', 'shared/errors.ts', 'shared/abort.ts',
);
const { attach, DecalError, EngineClient, EngineHost, HostSlot, Progress, untilAborted } = errors;

const kRuns = Number(process.env.DECAL_HOST_RUNS ?? 2000);
const kOnly = process.env.DECAL_HOST_SEED;
/** A sequence that takes more turns of the event loop than this hangs. The longest take 600. */
const kMostTurns = 20_000;

// The client's times are counted in turns of the event loop, so that a seed always gives the same order.
const { setTimeout: realTimeout } = globalThis;
after(() => (globalThis.setTimeout = realTimeout));
globalThis.setTimeout = (run, ms = 0) => {
  let turns = Math.ceil(ms / 5);
  /** A promise that counts how often it is settled. A second time is a bug of its owner. */
class CountedPromise extends Promise {
  static get [Symbol.species]() {
    return Promise;
  }

  constructor(executor) {
    const count = { settled: 0 };
    const counting = (settle) => (value) => {
      ++count.settled;
      settle(value);
    };
    super((resolve, reject) => executor(counting(resolve), counting(reject)));
    this.count = count;
  }
}
const { Promise: PlainPromise } = globalThis;
after(() => (globalThis.Promise = PlainPromise));
globalThis.Promise = CountedPromise;

const turn = () => (turns-- > 0 ? setImmediate(turn) : run());
  setImmediate(turn);
};
console.info = () => {};

const turn = () => new Promise((resolve) => setImmediate(resolve));
const kOutput = { format: 'image/png', quality: 1, background: null, mask: false, previewSize: 1 };
/** With something behind the subject, whose colour must pass through the engine's memory. */
const kOverColour = { ...kOutput, background: [1, 2, 3, 255] };
const kPlan = { refine: 'off', failIfEmpty: false };
const kMatte = { width: 3, height: 2, data: new Uint8Array(6).fill(200) };

/** Uses the host as Node does. */
function nodeApi(world) {
  let adapter = null;
  let generation = 0;
  const hosts = new HostSlot((after) => new EngineHost((adapter = fakeAdapter(world)), {}, after));
  const retire = (reason) => {
    adapter = null;
    ++generation;
    void hosts.retire(reason);
  };
  const run = (start, signal) => untilAborted(start(hosts.get()), signal);
  return {
    load: (withModel, signal) => run((host) => host.load(withModel, signal), signal),
    remove: (source, withModel, signal) => run((host) => host.remove(source, kOverColour, withModel, signal), signal),
    segment: (source, withModel, signal) => run((host) => host.segment(source, kPlan, withModel, signal), signal),
    apply: (source, matte, signal) => run((host) => host.apply(source, matte, kOutput, signal), signal),
    use: (signal) => run((host) => host.use(async (engine) => {
      if (signal?.aborted) world.fault('work on the engine began for a call that was given up');
      await world.point('work on the engine');
      engine.free(engine.alloc(16, 'rows'));
    }, signal), signal),
    /** Of the host that takes calls. */
    generation: () => generation,
    init: () => retire(),
    dispose() {
      const reason = world.random.chance(0.5) ? new DecalError('aborted', 'dispose() was called') : undefined;
      // Open calls end with the reason. A start that continues serves no call.
      if (reason && adapter) adapter.unwanted = true;
      retire(reason);
      return reason !== undefined;
    },
    settled: () => hosts.retire(),
  };
}

/**
 * Uses the host as a page does. `ending`: a terminated worker loses everything it has (`kill`); or no other starts before it has
 * ended by itself, as with decal/inline (`inline`); or it may be terminated only when it says so, as in WebKit (`idle`).
 */
function pageApi(world, ending) {
  let free = Promise.resolve();
  const spawn = () => {
    let open = true;
    let busy = 0;
    const own = new World(world.random, world.errors);
    own.interfere = (name) => world.interfere(name);
    own.fault = (text) => world.fault(text);
    // A killed worker's resources are freed with it.
    own.hold = (what) => world.hold(ending === 'kill' ? `worker's ${what}` : what);
    const engine = free.then(() => attach(
      (data) => setImmediate(() => open && worker.onmessage?.({ data })), () => fakeAdapter(own, { onBusy: (by) => (busy += by) })));
    const worker = {
      endsOnlyIdle: ending === 'idle',
      onmessage: null,
      postMessage(message) {
        const given = message.type === 'start' ? { ...message, life: null } : message;
        void engine.then(({ receive }) => receive(given));
      },
      terminate() {
        open = false;
        if (ending === 'idle' && busy > 0) world.fault('a worker was ended while its engine started');
        if (ending !== 'kill') free = engine.then(({ end }) => end());
      },
    };
    // If workers are killed, the next one waits for nothing; otherwise, for the end of the previous one.
    if (ending === 'idle') free = Promise.resolve();
    return worker;
  };
  let client = null;
  const connect = () => (client ??= new EngineClient({}, spawn, new Progress()));
  const run = (task, signal) => connect().run({ task, transfer: [] }, signal, async () => {
    await world.point('preparing again');
    return { task, transfer: [] };
  });
  return {
    load: (withModel, signal) => run({ kind: 'load', ...withModel }, signal),
    remove: (picture, withModel, signal) => run({ kind: 'remove', picture, output: kOverColour, ...withModel }, signal),
    segment: (picture, withModel, signal) => run({ kind: 'segment', picture, plan: kPlan, ...withModel }, signal),
    apply: (picture, matte, signal) => {
      const given = matte.values ?? { kind: 'picture', ...matte.picture };
      return run({ kind: 'apply', picture, matte: given, output: kOutput }, signal);
    },
    init: () => client?.configure({}, null),
    dispose() {
      client?.close();
      client = null;
      return true;
    },
    generation: () => 0,
    settled: () => free,
  };
}

async function sequence(seed) {
  const random = seeded(seed);
  const world = new World(random, errors);
  const kind = random.pick(['node', 'node', 'inline', 'idle', 'kill']);
  const api = kind === 'node' ? nodeApi(world) : pageApi(world, kind);
  const calls = [];
  const counts = {};
  let left = 3 + random.below(8);
  let turns = 0;

  /** Callers' signals that have listeners. */
  let listeners = 0;
  const counted = (abort) => {
    const { signal } = abort;
    const [add, remove] = [signal.addEventListener.bind(signal), signal.removeEventListener.bind(signal)];
    const open = new Set();
    const without = (type, listener) => {
      if (open.delete(listener)) --listeners;
      remove(type, listener);
    };
    signal.addEventListener = (type, listener, options) => {
      if (!open.has(listener)) ++listeners;
      open.add(listener);
      add(type, listener, options);
      if (options?.once) add(type, () => open.delete(listener) && --listeners, { once: true });
    };
    signal.removeEventListener = without;
    return abort;
  };

  const call = (what, device = random.pick(['auto', 'auto', 'wasm', 'webgpu'])) => {
    const abort = random.chance(0.7) ? counted(new AbortController()) : null;
    const number = 1 + random.below(2);
    const input = { rule: 'stretch', width: 4, height: 4, multiple: 1 };
    const spec = { name: `model ${number}`, input, mean: [0, 0, 0], std: [1, 1, 1], activation: 'none' };
    const withModel = { device, model: { key: spec.name, number, spec } };
    const source = { width: 3, height: 2, tag: calls.length };
    const matte = random.chance(0.5) ? { values: kMatte } : { picture: { ...source } };
    const start = {
      load: () => api.load(withModel, abort?.signal),
      remove: () => api.remove(source, withModel, abort?.signal),
      segment: () => api.segment(source, withModel, abort?.signal),
      apply: () => api.apply(source, matte, abort?.signal),
      use: () => api.use(abort?.signal),
    };
    const made = { what, abort, ends: 0, generation: api.generation(), done: start[what]() };
    // In a page it is the client's own promise.
    if (kind !== 'node') made.count = made.done.count;
    calls.push(made);
    const end = (how) => {
      ++made.ends;
      made.how = how;
      counts[how] = (counts[how] ?? 0) + 1;
    };
    made.done = made.done.then((result) => {
      end(what);
      // The work of `use` belongs to its caller, who may end it.
      if (what !== 'use' && made.disposed !== undefined && turns > made.disposed) world.fault(`${what} ended well after dispose() had ended it`);
      if (what === 'load' || what === 'use') return;
      if (what === 'segment') return assert.deepEqual([...result.data], Array(6).fill(number), 'another matte');
      const { pixels } = result;
      const expected = what === 'remove' ? [number, source.tag, 9, kCut] : [0, source.tag, 9, kApplied];
      for (let i = 0; i < pixels.length; i += 4) {
        assert.notEqual(pixels[i + 3], 255, 'the uncut picture came as a success');
        assert.deepEqual([...pixels.subarray(i, i + 4)], expected, 'another call’s picture');
      }
    }, (error) => {
      if (abort?.signal.aborted && error === abort.signal.reason) return end('abort');
      assert.notEqual(error.code, 'cancelled', 'an abort of another call');
      if (error instanceof DecalError) return end(error.code);
      throw error;
    });
    made.done.catch(() => {});
  };

  const act = () => {
    if (left-- <= 0) return;
    switch (random.pick(['remove', 'remove', 'segment', 'load', 'apply', 'use', 'abort', 'abort', 'abort', 'init', 'dispose'])) {
      case 'abort':
        return random.pick(calls.filter(({ abort }) => abort))?.abort.abort(new Error('given up'));
      case 'init':
        return api.init();
      case 'dispose': {
        const generation = api.generation();
        if (!api.dispose()) return;
        // Calls that have not ended by the next turn end with the reason.
        for (const made of calls) if (made.ends === 0 && made.generation === generation) made.disposed ??= turns;
        return;
      }
      case 'use':
        return api.use ? call('use') : call('remove');
      case 'segment':
        return call('segment');
      case 'load':
        return call('load');
      case 'apply':
        return call('apply');
      default:
        return call('remove');
    }
  };
  world.interfere = () => {
    if (random.chance(0.15)) act();
  };

  call(random.pick(['remove', 'remove', 'load']));
  const all = (async () => {
    while (left > 0) {
      for (let i = random.below(12); i > 0; --i) await turn();
      act();
    }
    // Every call ends by itself, whatever was done to it.
    for (let i = 0; i < calls.length; ++i) await calls[i].done;
    // And the next call works, as soon as the seed gives a world without faults.
    random.chance = () => false;
    call('remove', 'auto');
    await calls.at(-1).done;
    assert.equal(calls.at(-1).how, 'remove', 'after all this, a call without faults fails');
    api.dispose();
    await api.settled();
    for (let i = 0; i < 5; ++i) await turn();
  })();
  let over = false;
  all.then(() => (over = true), () => (over = true));
  while (!over && ++turns < kMostTurns) await turn();
  if (!over) assert.fail(`${kind}: a call never ends: ${calls.map(({ what, ends }) => `${what} ${ends}`).join(', ')}; open: ${world.left()}`);
  await all;
  assert.deepEqual(world.faults, [], kind);
  assert.ok(calls.every(({ ends }) => ends === 1), `${kind}: a call ended more than once`);
  if (kind !== 'kill') assert.equal(world.left(), '', `${kind}: stayed behind`);
  for (const { what, count } of calls) if (count) assert.equal(count.settled, 1, `${kind}: ${what} was settled more than once`);
  assert.equal(listeners, 0, `${kind}: listeners that stayed at callers' signals`);
  counts[kind] = 1;
  return counts;
}

// Slow by design: it takes many attempts to find a rare order of events.
test(`${kRuns} sequences of calls, aborts, ends and restarts around a fake engine`, { timeout: 600_000 }, async (t) => {
  const total = {};
  const seeds = kOnly ? [Number(kOnly)] : Array.from({ length: kRuns }, (_, i) => i + 1);
  for (const seed of seeds) {
    try {
      for (const [what, count] of Object.entries(await sequence(seed))) total[what] = (total[what] ?? 0) + count;
    } catch (error) {
      throw new Error(`seed ${seed}: ${error.message}`, { cause: error });
    }
  }
  t.diagnostic(JSON.stringify(total));
  if (kOnly || kRuns < 1000) return;
  const ends = ['remove', 'segment', 'load', 'apply', 'use', 'abort', 'aborted', 'internal', 'out-of-memory', 'webgpu-unavailable'];
  for (const kind of [...ends, 'node', 'inline', 'idle', 'kill']) assert.ok(total[kind] > 50, `hardly any: ${kind}`);
});
