// The page's side of the engine against a worker that does what the test says.
// SPDX-License-Identifier: MIT
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setImmediate as turn, setTimeout as sleep } from 'node:timers/promises';
import { importSource } from './helpers.mjs';

const { EngineClient } = await importSource('page/client.ts');
const { Progress } = await importSource('page/progress.ts');

class FakeWorker {
  sent = [];
  ended = false;
  postMessage(message) {
    this.sent.push(message);
  }
  terminate() {
    this.ended = true;
  }
  say(message) {
    this.onmessage({ data: message });
  }
  jobs() {
    return this.sent.filter((message) => message.type === 'job').map((message) => message.job.id);
  }
}

function setUp(properties = {}) {
  const workers = [];
  const progress = new Progress();
  const spawn = () => workers[workers.push(Object.assign(new FakeWorker(), properties)) - 1];
  const client = new EngineClient({ threads: 1 }, spawn, progress);
  const run = (signal, again) => client.run({ task: { kind: 'load' }, transfer: [] }, signal, again);
  return { workers, progress, client, run };
}

const failure = (id, code, fatal = false) => ({ type: 'failed', id, failure: { code, message: code, fatal } });

test('one job at a time, in order', async () => {
  const { workers, run } = setUp();
  const results = [run(), run()];
  const [worker] = workers;
  assert.deepEqual(worker.jobs(), [1]);
  worker.say({ type: 'done', id: 1, outcome: 'a' });
  assert.deepEqual(worker.jobs(), [1, 2]);
  worker.say({ type: 'done', id: 2, outcome: 'b' });
  assert.deepEqual(await Promise.all(results), ['a', 'b']);
  assert.equal(workers.length, 1);
});

test('a failure is that call\'s alone', async () => {
  const { workers, run } = setUp();
  const results = [run(), run()];
  workers[0].say(failure(1, 'corrupt-image'));
  workers[0].say({ type: 'done', id: 2, outcome: null });
  await assert.rejects(results[0], { name: 'DecalError', code: 'corrupt-image' });
  assert.equal(await results[1], null);
});

test('a worker that is beyond help is replaced', async () => {
  const { workers, run } = setUp();
  const results = [run(), run()];
  workers[0].say(failure(1, 'internal', true));
  await assert.rejects(results[0], { code: 'internal' });
  assert.ok(workers[0].ended);
  assert.deepEqual(workers[1].jobs(), [2]);
  workers[1].say({ type: 'done', id: 2, outcome: null });
  await results[1];
});

/** What a task is made of anew: `closed` tells whether it was freed unused. */
function remade() {
  const item = { closed: false, close: () => (item.closed = true) };
  return { item, prepared: { task: { kind: 'again' }, transfer: [item] } };
}

for (const [how, lose] of [
  ['crashes', (worker) => worker.onerror({ preventDefault() {}, message: 'trouble' })],
  ['has met a trap', (worker) => worker.say(failure(1, 'internal', true))],
  ['sends what cannot be read', (worker) => worker.onmessageerror()],
]) {
  test(`a worker that ${how} is replaced, and the call made once more before all others`, async () => {
    const { workers, run } = setUp();
    const { item, prepared } = remade();
    const results = [run(undefined, async () => prepared), run()];
    lose(workers[0]);
    await turn();
    assert.ok(workers[0].ended);
    assert.deepEqual(workers[1].jobs(), [1]);
    assert.equal(workers[1].sent.at(-1).job.task.kind, 'again');
    assert.ok(!item.closed);
    workers[1].say({ type: 'done', id: 1, outcome: 'a' });
    workers[1].say({ type: 'done', id: 2, outcome: 'b' });
    assert.deepEqual(await Promise.all(results), ['a', 'b']);
  });
}

test('a call that loses two workers fails, and the next one works', async () => {
  const { workers, run } = setUp();
  const first = run(undefined, async () => remade().prepared);
  const failed = assert.rejects(first, { name: 'DecalError', code: 'worker-lost', message: /trouble/ });
  const second = run();
  for (const i of [0, 1]) {
    workers[i].onerror({ preventDefault() {}, message: 'trouble' });
    await turn();
  }
  await failed;
  workers[2].say({ type: 'done', id: 2, outcome: 'b' });
  assert.equal(await second, 'b');
});

test('a call whose source is gone by the second time fails with what is wrong with it', async () => {
  const { workers, run } = setUp();
  const trouble = new Error('closed');
  const first = run(undefined, () => Promise.reject(trouble));
  workers[0].onerror({ preventDefault() {}, message: 'trouble' });
  await assert.rejects(first, trouble);
  assert.equal(workers.length, 1);
});

test('aborting between two workers starts no second one, and frees what was to go over', async () => {
  const { workers, run } = setUp();
  const { item, prepared } = remade();
  const abort = new AbortController();
  let ready;
  const first = run(abort.signal, () => new Promise((resolve) => (ready = () => resolve(prepared))));
  workers[0].onerror({ preventDefault() {}, message: 'trouble' });
  abort.abort();
  await assert.rejects(first, { name: 'AbortError' });
  ready();
  await turn();
  assert.ok(item.closed);
  assert.equal(workers.length, 1);
});

test('a script that does not load is a network error and a failed start, and the next call tries again', async () => {
  const { workers, progress, run } = setUp();
  const first = run();
  workers[0].say({ type: 'loading' });
  workers[0].onerror({ preventDefault() {}, message: '' });
  await assert.rejects(first, { code: 'network' });
  assert.equal(progress.state.phase, 'error');
  const second = run();
  workers[1].say({ type: 'loading' });
  workers[1].say({ type: 'ready' });
  assert.equal(progress.state.phase, 'ready');
  workers[1].say({ type: 'done', id: 2, outcome: null });
  await second;
});

test('aborting a queued call never starts it', async () => {
  const { workers, run } = setUp();
  const abort = new AbortController();
  const first = run();
  const second = run(abort.signal);
  abort.abort();
  await assert.rejects(second, { name: 'AbortError' });
  workers[0].say({ type: 'done', id: 1, outcome: null });
  await first;
  assert.deepEqual(workers[0].jobs(), [1]);
});

test('aborting with shared memory raises the flag at once, and clears it for the next call', async () => {
  const { workers, run } = setUp();
  const buffer = new SharedArrayBuffer(64);
  const flag = new Int32Array(buffer, 16, 1);
  const abort = new AbortController();
  const reason = new Error('changed my mind');
  const first = run(abort.signal);
  const second = run();
  workers[0].say({ type: 'engine', facts: {}, cancel: { buffer, address: 16 } });
  abort.abort(reason);
  assert.equal(flag[0], 1);
  await assert.rejects(first, reason);
  assert.deepEqual(workers[0].jobs(), [1]);
  workers[0].say(failure(1, 'aborted'));
  assert.equal(flag[0], 0);
  assert.deepEqual(workers[0].jobs(), [1, 2]);
  workers[0].say({ type: 'done', id: 2, outcome: null });
  await second;
  assert.equal(workers.length, 1);
});

/** Two calls, the first aborted while an engine without shared memory works on it. */
async function abortFirstOfTwo({ workers, run }) {
  const abort = new AbortController();
  const first = run(abort.signal);
  workers[0].say({ type: 'engine', facts: {}, cancel: null });
  const second = run();
  abort.abort();
  await assert.rejects(first, { name: 'AbortError' });
  return { second };
}

test('aborting without shared memory ends a worker that does not answer', async () => {
  const { workers, run } = setUp();
  const { second } = await abortFirstOfTwo({ workers, run });
  assert.ok(!workers[0].ended);
  await sleep(150);
  assert.ok(workers[0].ended);
  assert.deepEqual(workers[1].jobs(), [2]);
  workers[1].say({ type: 'done', id: 2, outcome: null });
  await second;
});

test('aborting with shared memory ends a worker that cannot be interrupted where it is', async () => {
  const { workers, run } = setUp();
  const abort = new AbortController();
  const first = run(abort.signal, async () => remade().prepared);
  workers[0].say({ type: 'engine', facts: {}, cancel: { buffer: new SharedArrayBuffer(4), address: 0 } });
  abort.abort();
  await assert.rejects(first, { name: 'AbortError' });
  await sleep(400);
  assert.ok(workers[0].ended);
  assert.equal(workers.length, 1, 'an aborted call is not made again');
});

test('aborting leaves a worker that is starting time to answer', async () => {
  const { workers, run } = setUp();
  const abort = new AbortController();
  const first = run(abort.signal);
  const second = run();
  abort.abort();
  await assert.rejects(first, { name: 'AbortError' });
  await sleep(150);
  const [worker] = workers;
  assert.ok(!worker.ended);
  worker.say(failure(1, 'aborted'));
  assert.deepEqual(worker.jobs(), [1, 2]);
  worker.say({ type: 'done', id: 2, outcome: null });
  await second;
});

test('where only an idle worker may be ended, an aborted one is waited for', async () => {
  const { workers, run } = setUp({ endsOnlyIdle: true });
  const { second } = await abortFirstOfTwo({ workers, run });
  await sleep(150);
  assert.ok(!workers[0].ended);
  workers[0].say(failure(1, 'aborted'));
  assert.deepEqual(workers[0].jobs(), [1, 2]);
  workers[0].say({ type: 'done', id: 2, outcome: null });
  await second;
  assert.equal(workers.length, 1);
});

test('where only an idle worker may be ended, dispose() ends it and its helpers when it says so', async () => {
  const { workers, client, run } = setUp({ endsOnlyIdle: true });
  const flag = new Int32Array(new SharedArrayBuffer(4));
  const first = run();
  workers[0].say({ type: 'engine', facts: {}, cancel: { buffer: flag.buffer, address: 0 } });
  workers[0].say({ type: 'helper', start: { type: 'thread', index: 1 } });
  client.close();
  await assert.rejects(first, { code: 'aborted' });
  assert.equal(flag[0], 1, 'the network stops as soon as it may');
  assert.equal(workers[0].sent.at(-1).type, 'end');
  // What the worker was just about to say.
  workers[0].say({ type: 'done', id: 1, outcome: null });
  assert.deepEqual(workers.map(({ ended }) => ended), [false, false]);
  workers[0].say({ type: 'ended' });
  assert.deepEqual(workers.map(({ ended }) => ended), [true, true]);
});

test('where only an idle worker may be ended, one that has failed is ended too, and replaced at once', async () => {
  const { workers, run } = setUp({ endsOnlyIdle: true });
  const results = [run(), run()];
  workers[0].say(failure(1, 'internal', true));
  await assert.rejects(results[0], { code: 'internal' });
  assert.deepEqual(workers[1].jobs(), [2]);
  workers[0].onerror({ preventDefault() {}, message: 'trouble' });
  assert.deepEqual(workers.map(({ ended }) => ended), [true, false]);
  workers[1].say({ type: 'done', id: 2, outcome: null });
  await results[1];
});

test('helper threads are workers of the client, which end with the engine', async () => {
  const { workers, client, run } = setUp();
  const first = run();
  const start = { type: 'thread', index: 1 };
  workers[0].say({ type: 'helper', start });
  assert.deepEqual(workers[1].sent, [start]);
  workers[1].onerror({ preventDefault() {}, message: '' });
  workers[0].say({ type: 'done', id: 1, outcome: null });
  await first;
  const second = run();
  workers[1].onerror({ preventDefault() {}, message: 'unreachable executed' });
  await assert.rejects(second, { code: 'worker-lost', message: /thread.*unreachable/ });
  assert.ok(workers[0].ended && workers[1].ended);
  client.close();
});

test('other settings are for later calls: those in progress end with theirs, and another worker follows', async () => {
  const { workers, client, run } = setUp();
  const before = [run(), run()];
  client.configure({ threads: 2 }, null);
  const after = run();
  assert.equal(workers.length, 1);
  for (const id of [1, 2]) workers[0].say({ type: 'done', id, outcome: id });
  assert.deepEqual(await Promise.all(before), [1, 2]);
  assert.ok(workers[0].ended);
  assert.deepEqual(workers.map(({ sent }) => sent[0].config.threads), [1, 2]);
  workers[1].say({ type: 'done', id: 3, outcome: 3 });
  assert.equal(await after, 3);
});

test('only a failed load is a failed load: not a matte that is put on before there is a model, nor a picture after', async () => {
  const { workers, progress, client, run } = setUp();
  const apply = client.run({ task: { kind: 'apply' }, transfer: [] });
  workers[0].say(failure(1, 'corrupt-image'));
  await assert.rejects(apply, { code: 'corrupt-image' });
  assert.equal(progress.state.phase, 'idle');
  const lost = client.run({ task: { kind: 'apply' }, transfer: [] });
  workers[0].onerror({ preventDefault() {}, message: '' });
  await assert.rejects(lost, { code: 'network' });
  assert.equal(progress.state.phase, 'idle');
  const early = run();
  workers[1].say(failure(3, 'corrupt-image'));
  await assert.rejects(early, { code: 'corrupt-image' });
  assert.equal(progress.state.phase, 'idle');
  const load = run();
  workers[1].say({ type: 'loading' });
  workers[1].say(failure(4, 'network'));
  await assert.rejects(load, { code: 'network' });
  assert.equal(progress.state.phase, 'error');
});

test('a model whose worker never comes up has failed to load', async () => {
  const { workers, progress, run } = setUp({ address: 'http://site.test/worker.js' });
  const first = run();
  workers[0].onerror({ preventDefault() {}, message: '' });
  await assert.rejects(first, { code: 'network', message: /^http:\/\/site\.test\/worker\.js: .*npx decal copy-assets.*docs\/hosting\.md/ });
  assert.equal(progress.state.phase, 'error');
});

test('closing rejects what is open and what comes later', async () => {
  const { workers, client, run } = setUp();
  const open = [run(), run()];
  client.close();
  for (const call of [...open, run()]) await assert.rejects(call, { code: 'aborted' });
  assert.ok(workers[0].ended);
});
