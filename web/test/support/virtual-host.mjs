// The surroundings of a download in tests: real connections, but pauses that pass at once and stalls that are declared.
// SPDX-License-Identifier: MIT
import { createHash } from 'node:crypto';

export const sha256 = (bytes) => createHash('sha256').update(bytes).digest('hex');

/** A Host (web/src/download/host.ts). `slept` lists its pauses, in ms; `expire()` lets every running timer go off. */
export function virtualHost(random = Math.random) {
  const kStart = Date.UTC(2026, 0, 1);
  let now = kStart;
  const timers = new Set();
  return {
    slept: [],
    fetch: (url, init) => fetch(url, init),
    now: () => now,
    async sleep(ms, signal) {
      signal.throwIfAborted();
      this.slept.push(ms);
      now += ms;
      await new Promise(setImmediate);
      signal.throwIfAborted();
    },
    timer(ms, run) {
      const timer = { ms, run };
      timers.add(timer);
      return () => void timers.delete(timer);
    },
    expire() {
      for (const timer of [...timers]) {
        now += timer.ms;
        timers.delete(timer);
        timer.run();
      }
    },
    random,
    async newHash() {
      const hash = createHash('sha256');
      return { update: (data) => void hash.update(data), digest: () => hash.digest('hex') };
    },
    mayCondition: () => true,
  };
}

/** Sizes in proportion for files of some 100 kB. */
export const kSmallTuning = {
  stallMs: 20_000, tries: 5, progressBytes: 4096, pauseMs: 500, longestPauseMs: 15_000, patienceMs: 60_000,
  chunkBytes: 16_384, lanes: 3, splitBytes: 65_536, flushBytes: 16_384, flushMs: 500, stuckMs: 30_000,
};

/** All bytes of `chunks`. */
export async function collect(chunks) {
  const pieces = [];
  for await (const piece of chunks) pieces.push(piece.slice());
  return Buffer.concat(pieces);
}
