// The environment of downloads: network, clock, random numbers and hash, so that tests can provide their own.
// SPDX-License-Identifier: MIT

/** The part of `fetch` that downloads use. */
export type Fetch = (url: string, init: RequestInit) => Promise<Response>;

/** A SHA-256 in progress. */
export interface Hash {
  update(data: Uint8Array): void;
  /** Lower-case hex. The object cannot be used afterwards. */
  digest(): string;
}

export interface Host {
  fetch: Fetch;
  /** Milliseconds since 1970. */
  now(): number;
  /** Rejects with the signal's reason when it is aborted. */
  sleep(ms: number, signal: AbortSignal): Promise<void>;
  /** Calls `run` after `ms`, unless the returned function is called first. */
  timer(ms: number, run: () => void): () => void;
  /** A number from 0 up to, but not including, 1. */
  random(): number;
  newHash(): Promise<Hash>;
  /**
   * Whether a request may carry If-Range. For another host, browsers send a CORS preflight first, which few hosts accept; a plain
   * Range needs none.
   */
  mayCondition(url: string): boolean;
}

/** This machine's clock. */
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

/** The expected model. Values that are not known beforehand are null. */
export interface Wanted {
  url: string;
  /** The model's name, for messages. */
  name: string;
  bytes: number | null;
  /** Lower-case hex. */
  sha256: string | null;
}

/** What is wrong with a file of that many bytes; null if nothing is, as far as is known. `digest`: if a hash is expected. */
export function wrongFile({ bytes, sha256 }: Pick<Wanted, 'bytes' | 'sha256'>, loaded: number, digest: string | undefined): string | null {
  if (bytes !== null && loaded !== bytes) return `${loaded} bytes where there should be ${bytes}`;
  return digest !== undefined && digest !== sha256 ? `the file's SHA-256 is not ${sha256}` : null;
}

/** Progress of a download. */
export interface DownloadProgress {
  loadedBytes: number;
  /** Null if the server does not say. */
  totalBytes: number | null;
  /** Bytes per second from the network, over the last second or so. 0 if the data comes from the cache. */
  bytesPerSecond: number;
}

/** Sizes and timing of downloads. */
export interface Tuning {
  /** A connection counts as broken after this much silence. */
  stallMs: number;
  /** A download gives up after this many failures in a row, with next to nothing received in between. */
  tries: number;
  /** After this many bytes a failure no longer counts as in a row with the last. */
  progressBytes: number;
  /** First pause between two attempts. Each further pause is twice as long, up to `longestPauseMs`. */
  pauseMs: number;
  longestPauseMs: number;
  /** A server's Retry-After is respected up to this. */
  patienceMs: number;
  /** Size of the ranges that are fetched in parallel. */
  chunkBytes: number;
  /** How many connections at a time. */
  lanes: number;
  /** Several connections are used only if at least this much is missing. */
  splitBytes: number;
  /** How often received data is flushed, so that it survives the end of the page. */
  flushBytes: number;
  flushMs: number;
  /** If another tab's download makes no progress for this long, this one goes on without the cache. */
  stuckMs: number;
}

/**
 * A range of 8 MiB takes over half a second at 100 Mbit/s, several times what its request costs (100 ms to a far host). Three of
 * them ahead of the engine take 24 MiB of memory. A second connection helps if each one is limited, by the host or by packet loss
 * over a long distance. With fewer than four ranges the download ends before it has reached full speed.
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
