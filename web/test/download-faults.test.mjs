// Downloads from a server that goes wrong in every way: each ends in the right bytes or a typed error, the store holds
// nothing wrong, and a later visit to the mended server gets the file.
// SPDX-License-Identifier: MIT
import assert from 'node:assert/strict';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { importSource } from './helpers.mjs';
import { kFaults, kHashedFaults, startFaultServer } from './support/fault-server.mjs';
import { seeded } from './support/random.mjs';
import { collect, kSmallTuning, sha256, virtualHost } from './support/virtual-host.mjs';

const { DecalError, FolderStore, ModelFiles } = await importSource('download/files.ts', 'adapters/node/folder.ts', 'shared/errors.ts');

const kRuns = Number(process.env.DECAL_DOWNLOAD_RUNS ?? 500);
/** Every one of these that fails says so by a number; DECAL_DOWNLOAD_SEED tries it alone. */
const kOnly = process.env.DECAL_DOWNLOAD_SEED;
const kCodes = ['network', 'not-found', 'corrupt-model'];
/** What an engine would look at: a file that begins otherwise is no model. */
const kMagic = Buffer.from('model');

let server, folder;
before(async () => {
  server = await startFaultServer();
  folder = await mkdtemp(join(tmpdir(), 'decal-downloads-'));
});
after(async () => {
  await server.close();
  await rm(folder, { recursive: true, force: true, maxRetries: 5 });
});

function makeCase(seed) {
  const random = seeded(seed);
  const host = virtualHost(random);
  const hashed = random.chance(0.6);
  const size = random.pick([1, 300, 5000, 40_000, 140_000, 200_000]);
  const file = (length) => Buffer.concat([kMagic, random.bytes(length)]);
  const versions = [file(size), file(random.chance(0.5) ? size : size + 77)];
  // Some servers are beyond help; most go wrong a few times.
  const share = random.chance(0.1) ? 1 : random() * 0.7;
  let left = random.chance(0.1) ? Infinity : random.below(9);
  const names = Object.keys(hashed ? { ...kFaults, ...kHashedFaults } : kFaults);
  const { url, world } = server.add(`${seed}.onnx`, {
    versions, hashed, random,
    named: random.pick(['etag', 'etag', 'weak', 'date', 'nothing']),
    ranges: random.chance(0.85), sized: random.chance(0.8), gzip: random.chance(0.3),
    expire: () => host.expire(),
    nextFault: () => (left > 0 && random.chance(share) ? (--left, random.pick(names)) : null),
  });
  const right = versions[random.chance(0.8) ? 0 : 1];
  const wanted = {
    url, name: `model ${seed}`,
    sha256: hashed ? sha256(right) : null,
    bytes: hashed && random.chance(0.7) ? right.length : null,
  };
  return { random, host, world, wanted, right, mend: () => (left = 0) };
}

async function useModel(chunks) {
  const bytes = await collect(chunks);
  if (!bytes.subarray(0, kMagic.length).equals(kMagic)) throw new DecalError('corrupt-model', 'not a model');
  return bytes;
}

/** One visit: read whole, aborted somewhere, or ended in the middle as when a tab is closed. */
async function visit({ random, host, wanted }, files, { leave }) {
  const abort = new AbortController();
  if (!leave) return { bytes: await files.read(wanted, useModel, { signal: abort.signal }), abort };
  let left = random.below(200_000);
  let gone;
  const closed = new Promise((resolve) => (gone = resolve));
  const part = (chunks) => useModel((async function* () {
    for await (const chunk of chunks) {
      left -= chunk.length;
      if (left < 0 && leave === 'abort') abort.abort(new Error('enough'));
      abort.signal.throwIfAborted();
      if (left < 0) {
        gone();
        await new Promise(() => {});
      }
      yield chunk;
    }
  })());
  const bytes = await Promise.race([closed, files.read(wanted, part, { signal: abort.signal })]);
  return { bytes: bytes ?? null, abort };
}

async function checkStore(store, { world, wanted }) {
  for (const { key, complete, length } of await store.list()) {
    const bytes = (await readFile(join(store.folder, `${key}.${complete ? 'onnx' : 'part'}`))).subarray(0, length);
    const { versions, met } = world;
    if (complete && wanted.sha256) assert.equal(sha256(bytes), wanted.sha256, 'a wrong file is cached');
    else if (complete) assert.ok(versions.some((file) => file.equals(bytes)), 'what is cached is no version of the file');
    // What only the hash can reveal, when it is complete: bytes that were wrong on their way, a page without a type, and
    // another version where the server does not name versions.
    else if (!met.includes('wrong bytes') && !met.includes('web page in disguise') && world.named !== 'nothing') {
      assert.ok(versions.some((file) => file.subarray(0, length).equals(bytes)), 'what is kept of the file is of no version');
    }
  }
}

async function run(seed) {
  const trial = makeCase(seed);
  const { random, host, world, wanted, right } = trial;
  const place = join(folder, String(seed));
  const outcomes = [];
  const ends = [];
  for (let i = random.below(3); i >= 0; --i) {
    // A new page each time, and one that was closed has no locks any more.
    const store = new FolderStore(place, host);
    await rm(join(place, `${wanted.sha256 ? `sha256-${wanted.sha256}` : `url-${sha256(wanted.url).slice(0, 32)}`}.lock`), { force: true });
    const files = new ModelFiles(host, random.chance(0.9) ? store : null, kSmallTuning);
    const leave = i === 0 ? null : random.pick(['abort', 'close']);
    try {
      const { bytes, abort } = await visit(trial, files, { leave });
      ends.push(abort);
      if (bytes && wanted.sha256) assert.ok(bytes.equals(right), 'other bytes than the hash is of');
      else if (bytes) assert.ok(world.versions.some((file) => file.equals(bytes)), 'bytes of no version of the file');
      outcomes.push(bytes ? 'right' : 'left');
    } catch (error) {
      if (error.message === 'enough') outcomes.push('aborted');
      else if (error.name === 'DecalError' && kCodes.includes(error.code)) outcomes.push(error.code);
      else throw error;
    }
    await checkStore(store, trial);
  }

  trial.mend();
  world.version = right;
  const store = new FolderStore(place, host);
  await rm(join(place, `sha256-${wanted.sha256}.lock`), { force: true });
  await rm(join(place, `url-${sha256(wanted.url).slice(0, 32)}.lock`), { force: true });
  const { bytes } = await visit(trial, new ModelFiles(host, store, kSmallTuning), { leave: null });
  assert.ok(bytes.equals(right), 'the mended server\'s file is not what came');
  await checkStore(store, trial);
  for (const end of ends) end.abort();
  return outcomes;
}

// Slow by design: each of hundreds of downloads goes through a real server and real files.
test(`${kRuns} downloads from a server with faults`, { timeout: Math.max(120_000, 200 * kRuns) }, async (t) => {
  const counts = {};
  const seeds = kOnly ? [Number(kOnly)] : Array.from({ length: kRuns }, (_, i) => i + 1);
  const next = seeds.values();
  const worker = async () => {
    for (const seed of next) {
      try {
        for (const outcome of await run(seed)) counts[outcome] = (counts[outcome] ?? 0) + 1;
      } catch (error) {
        throw new Error(`seed ${seed}: ${error.message}`, { cause: error });
      }
    }
  };
  await Promise.all(Array.from({ length: 8 }, worker));
  t.diagnostic(JSON.stringify(counts));
  if (kOnly) return;
  for (const outcome of ['right', 'aborted', 'left', ...kCodes]) assert.ok(counts[outcome] > 10, `hardly any ended as ${outcome}`);
});
