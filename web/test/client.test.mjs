// The page's side of the engine against a worker that does what the test says.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { importSource } from './helpers.mjs';

const { EngineClient } = await importSource('client.ts');
const { Progress } = await importSource('progress.ts');

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

function setUp() {
  const workers = [];
  const progress = new Progress();
  const client = new EngineClient({}, () => workers[workers.push(new FakeWorker()) - 1], progress);
  const run = (signal) => client.run({ model: {} }, [], signal);
  return { workers, progress, client, run };
}

const failure = (id, code, fatal = false) => ({ type: 'failed', id, failure: { code, message: code, fatal } });

test('one job at a time, in order', async () => {
  const { workers, run } = setUp();
  const results = [run(), run()];
  const [worker] = workers;
  assert.deepEqual(worker.jobs(), [1]);
  worker.say({ type: 'done', id: 1, removed: 'a' });
  assert.deepEqual(worker.jobs(), [1, 2]);
  worker.say({ type: 'done', id: 2, removed: 'b' });
  assert.deepEqual(await Promise.all(results), ['a', 'b']);
  assert.equal(workers.length, 1);
});

test('a failure is that call\'s alone', async () => {
  const { workers, run } = setUp();
  const results = [run(), run()];
  workers[0].say(failure(1, 'corrupt-image'));
  workers[0].say({ type: 'done', id: 2, removed: null });
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
  workers[1].say({ type: 'done', id: 2, removed: null });
  await results[1];
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
  workers[1].say({ type: 'done', id: 2, removed: null });
  await second;
});

test('aborting a queued call never starts it', async () => {
  const { workers, run } = setUp();
  const abort = new AbortController();
  const first = run();
  const second = run(abort.signal);
  abort.abort();
  await assert.rejects(second, { name: 'AbortError' });
  workers[0].say({ type: 'done', id: 1, removed: null });
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
  workers[0].say({ type: 'done', id: 2, removed: null });
  await second;
  assert.equal(workers.length, 1);
});

test('aborting without shared memory ends a worker that does not answer', async () => {
  const { workers, run } = setUp();
  const abort = new AbortController();
  const first = run(abort.signal);
  workers[0].say({ type: 'engine', facts: {}, cancel: null });
  const second = run();
  abort.abort();
  await assert.rejects(first, { name: 'AbortError' });
  assert.ok(!workers[0].ended);
  await sleep(150);
  assert.ok(workers[0].ended);
  assert.deepEqual(workers[1].jobs(), [2]);
  workers[1].say({ type: 'done', id: 2, removed: null });
  await second;
});

test('closing rejects what is open and what comes later', async () => {
  const { workers, client, run } = setUp();
  const open = [run(), run()];
  client.close();
  for (const call of [...open, run()]) await assert.rejects(call, { code: 'aborted' });
  assert.ok(workers[0].ended);
});
