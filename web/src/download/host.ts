// What downloads need from outside, so that tests can bring their own network, time and chance.
// SPDX-License-Identifier: MIT

/** The part of `fetch` that downloads use. */
export type Fetch = (url: string, init: RequestInit) => Promise<Response>;

/** A SHA-256 on its way. */
export interface Hash {
  update(data: Uint8Array): void;
  /** Lower-case hex; ends the use of this object. */
  digest(): string;
}

export interface Host {
  fetch: Fetch;
  /** Milliseconds since 1970. */
  now(): number;
  /** Rejects with the signal's reason once it is aborted. */
  sleep(ms: number, signal: AbortSignal): Promise<void>;
  /** Calls `run` after `ms`, unless what this returns is called first. */
  timer(ms: number, run: () => void): () => void;
  /** 0 up to 1, without 1. */
  random(): number;
  newHash(): Promise<Hash>;
  /**
   * Whether a request may carry If-Range. Browsers send it to another host only after asking for leave, which few hosts
   * give; a plain Range needs none.
   */
  mayCondition(url: string): boolean;
}

/** The time of this machine. */
export const systemTime: Pick<Host, 'now' | 'sleep' | 'timer' | 'random'> = {
  now: () => performance.timeOrigin + performance.now(),
  sleep: (ms, signal) =>
    new Promise((resolve, reject) => {
      if (signal.aborted) return reject(signal.reason);
      const onAbort = () => {
        clearTimeout(timer);
        reject(signal.reason);
      };
      const timer = setTimeout(() => {
        signal.removeEventListener('abort', onAbort);
        resolve();
      }, ms);
      signal.addEventListener('abort', onAbort, { once: true });
    }),
  timer: (ms, run) => {
    const timer = setTimeout(run, ms);
    return () => clearTimeout(timer);
  },
  random: Math.random,
};

/** A model as it is to arrive. What is null is not known beforehand. */
export interface Wanted {
  url: string;
  /** The model's, for people. */
  name: string;
  bytes: number | null;
  /** Lower-case hex. */
  sha256: string | null;
}

/** What is wrong with a file of so many bytes; null if nothing is, as far as is known. `digest`: where one is wanted. */
export function wrongFile({ bytes, sha256 }: Pick<Wanted, 'bytes' | 'sha256'>, loaded: number, digest: string | undefined): string | null {
  if (bytes !== null && loaded !== bytes) return `${loaded} bytes where there should be ${bytes}`;
  return digest !== undefined && digest !== sha256 ? `the file's SHA-256 is not ${sha256}` : null;
}

/** How far a download is. */
export interface DownloadProgress {
  loadedBytes: number;
  /** Null when the server does not tell. */
  totalBytes: number | null;
  /** From the network, of the last second or so; 0 for what comes from the cache. */
  bytesPerSecond: number;
}

/** Sizes and times of downloads. */
export interface Tuning {
  /** Silence after which a connection counts as broken. */
  stallMs: number;
  /** Failures in a row, with next to nothing arriving in between, after which a download gives up. */
  tries: number;
  /** What has to arrive for a failure not to be in a row with the last. */
  progressBytes: number;
  /** First pause between two tries; each further one doubles it, up to `longestPauseMs`. */
  pauseMs: number;
  longestPauseMs: number;
  /** The longest that a server's Retry-After is obeyed. */
  patienceMs: number;
  /** Size of the ranges that are fetched side by side. */
  chunkBytes: number;
  /** How many at once. */
  lanes: number;
  /** What must be missing for that. */
  splitBytes: number;
  /** How often what has arrived is made sure to survive the page. */
  flushBytes: number;
  flushMs: number;
  /** How long another tab's download may stand still before this one goes on without the cache. */
  stuckMs: number;
}

/**
 * A range of 8 MiB takes over half a second at 100 Mbit/s, several times what its request costs (100 ms to a far host),
 * and three of them ahead of the engine are 24 MiB of memory. A second connection helps where each is limited, by the
 * host or by loss on a long way; below four ranges it is over before it has got up to speed.
 */
const kChunkBytes = 8 << 20;

export const kTuning: Tuning = {
  stallMs: 20_000,
  tries: 5,
  progressBytes: 64 << 10,
  pauseMs: 500,
  longestPauseMs: 15_000,
  patienceMs: 60_000,
  chunkBytes: kChunkBytes,
  lanes: 3,
  splitBytes: 4 * kChunkBytes,
  flushBytes: 4 << 20,
  flushMs: 500,
  stuckMs: 30_000,
};
