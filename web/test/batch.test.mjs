// Batches: order, failures as items, no more at a time than the reader keeps up with, and ends of every kind.
// SPDX-License-Identifier: MIT
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import { importSource } from './helpers.mjs';

const { batch } = await importSource('shared/batch.ts');

/** Work that ends when the test says so, and obeys the signal. */
function setUp(sources, options = {}) {
  const calls = new Map();
  const discarded = [];
  const run = (source, signal) =>
    new Promise((resolve, reject) => {
      calls.set(source, { resolve, reject, signal });
      signal.addEventListener('abort', () => reject(signal.reason));
    });
  const items = batch(sources, { run, discard: (result) => discarded.push(result) }, options);
  return { items, calls, discarded };
}

const started = async ({ calls }) => {
  for (let i = 0; i < 5; ++i) await turn();
  return [...calls.keys()];
};

test('items come in the order of the sources, and a failure is one of them', async () => {
  const told = [];
  const all = setUp(['a', 'b', 'c'], { concurrency: 3, onResult: ({ index }) => told.push(index) });
  const first = all.items.next();
  assert.deepEqual(await started(all), ['a', 'b', 'c']);
  const trouble = new Error('b');
  all.calls.get('c').resolve('C');
  all.calls.get('b').reject(trouble);
  await turn();
  all.calls.get('a').resolve('A');
  assert.deepEqual((await first).value, { index: 0, source: 'a', result: 'A' });
  assert.deepEqual((await all.items.next()).value, { index: 1, source: 'b', error: trouble });
  assert.deepEqual((await all.items.next()).value, { index: 2, source: 'c', result: 'C' });
  assert.deepEqual(await all.items.next(), { value: undefined, done: true });
  assert.deepEqual(told, [2, 1, 0]);
  assert.deepEqual(all.discarded, []);
});

test('no more is started than the reader keeps up with, and no source asked for without room', async () => {
  let asked = 0;
  const sources = (function* () {
    for (;;) yield ++asked;
  })();
  const all = setUp(sources, { concurrency: 2 });
  const first = all.items.next();
  assert.deepEqual(await started(all), [1, 2]);
  all.calls.get(1).resolve();
  all.calls.get(2).resolve();
  await first;
  assert.deepEqual(await started(all), [1, 2], 'the reader has one and has not come for the next');
  await all.items.next();
  assert.deepEqual(await started(all), [1, 2, 3]);
  assert.equal(asked, 3);
  await all.items.return();
});

test('a source that takes its time holds up nothing that is done', async () => {
  let arrive;
  const sources = (async function* () {
    yield 'soon';
    await new Promise((resolve) => (arrive = resolve));
    yield 'late';
  })();
  const all = setUp(sources);
  const first = all.items.next();
  await started(all);
  all.calls.get('soon').resolve('done');
  assert.equal((await first).value.result, 'done');
  const second = all.items.next();
  await turn();
  arrive();
  await started(all);
  all.calls.get('late').resolve('done too');
  assert.equal((await second).value.result, 'done too');
  assert.equal((await all.items.next()).done, true);
});

test('leaving early ends what is under way, frees what nobody read, and lets go of the sources', async () => {
  let closed = false;
  const sources = (function* () {
    try {
      for (let i = 0; ; ++i) yield i;
    } finally {
      closed = true;
    }
  })();
  const all = setUp(sources, { concurrency: 3 });
  const first = all.items.next();
  await started(all);
  all.calls.get(1).resolve('unread');
  all.calls.get(0).resolve('read');
  await first;
  await all.items.return();
  await turn();
  assert.deepEqual(all.discarded, ['unread']);
  assert.ok(closed && all.calls.get(2).signal.aborted);
});

test('leaving does not wait for a source that never comes', async () => {
  const sources = (async function* () {
    yield 'only';
    await new Promise(() => {});
  })();
  const all = setUp(sources);
  const first = all.items.next();
  await started(all);
  all.calls.get('only').resolve();
  await first;
  assert.equal((await all.items.return()).done, true);
});

test('the signal ends the batch with its reason, also while it waits for a source', async () => {
  const reason = new Error('enough');
  for (const sources of [['a', 'b'], (async function* () { await new Promise(() => {}); })()]) {
    const abort = new AbortController();
    const told = [];
    const all = setUp(sources, { signal: abort.signal, onResult: (item) => told.push(item) });
    const first = all.items.next();
    await started(all);
    abort.abort(reason);
    await assert.rejects(first, reason);
    assert.deepEqual(told, []);
    assert.equal((await all.items.next()).done, true);
  }
  const late = setUp(['a'], { signal: AbortSignal.abort(reason) });
  await assert.rejects(late.items.next(), reason);
  assert.equal(late.calls.size, 0);
});

test('sources that fail end the batch after the items before them', async () => {
  const trouble = new Error('no more');
  const all = setUp((function* () {
    yield 'good';
    throw trouble;
  })());
  const first = all.items.next();
  await started(all);
  all.calls.get('good').resolve('done');
  assert.equal((await first).value.result, 'done');
  await assert.rejects(all.items.next(), trouble);
});

test('what is no batch is refused at once', () => {
  for (const sources of [null, 5, 'text', {}]) assert.throws(() => setUp(sources), { code: 'invalid-argument' });
  for (const concurrency of [0, 1.5, '2']) assert.throws(() => setUp([], { concurrency }), { code: 'invalid-argument' });
});
