// Stores for downloads: growing files, each with a journal of the bytes that are verified.
// SPDX-License-Identifier: MIT

/** What is known of a file in a store, whole or in part. Written after the bytes it speaks of. */
export interface Journal {
  /** Name in the store; differs between versions of a file. */
  key: string;
  url: string;
  /** ETag or else Last-Modified of the answer it came from. */
  validator: string | null;
  /** Of the whole file. */
  total: number | null;
  /** Bytes that are there for certain. */
  length: number;
  /** The whole file, checked. */
  complete: boolean;
  /** Last time it was written or read, in milliseconds since 1970. */
  used: number;
}

export interface StoreWriter {
  /** Appends. Throws if there is no space left. */
  write(piece: Uint8Array): Promise<void> | void;
  /** What was written so far survives the end of the page; then `journal`, unless null, takes the place of the last. */
  flush(journal: Journal | null): Promise<void> | void;
  /** The same, for the last time. */
  close(journal: Journal | null): Promise<void> | void;
}

export interface Store {
  /** Of all files. What turns out to be damaged is removed. */
  list(): Promise<Journal[]>;
  /** Puts a journal in place of the file's last, while nobody writes to it. */
  note(journal: Journal): Promise<void>;
  /** The first `length` bytes; fails or ends early where they are not there. */
  read(key: string, length: number): AsyncIterable<Uint8Array>;
  /** Opens for appending after the first `length` bytes; the rest goes. */
  write(key: string, length: number): Promise<StoreWriter>;
  remove(key: string): Promise<void>;
  /** Removes all files but those being written. */
  clear(): Promise<void>;
  /** Runs `work` while nobody else who uses this store holds `name`; the signal ends the wait, not the work. */
  lock<T>(name: string, signal: AbortSignal, work: () => Promise<T>): Promise<T>;
}

/** The journal in `text`; null if it is none, or one of another version of this package. */
export function parseJournal(text: string): Journal | null {
  let value: Partial<Journal> & { version?: unknown };
  try {
    value = JSON.parse(text) as typeof value;
  } catch {
    return null;  // the page ended while it was written
  }
  const { version, key, url, validator, total, length, complete, used } = value ?? {};
  const valid = version === kVersion && typeof key === 'string' && typeof url === 'string' &&
    (validator === null || typeof validator === 'string') && (total === null || isCount(total)) && isCount(length) &&
    typeof complete === 'boolean' && typeof used === 'number' && (!complete || length === total);
  return valid ? { key, url, validator, total, length, complete, used } : null;
}

export function journalText(journal: Journal): string {
  return JSON.stringify({ version: kVersion, ...journal });
}

const kVersion = 1;

function isCount(value: unknown): value is number {
  return Number.isInteger(value) && (value as number) >= 0;
}

/** What users are told where a model cannot be kept. */
export function notKept(why: string): string {
  return `the model is not kept on this device: ${why}`;
}

/** Whether a write failed because storage is full. */
export function isFull(error: unknown): boolean {
  const { name, code } = (error ?? {}) as { name?: unknown; code?: unknown };
  return name === 'QuotaExceededError' || code === 'ENOSPC' || code === 'EDQUOT';
}

/** One holder after the other, in this page or process. */
export class LocalLocks {
  readonly #tails = new Map<string, Promise<unknown>>();

  async lock<T>(name: string, signal: AbortSignal, work: () => Promise<T>): Promise<T> {
    const before = this.#tails.get(name) ?? Promise.resolve();
    let release = () => {};
    const held = new Promise<void>((resolve) => (release = resolve));
    const tail = before.then(() => held);
    this.#tails.set(name, tail);
    try {
      await new Promise<unknown>((resolve, reject) => {
        if (signal.aborted) reject(signal.reason);
        signal.addEventListener('abort', () => reject(signal.reason), { once: true });
        before.then(resolve);
      });
      return await work();
    } finally {
      release();
      if (this.#tails.get(name) === tail) this.#tails.delete(name);
    }
  }
}
