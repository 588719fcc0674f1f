// Writes a download to the store as it arrives. The download never fails for it: what cannot be kept goes unkept.
// SPDX-License-Identifier: MIT
import type { Host, Tuning, Wanted } from './host.js';
import { isFull, notKept, type Journal, type Store, type StoreWriter } from './store.js';

export class CacheWriter {
  readonly #host: Host;
  readonly #tuning: Tuning;
  readonly #store: Store;
  readonly #onGivenUp: (reason: string) => void;
  #journal: Journal;
  #writer: StoreWriter | null = null;
  #givenUp = false;
  /** What is written from here on may be wrong: the journal stays as it is until all of it was checked. */
  #held = false;
  #unflushed = 0;
  /** Bytes in the store, the journal's and those after it. */
  #written: number;
  /** When that was. */
  #flushed: number;

  /** `length`: of what is in the store already. */
  constructor(
    host: Host, tuning: Tuning, store: Store, entry: Pick<Journal, 'key' | 'validator' | 'total' | 'length'>,
    { url }: Wanted, onGivenUp: (reason: string) => void,
  ) {
    this.#host = host;
    this.#tuning = tuning;
    this.#store = store;
    this.#onGivenUp = onGivenUp;
    this.#journal = { ...entry, url, complete: false, used: host.now() };
    this.#written = entry.length;
    this.#flushed = host.now();
  }

  async write(piece: Uint8Array): Promise<void> {
    await this.#attempt(async () => {
      if (!this.#writer) await this.#open();
      await this.#makingRoom(() => this.#writer!.write(piece));
      this.#unflushed += piece.length;
      const due = this.#unflushed >= this.#tuning.flushBytes || this.#host.now() - this.#flushed >= this.#tuning.flushMs;
      if (due) await this.#flush();
    });
  }

  /** Only the hash of all will tell whether what comes now is right. */
  hold(): void {
    this.#held = true;
  }

  /** The file is whole and right; `total` is its size. */
  async complete(total: number): Promise<void> {
    await this.#attempt(async () => {
      const written = this.#written + this.#unflushed;
      if (written !== total) throw new Error(`only ${written} of ${total} bytes were kept`);
      const journal = { ...this.#journal, length: total, total, complete: true, used: this.#host.now() };
      // Without a writer nothing was missing.
      if (this.#writer) await this.#end(journal);
      else await this.#store.note(journal);
    });
  }

  /** What has arrived stays, for the next attempt. */
  async close(): Promise<void> {
    await this.#attempt(async () => {
      if (this.#writer) await this.#end(this.#reached());
    });
  }

  /** What has arrived is of no use. */
  async drop(): Promise<void> {
    const writer = this.#writer;
    this.#writer = null;
    this.#givenUp = true;
    try {
      await writer?.close(null);
    } finally {
      await this.#store.remove(this.#journal.key);
    }
  }

  async #open(): Promise<void> {
    const { key, length } = this.#journal;
    this.#writer = await this.#store.write(key, length);
    await this.#makingRoom(() => this.#writer!.flush(this.#journal));
  }

  async #flush(): Promise<void> {
    const journal = this.#reached();
    await this.#makingRoom(() => this.#writer!.flush(journal));
    this.#written += this.#unflushed;
    this.#unflushed = 0;
    this.#flushed = this.#host.now();
    if (journal) this.#journal = journal;
  }

  /** The journal with all that was written; null while that may be wrong. */
  #reached(): Journal | null {
    return this.#held ? null : { ...this.#journal, length: this.#written + this.#unflushed, used: this.#host.now() };
  }

  async #end(journal: Journal | null): Promise<void> {
    const writer = this.#writer!;
    await this.#makingRoom(() => writer.flush(null));
    this.#writer = null;
    await writer.close(journal);
  }

  /** Models not used for longest go until `work` finds the space. */
  async #makingRoom(work: () => Promise<void> | void): Promise<void> {
    for (;;) {
      try {
        return await work();
      } catch (error) {
        if (!isFull(error) || !(await this.#evict())) throw error;
      }
    }
  }

  async #evict(): Promise<boolean> {
    const others = (await this.#store.list()).filter(({ key }) => key !== this.#journal.key).sort((a, b) => a.used - b.used);
    for (const { key } of others) {
      // One that is being written just now stays.
      const removed = await this.#store.remove(key).then(() => true, () => false);
      if (removed) return true;
    }
    return false;
  }

  async #attempt(work: () => Promise<void>): Promise<void> {
    if (this.#givenUp) return;
    try {
      await work();
    } catch (error) {
      await this.drop().catch(() => {});
      const why = isFull(error) ? 'there is no space left for it' : error instanceof Error ? error.message : String(error);
      this.#onGivenUp(notKept(why));
    }
  }
}
