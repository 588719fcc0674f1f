// Stores for downloads: growing files, each with a journal of the bytes that are verified.
// SPDX-License-Identifier: MIT

/** What a store knows of a complete or partial file. Written after the bytes that it describes. */
export interface Journal {
  /** Name in the store. Versions of a file have different names. */
  key: string;
  url: string;
  /** ETag, or else Last-Modified, of the response the bytes came from. */
  validator: string | null;
  /** Of the whole file. */
  total: number | null;
  /** Bytes that are verified to be there. */
  length: number;
  /** The file is complete and checked. */
  complete: boolean;
  /** Last time it was written or read, in milliseconds since 1970. */
  used: number;
}

export interface StoreWriter {
  /** Appends. Throws if there is no space left. */
  write(piece: Uint8Array): Promise<void> | void;
  /**
   * Flushes what was written, so that it survives the end of the page. Then `journal`, unless null, replaces the previous one.
   */
  flush(journal: Journal | null): Promise<void> | void;
  /** The same, and closes the file. */
  close(journal: Journal | null): Promise<void> | void;
}

export interface Store {
  /** Journals of all files. Damaged files are removed. */
  list(): Promise<Journal[]>;
  /** Replaces a file's journal. The file must not be written to meanwhile. */
  note(journal: Journal): Promise<void>;
  /** The first `length` bytes. Fails or ends early if they are missing. */
  read(key: string, length: number): AsyncIterable<Uint8Array>;
  /** Opens for appending after the first `length` bytes and drops the rest. */
  write(key: string, length: number): Promise<StoreWriter>;
  remove(key: string): Promise<void>;
  /** Removes all files except those being written. */
  clear(): Promise<void>;
  /** Runs `work` while no other user of this store holds `name`. The signal ends the wait, not the work. */
  lock<T>(name: string, signal: AbortSignal, work: () => Promise<T>): Promise<T>;
}

/** Parses a journal. Null if `text` is not one, or is from another version of this package. */
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

/** The message for users if a model cannot be kept. */
export function notKept(why: string): string {
  return `the model is not kept on this device: ${why}`;
}

/** Whether a write failed because storage is full. */
export function isFull(error: unknown): boolean {
  const { name, code } = (error ?? {}) as { name?: unknown; code?: unknown };
  return name === 'QuotaExceededError' || code === 'ENOSPC' || code === 'EDQUOT';
}

/** Grants a lock to one holder after the other, in this page or process. */
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
