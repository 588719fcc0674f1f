// Downloads in small cases: requests to the server, waiting, what is stored, and events.
// SPDX-License-Identifier: MIT
import assert from 'node:assert/strict';
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, beforeEach, test } from 'node:test';
import { importSource, rejectsWith } from './helpers.mjs';
import { startFaultServer } from './support/fault-server.mjs';
import { seeded } from './support/random.mjs';
import { collect, kSmallTuning, sha256, virtualHost } from './support/virtual-host.mjs';

const { backoffMs, DecalError, fetchThroughPage, FolderStore, ModelFiles, retryAfterMs, serveFetch } = await importSource(
  'download/files.ts', 'adapters/node/folder.ts', 'download/retry.ts', 'adapters/worker/page-fetch.ts', 'shared/errors.ts',
);

const kSignal = new AbortController().signal;
const kFile = seeded(1).bytes(50_000);
const kLarge = seeded(2).bytes(200_000);

let server, folder, host, store, count = 0;
before(async () => {
  server = await startFaultServer();
  folder = await mkdtemp(join(tmpdir(), 'decal-download-'));
});
after(async () => {
  await server.close();
  await rm(folder, { recursive: true, force: true });
});
beforeEach(() => {
  host = virtualHost(seeded(3));
  store = new FolderStore(join(folder, String(++count)), host);
});

/** A file on the server; `faults` affect its first responses. */
function serve(file, { faults = [], known = ['sha256', 'bytes'], ...world } = {}) {
  const queue = [...faults];
  const added = server.add(`${count}-${Math.random()}.onnx`, {
    versions: [file], random: seeded(4), expire: () => host.expire(), nextFault: () => queue.shift() ?? null, ...world,
  });
  const facts = { sha256: sha256(file), bytes: file.length };
  const fact = (name) => (known.includes(name) ? facts[name] : null);
  return { ...added, wanted: { url: added.url, name: 'm', sha256: fact('sha256'), bytes: fact('bytes') } };
}

const files = (tuning = {}, place = store) => new ModelFiles(host, place, { ...kSmallTuning, ...tuning });
const read = (wanted, options = {}, from = files()) => from.read(wanted, collect, { signal: kSignal, ...options });
const isFile = (bytes, file = kFile) => assert.ok(bytes.equals(file), 'other bytes');

test('a broken connection continues where it broke off', async () => {
  const { wanted, world } = serve(kFile, { faults: ['drop', 'drop'] });
  isFile(await read(wanted));
  assert.equal(world.requests.length, 3);
  assert.equal(world.requests[0], '');
  for (const range of world.requests.slice(1)) assert.match(range, /^bytes=[1-9]\d*-$/);
  const [first, second] = host.slept;
  assert.ok(first >= 250 && first <= 500 && second >= 250 && second <= 1000, `paused ${host.slept}`);
});

test('an aborted download goes on in the next visit, and then needs no server', async () => {
  const { wanted, world } = serve(kLarge);
  const abort = new AbortController();
  const alone = files({ splitBytes: Infinity });
  const part = alone.read(wanted, async (chunks) => {
    for await (const chunk of chunks) abort.abort(new Error(`after ${chunk.length}`));
  }, { signal: abort.signal });
  await assert.rejects(part, /after/);
  const [{ length, complete }] = await store.list();
  assert.ok(length > 0 && length < kLarge.length && !complete);
  isFile(await read(wanted, {}, alone), kLarge);
  assert.deepEqual(world.requests, ['', `bytes=${length}-`]);
  isFile(await read(wanted), kLarge);
  assert.equal(world.requests.length, 2);
  assert.deepEqual(await readdir(store.folder), [`sha256-${wanted.sha256}.json`, `sha256-${wanted.sha256}.onnx`]);
});

test('pauses double, differ, and end; Retry-After is obeyed', async () => {
  const pause = (failures, random) => backoffMs(failures, kSmallTuning, () => random);
  assert.deepEqual([1, 2, 3, 20].map((failures) => pause(failures, 1)), [500, 1000, 2000, 15_000]);
  assert.equal(pause(3, 0), 1000);
  assert.equal(retryAfterMs('7', 0), 7000);
  assert.equal(retryAfterMs(new Date(9000).toUTCString(), 1000), 8000);
  assert.equal(retryAfterMs(new Date(0).toUTCString(), 1000), 0);
  for (const nothing of [null, '', 'soon']) assert.equal(retryAfterMs(nothing, 0), null);

  const { wanted, world } = serve(kFile, { faults: ['429', '500'] });
  isFile(await read(wanted));
  assert.equal(host.slept[0], 3000);
  assert.equal(world.requests.length, 3);
  await store.clear();
  const long = serve(kFile, { faults: ['429 for long'] });
  assert.match((await rejectsWith('network', () => read(long.wanted))).message, /retry after 86400 s/);
});

test('what will not get better is not tried again, the rest only so often', async () => {
  for (const [fault, code, requests] of [['404', 'not-found', 1], ['403', 'network', 1], ['web page', 'network', 1], ['503', 'network', 5],
    ['stall', 'network', 5], ['drop before the answer', 'network', 5]]) {
    const { wanted, world } = serve(kFile, { faults: Array(9).fill(fault) });
    const error = await rejectsWith(code, () => read(wanted));
    assert.ok(error.message.startsWith(wanted.url), error.message);
    assert.equal(world.requests.length, requests, fault);
  }
  assert.deepEqual((await store.list()).filter(({ complete }) => complete), []);
});

test('wrong files are refused with what is wrong, and not kept', async () => {
  const short = serve(kFile);
  short.wanted.bytes = 12;
  assert.match((await rejectsWith('corrupt-model', () => read(short.wanted))).message, /50000 bytes .* should be 12/);
  const other = serve(kFile);
  other.wanted.sha256 = '0'.repeat(64);
  assert.match((await rejectsWith('corrupt-model', () => read(other.wanted))).message, /SHA-256 is not 0000/);
  assert.equal(other.world.requests.length, 1, 'a whole answer that was wrong is not asked for again');
  assert.deepEqual(await store.list(), []);
});

test('a damaged file in the cache is replaced in the same call', async () => {
  const { wanted, world } = serve(kFile);
  await read(wanted);
  const path = join(store.folder, `sha256-${wanted.sha256}.onnx`);
  const damaged = Buffer.from(kFile);
  damaged[1000] ^= 1;
  await writeFile(path, damaged);
  isFile(await read(wanted));
  assert.equal(world.requests.length, 2);
  isFile(await readFile(path));
  await writeFile(path, kFile.subarray(0, 100));
  isFile(await read(wanted));
});

test('a reader that fails is not blamed on bytes that are right', async () => {
  const { wanted, world } = serve(kFile);
  const fail = (code, whole) => rejectsWith(code, () => files().read(wanted, async (chunks) => {
    for await (const _ of chunks) if (!whole) break;
    throw new DecalError(code, 'no');
  }, { signal: kSignal }));
  await fail('unsupported-operator', true);
  assert.equal((await store.list())[0].complete, true);
  for (const code of ['out-of-memory', 'unsupported-operator']) await fail(code, false);
  assert.equal((await store.list())[0].complete, true);
  assert.equal(world.requests.length, 1);
  // A reader that finds no model in what the cache gives may be right: the file comes once more.
  await fail('corrupt-model', false);
  assert.equal(world.requests.length, 2);
});

test('large files come over several connections, in order, no further ahead than said', async () => {
  let open = 0, most = 0;
  host.fetch = async (url, init) => {
    most = Math.max(most, ++open);
    init.signal.addEventListener('abort', () => void --open);  // so it is at every end
    return fetch(url, init);
  };
  const { wanted, world } = serve(kLarge, { faults: [null, 'drop', null, 'stall', '500'] });
  isFile(await read(wanted), kLarge);
  assert.ok(most > 1 && most <= kSmallTuning.lanes, `${most} connections`);
  const ranges = world.requests.map((range) => range.match(/\d+/g).map(Number));
  assert.ok(ranges.every(([from, to]) => to - from < kSmallTuning.chunkBytes));
  assert.ok(ranges.length >= Math.ceil(kLarge.length / kSmallTuning.chunkBytes));
});

test('several connections are used only where they help and are safe', async () => {
  const ranges = async (world, place = store) => {
    const { wanted, world: { requests } } = serve(kLarge, world);
    isFile(await read(wanted, {}, files({}, place)), kLarge);
    return requests;
  };
  // Nothing of ours keeps it, so that the browser's cache may, which wants it whole.
  assert.deepEqual(await ranges({}, null), ['']);
  assert.deepEqual(await ranges({ known: ['bytes'], named: 'weak' }), ['bytes=0-']);
  const unknown = await ranges({ known: [] });
  assert.equal(unknown[0], 'bytes=0-');
  assert.ok(unknown.length > 10, `asked for ${unknown}`);
  assert.deepEqual(host.slept, []);
});

test('a reader that takes its time is not run over', async () => {
  const { wanted, world } = serve(kLarge);
  let taken = 0;
  await files().read(wanted, async (chunks) => {
    for await (const chunk of chunks) {
      await new Promise((resolve) => setTimeout(resolve, 3));
      const furthest = Math.max(...world.requests.map((range) => Number(range.match(/\d+/)[0])));
      assert.ok(furthest <= taken + kSmallTuning.lanes * kSmallTuning.chunkBytes, `asked for ${furthest} at ${taken}`);
      taken += chunk.length;
    }
  }, { signal: kSignal });
  assert.equal(taken, kLarge.length);
});

test('servers that do not do ranges, or do them wrong, are asked for the whole', async () => {
  for (const faults of [['drop', 'range ignored'], ['drop', 'wrong content-range'], ['drop', 'no content-range', 'range ignored']]) {
    isFile(await read(serve(kFile, { faults }).wanted, {}, files({}, null)));
  }
  const plain = serve(kLarge, { ranges: false });
  isFile(await read(plain.wanted), kLarge);
  assert.equal(plain.world.requests.length, 1);
  const worse = serve(kLarge, { faults: [null, null, 'range ignored'] });
  isFile(await read(worse.wanted), kLarge);
});

test('where a browser may not ask for ranges, the whole file comes instead', async () => {
  const asked = [];
  host.fetch = async (url, init) => {
    asked.push(init.headers.Range ?? '');
    if (init.headers.Range) throw new TypeError('Failed to fetch');  // what a refused preflight looks like
    return fetch(url, init);
  };
  isFile(await read(serve(kFile, { known: [] }).wanted));
  assert.deepEqual(asked, ['bytes=0-', 'bytes=0-', '']);
  asked.length = 0;
  isFile(await read(serve(kLarge, { faults: ['drop'] }).wanted, {}, files({ splitBytes: Infinity }, null)), kLarge);
  assert.deepEqual(asked.filter((range) => range === '').length, 2);
});

test('without a hash the ETag tells whether the file is still the same', async () => {
  const newer = seeded(5).bytes(50_000);
  for (const named of ['etag', 'date']) {
    const { wanted, world } = serve(kFile, { versions: [kFile, newer], named, known: [] });
    for (let i = 0; i < 2; ++i) isFile(await read(wanted));
    assert.deepEqual(world.requests, ['bytes=0-', 'bytes=0-']);
    world.version = newer;
    isFile(await read(wanted), newer);
    assert.equal((await store.list()).filter(({ url }) => url === wanted.url).length, 1);
    world.nextFault = () => 'drop before the answer';
    const notes = [];
    isFile(await read(wanted, { onNote: (note) => notes.push(note) }), newer);
    assert.match(notes[0], /may have changed since it was downloaded/);
  }
});

test('a file that changes on its way begins anew', async () => {
  const newer = seeded(5).bytes(kFile.length);
  const { wanted } = serve(kFile, { versions: [kFile, newer], known: [], faults: ['drop', 'changed file'] });
  let starts = 0;
  const bytes = await files().read(wanted, (chunks) => (++starts, collect(chunks)), { signal: kSignal });
  isFile(bytes, newer);
  assert.equal(starts, 2);
});

test('what nobody can vouch for is used and not kept, and said so', async () => {
  const cases = [
    [{ known: [], named: 'nothing' }, /neither an ETag nor a date/],
    [{ known: [], ranges: false, sized: false }, /does not tell its size/],
  ];
  for (const [world, reason] of cases) {
    const notes = [];
    isFile(await read(serve(kFile, world).wanted, { onNote: (note) => notes.push(note) }));
    assert.match(notes[0], reason);
  }
  const page = serve(Buffer.from('<h1>Sorry</h1>'), { known: [] });
  const use = async (chunks) => {
    await collect(chunks);
    throw new TypeError('not a model');
  };
  await assert.rejects(files().read(page.wanted, use, { signal: kSignal }), /not a model/);
  assert.deepEqual(await store.list(), []);
});

test('progress counts real bytes: compressed, without a length, from the cache', async () => {
  for (const [world, total] of [
    [{ gzip: true }, kFile.length], [{ gzip: true, known: ['sha256'] }, kFile.length], [{ sized: false, known: ['bytes'] }, kFile.length],
    [{ known: ['sha256'] }, kFile.length], [{ ranges: false, sized: false, known: [] }, null],
  ]) {
    const told = [];
    isFile(await read(serve(kFile, world).wanted, { onProgress: (progress) => told.push(progress) }));
    await store.clear();
    assert.equal(told[0].loadedBytes, 0);
    assert.deepEqual([told.at(-1).loadedBytes, told.at(-1).totalBytes], [kFile.length, total], JSON.stringify(world));
  }
  const told = [];
  await read(serve(kFile).wanted);
  await read(serve(kFile).wanted, { onProgress: (progress) => told.push(progress) });
  assert.ok(told.every(({ bytesPerSecond }) => bytesPerSecond === 0), 'a file in the cache has no speed');
});

test('callers at the same time share one download', async () => {
  const { wanted, world } = serve(kFile);
  const others = files({}, new FolderStore(store.folder, { sleep: (ms) => new Promise((resolve) => setTimeout(resolve, ms / 10)) }));
  const all = await Promise.all([read(wanted), read(wanted), read(wanted, {}, others)]);
  for (const bytes of all) isFile(bytes);
  assert.equal(world.requests.length, 1);
});

test('of many that wait for the lock of a process that died, one at a time gets it', async () => {
  const sleep = () => new Promise((resolve) => setImmediate(resolve));
  for (let round = 0; round < 40; ++round) {
    const place = join(store.folder, String(round));
    await mkdir(place, { recursive: true });
    await writeFile(join(place, 'x.lock'), '4194305');
    let inside = 0;
    await Promise.all(Array.from({ length: 12 }, () => new FolderStore(place, { sleep }).lock('x', kSignal, async () => {
      assert.equal(++inside, 1, 'two hold it');
      for (let i = 0; i < 3; ++i) await sleep();
      --inside;
    })));
    assert.deepEqual(await readdir(place), []);
  }
});

test('a lock that was taken over while its holder was silent is not given back by it', async () => {
  const lock = join(store.folder, 'x.lock');
  await store.lock('x', kSignal, () => writeFile(lock, `${process.pid} somebody else`));
  assert.equal(await readFile(lock, 'utf8'), `${process.pid} somebody else`);
});

test('the lock of a process that died is taken over, and one that gets nowhere is not waited for', async () => {
  const { wanted } = serve(kFile);
  const lock = join(store.folder, `sha256-${wanted.sha256}.lock`);
  await mkdir(store.folder, { recursive: true });
  await writeFile(lock, '4194305');  // beyond the largest process id
  isFile(await read(wanted));
  await store.clear();
  await writeFile(lock, String(process.pid));
  const notes = [];
  // Time flies until the wait is given up: the download after it would seem to stall on a busy machine.
  const timer = setInterval(() => host.expire(), 2);
  const onNote = (note) => (clearInterval(timer), notes.push(note));
  isFile(await read(wanted, { onNote }, files({ stuckMs: 3000 })).finally(() => clearInterval(timer)));
  assert.match(notes[0], /makes no progress/);
  assert.deepEqual(await store.list(), []);
});

test('aborting ends a wait, a pause and a stall at once', async () => {
  for (const [faults, change] of [
    [['stall'], () => {}],
    [['500'], () => (host.sleep = (_, signal) => new Promise((__, reject) => signal.addEventListener('abort', () => reject(signal.reason))))],
  ]) {
    change();
    const { wanted } = serve(kFile, { faults, expire: () => {} });
    const abort = new AbortController();
    setTimeout(() => abort.abort(new Error('mine')), 60);
    await assert.rejects(read(wanted, { signal: abort.signal }), /mine/);
  }
  const { wanted } = serve(kFile);
  await assert.rejects(read(wanted, { signal: AbortSignal.abort(new Error('early')) }), /early/);
});

/** `inner`, with room for `quota` bytes. */
function withQuota(inner, quota) {
  const full = () => Object.assign(new Error('no space left on device'), { code: 'ENOSPC' });
  let written = 0;
  return Object.assign(Object.create(inner), {
    list: () => inner.list(), note: (journal) => inner.note(journal), read: (key, length) => inner.read(key, length),
    lock: (...args) => inner.lock(...args),
    async remove(key) {
      written -= (await inner.list()).find((journal) => journal.key === key)?.length ?? 0;
      return inner.remove(key);
    },
    async write(key, length) {
      const writer = await inner.write(key, length);
      return {
        ...writer,
        async write(piece) {
          if (written + piece.length > quota) throw full();
          written += piece.length;
          return writer.write(piece);
        },
      };
    },
  });
}

test('models that were not used for longest make room; without room a model is used unkept', async () => {
  const small = withQuota(store, 120_000);
  const [a, b, c] = [11, 12, 13].map((seed) => serve(seeded(seed).bytes(50_000)));
  const kept = async () => (await store.list()).map(({ url }) => url).sort();
  for (const { wanted } of [a, b]) {
    await read(wanted, {}, files({}, small));
    await host.sleep(1000, kSignal);
  }
  await read(a.wanted, {}, files({}, small));
  await read(c.wanted, {}, files({}, small));
  assert.deepEqual(await kept(), [a.url, c.url].sort());
  const large = serve(kLarge);
  const notes = [];
  isFile(await read(large.wanted, { onNote: (note) => notes.push(note) }, files({}, small)), kLarge);
  assert.match(notes[0], /not kept on this device: there is no space left/);
  assert.ok(!(await kept()).includes(large.url));
});

test('clearing a cache folder leaves what is not ours', async () => {
  await read(serve(kFile).wanted);
  await writeFile(join(store.folder, 'notes.json'), '{}');
  await writeFile(join(store.folder, 'sha256-broken.json'), '{');
  await store.clear();
  assert.deepEqual((await readdir(store.folder)).sort(), ['notes.json', 'sha256-broken.json']);
});

test('a fetch of the page\'s own serves the worker: headers, body, errors, cancelling', async () => {
  const { wanted, world } = serve(kLarge);
  const asked = [];
  let cancelled = 0;
  const own = async (url, init) => {
    asked.push(init.headers);
    init.signal.addEventListener('abort', () => void ++cancelled);
    return fetch(url, init);
  };
  host.fetch = fetchThroughPage((request, port) => void serveFetch(own, request, port));
  isFile(await read(wanted), kLarge);
  assert.ok(asked.length > 5 && asked.every(({ Range }) => Range));
  assert.ok(world.requests.length === asked.length);
  const abort = new AbortController();
  const before = cancelled;
  const reading = files({}, null).read(serve(kFile, { faults: ['stall'], expire: () => {} }).wanted, collect, { signal: abort.signal });
  setTimeout(() => abort.abort(new Error('mine')), 50);
  await assert.rejects(reading, /mine/);
  while (cancelled === before) await new Promise((resolve) => setTimeout(resolve, 5));

  host.fetch = fetchThroughPage((request, port) => void serveFetch(() => Promise.reject(new Error('no cookie')), request, port));
  assert.match((await rejectsWith('network', () => read(serve(kFile).wanted))).message, /no cookie/);
});
