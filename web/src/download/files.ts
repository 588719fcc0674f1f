// Reads model files by URL: from the cache if they are there and valid, otherwise from the network into the cache.
// SPDX-License-Identifier: MIT
import { DecalError } from '../shared/errors.js';
import { kTuning, type DownloadProgress, type Host, type Tuning, type Wanted } from './host.js';
import { ProgressMeter } from './progress-meter.js';
import { Reading, StartOver, type Use } from './reading.js';
import { notKept, type Store } from './store.js';
import { withDownloadLock } from './download-lock.js';

export type { Use } from './reading.js';

/** How often a file is read again because its bytes did not belong together. */
const kStarts = 3;

export interface ReadOptions {
  signal: AbortSignal;
  onProgress?: ((progress: DownloadProgress) => void) | undefined;
  /** Notes for the user: why the file is not kept, or was not compared with the server's. */
  onNote?: ((text: string) => void) | undefined;
}

export class ModelFiles {
  readonly #host: Host;
  readonly #store: Store | null;
  readonly #tuning: Tuning;
  readonly #unkept: string | null;

  /** `store`: null if files cannot or may not be kept; `unkept` is the reason for users. */
  constructor(host: Host, store: Store | null, tuning: Tuning = kTuning, unkept: string | null = null) {
    this.#host = host;
    this.#store = store;
    this.#tuning = tuning;
    this.#unkept = unkept;
  }

  /**
   * Reads a file through `use`, whose result it returns. The file is kept if its hash is right or, where none is known, if
   * it is as long as the server said, has an ETag or a date, and `use` had no complaint.
   *
   * @throws {DecalError} `network`, `not-found`, `corrupt-model`; whatever `use` throws; the signal's reason. What has
   * arrived by then stays for the next time, unless it was wrong.
   */
  async read<T>(wanted: Wanted, use: Use<T>, { signal, onProgress, onNote = () => {} }: ReadOptions): Promise<T> {
    const meter = new ProgressMeter(this.#host, wanted.bytes, onProgress);
    if (!this.#store && this.#unkept !== null) onNote(notKept(this.#unkept));
    for (let start = 1; ; ++start) {
      signal.throwIfAborted();
      const reading = (store: Store | null) => {
        const tuning = start === 1 ? this.#tuning : { ...this.#tuning, splitBytes: Infinity };
        return Reading.create({ host: this.#host, store, tuning, wanted, signal, meter, onNote });
      };
      try {
        return await this.#inTurn(reading, use, signal, meter, onNote);
      } catch (error) {
        if (signal.aborted) throw signal.reason;
        if (!(error instanceof StartOver)) throw error;
        if (start === kStarts) throw new DecalError(error.code, error.message, { cause: error });
      }
    }
  }

  async #inTurn<T>(
    begin: (store: Store | null) => Promise<Reading>, use: Use<T>, signal: AbortSignal, meter: ProgressMeter,
    onNote: (text: string) => void,
  ): Promise<T> {
    const reading = await begin(this.#store);
    if (!this.#store || (await reading.isKept())) return reading.run(use);
    const look = async () => (await reading.found())?.length ?? 0;
    const waiting = { signal, stuckMs: this.#tuning.stuckMs, look, onReached: (bytes: number) => meter.reach(bytes) };
    return withDownloadLock(this.#host, this.#store, reading.slot, waiting, async (problem) => {
      if (problem === null) return reading.run(use);
      onNote(notKept(problem));
      return (await begin(null)).run(use);
    });
  }
}
