// Reads one file: its cached part first, then the rest from the network, verified and cached.
// SPDX-License-Identifier: MIT
import { DecalError, toDecalError, type DecalErrorCode } from '../shared/errors.js';
import { wrongFile, type Host, type Tuning, type Wanted } from './host.js';
import { CacheWriter } from './cache-writer.js';
import type { ProgressMeter } from './progress-meter.js';
import { TransferError } from './retry.js';
import { notKept, type Journal, type Store } from './store.js';
import { Transfer } from './transfer.js';

/** Receives the bytes of a file. Called again, from the first byte, if the bytes turn out to be wrong. */
export type Use<T> = (chunks: AsyncIterable<Uint8Array>) => Promise<T>;

/** What was passed on is not the file. The store keeps nothing of it. */
export class StartOver extends DecalError {}

export interface ReadingParts {
  host: Host;
  store: Store | null;
  tuning: Tuning;
  wanted: Wanted;
  signal: AbortSignal;
  meter: ProgressMeter;
  onNote: (text: string) => void;
}

/** Failures of a reader that do not mean that the bytes are wrong. */
const kNotTheBytes: readonly DecalErrorCode[] = ['aborted', 'cancelled', 'out-of-memory'];

export class Reading {
  /** The common part of the names that versions of this file have in the store. */
  readonly slot: string;
  readonly #parts: ReadingParts;
  /** Where the bytes come from: the first ones from this entry, the rest from there. */
  #entry: Journal | null = null;
  #from = 0;
  #transfer: Transfer | null = null;
  #cacheWriter: CacheWriter | null = null;
  #at = 0;
  /** All bytes were passed on and are right, as far as can be known. */
  #checked = false;
  /** A failure of reading, as opposed to one of the reader of the bytes. */
  #failure: unknown = null;

  private constructor(parts: ReadingParts, slot: string) {
    this.#parts = parts;
    this.slot = slot;
  }

  static async create(parts: ReadingParts): Promise<Reading> {
    const { sha256, url } = parts.wanted;
    return new Reading(parts, sha256 ? `sha256-${sha256}` : `url-${(await hashOf(parts.host, url)).slice(0, 32)}`);
  }

  /** Finds what the store has of the file, in any version. */
  async found(): Promise<Journal | null> {
    const all = (await this.#parts.store?.list().catch(() => [])) ?? [];
    const mine = all.filter(({ key }) => key.startsWith(this.slot));
    return mine.find(({ complete }) => complete) ?? mine[0] ?? null;
  }

  /** The file is in the store, and its hash is known, so no server need be asked. */
  async isKept(): Promise<boolean> {
    return this.#parts.wanted.sha256 !== null && ((await this.found())?.complete ?? false);
  }

  /** Once. */
  async run<T>(use: Use<T>): Promise<T> {
    const { signal, meter } = this.#parts;
    meter.restart();
    try {
      await this.#begin();
      const result = await use(this.#chunks());
      await this.#keep();
      return result;
    } catch (error) {
      throw await this.#settle(error, signal.aborted);
    } finally {
      this.#transfer?.close();
    }
  }

  async #begin(): Promise<void> {
    const { host, store, tuning, wanted, signal, meter, onNote } = this.#parts;
    const entry = await this.found();
    const hashed = wanted.sha256 !== null;
    if (entry && hashed && (entry.complete || entry.length === (wanted.bytes ?? entry.total))) return this.#take(entry);
    const part = entry && !entry.complete && (hashed || entry.length !== entry.total) ? entry : null;
    const transfer = new Transfer(host, wanted, tuning, signal, store !== null);
    this.#transfer = transfer;
    try {
      this.#from = await transfer.open(part);
    } catch (error) {
      const unreachable = toDecalError(error, 'network').code === 'network' && !signal.aborted;
      if (!entry?.complete || !unreachable) throw error;
      onNote(`the model may have changed since it was downloaded: ${(error as Error).message}`);
      return this.#take(entry);
    }
    if (entry?.complete && entry.validator === transfer.validator && (transfer.total ?? entry.total) === entry.total) {
      transfer.close();
      return this.#take(entry);
    }
    meter.total = transfer.total;
    if (!store) return;
    if (!hashed && transfer.validator === null) {
      onNote(notKept('it has no known hash, and its server gives it neither an ETag nor a date'));
      return;
    }
    const key = hashed ? this.slot : `${this.slot}-${(await hashOf(host, transfer.validator!)).slice(0, 16)}`;
    if (entry && (this.#from === 0 || entry.key !== key)) await store.remove(entry.key).catch(() => {});
    if (this.#from > 0) this.#entry = entry;
    const { validator, total } = transfer;
    this.#cacheWriter = new CacheWriter(host, tuning, store, { key, validator, total, length: this.#from }, wanted, onNote);
  }

  /** All bytes come from the store. */
  #take(entry: Journal): void {
    this.#entry = entry;
    this.#from = entry.length;
    this.#transfer = null;
    this.#parts.meter.total = entry.length;
  }

  async *#chunks(): AsyncGenerator<Uint8Array, void> {
    const { host, store, wanted, meter, signal } = this.#parts;
    const hash = wanted.sha256 === null ? null : await host.newHash();
    try {
      if (this.#entry) {
        for await (const piece of this.#kept(store!, this.#entry)) {
          signal.throwIfAborted();
          hash?.update(piece);
          this.#at += piece.length;
          meter.add(piece.length, false);
          yield piece;
        }
      }
      if (this.#transfer) {
        for await (const piece of this.#transfer.bytes()) {
          signal.throwIfAborted();
          hash?.update(piece);
          this.#at += piece.length;
          if (this.#transfer.mixed) this.#cacheWriter?.hold();
          await this.#cacheWriter?.write(piece);
          meter.total = this.#transfer.total;
          meter.add(piece.length, true);
          yield piece;
        }
      }
      this.#check(hash?.digest());
      meter.tell();
    } catch (error) {
      this.#failure = error;
      throw error;
    }
  }

  async *#kept(store: Store, { key, length }: Journal): AsyncGenerator<Uint8Array, void> {
    try {
      yield* store.read(key, length);
    } catch (error) {
      throw new StartOver('io', `${this.#parts.wanted.name}: the cached file cannot be read`, { cause: error });
    }
    if (this.#at !== length) throw new StartOver('io', `${this.#parts.wanted.name}: the cached file is not whole`);
  }

  #check(digest: string | undefined): void {
    const { wanted } = this.#parts;
    const problem = wrongFile(wanted, this.#at, digest);
    // The same server would give the same wrong answer again.
    if (problem !== null) throw new (this.#pieced ? StartOver : DecalError)('corrupt-model', `${wanted.name}: ${problem}`);
    this.#checked = true;
  }

  /** The bytes come from more than one place, so any of them may be at fault. */
  get #pieced(): boolean {
    return this.#from > 0 || (this.#transfer?.answers ?? 0) > 1;
  }

  /** After the reader accepted the file. */
  async #keep(): Promise<void> {
    const { host, store, wanted, onNote } = this.#parts;
    if (!this.#checked) return this.#cacheWriter?.close();
    const entry = this.#entry;
    if (!this.#cacheWriter) {
      if (entry) await store!.note({ ...entry, total: this.#at, complete: true, used: host.now() }).catch(() => {});
    } else if (wanted.sha256 !== null || this.#at === (this.#transfer!.total ?? wanted.bytes)) {
      await this.#cacheWriter.complete(this.#at);
    } else {
      await this.#cacheWriter.drop().catch(() => {});
      onNote(notKept('its server does not tell its size, so it may not be whole'));
    }
  }

  /** Leaves only good bytes in the store, and returns the error to throw. */
  async #settle(error: unknown, aborted: boolean): Promise<unknown> {
    const { name, url, sha256 } = this.#parts.wanted;
    const failure = this.#failure;
    const proven = this.#checked && sha256 !== null;
    const changed = failure instanceof TransferError && failure.kind === 'changed';
    const corrupt = failure instanceof DecalError && failure.code === 'corrupt-model';
    const wrong = changed || corrupt || failure instanceof StartOver;
    // The reader failed on bytes that nothing verifies. If there is a hash, it will show whether they are right.
    const { code } = toDecalError(error, 'internal');
    const blamed = sha256 === null ? !kNotTheBytes.includes(code) : code === 'corrupt-model';
    const refused = failure === null && !proven && blamed;
    if (aborted || (!wrong && !refused)) {
      if (proven) await this.#cacheWriter?.complete(this.#at);
      else await this.#cacheWriter?.close();
      return aborted ? error : failure ?? error;
    }
    await this.#remove();
    if (changed) return new StartOver('network', `${name}: the file at ${url} changed while it was downloaded`);
    const mayBeMixture = refused && code === 'corrupt-model' && this.#pieced;
    if (mayBeMixture) return new StartOver(code, (error as Error).message, { cause: error });
    return failure ?? error;
  }

  async #remove(): Promise<void> {
    if (this.#cacheWriter) await this.#cacheWriter.drop().catch(() => {});
    else if (this.#entry) await this.#parts.store!.remove(this.#entry.key).catch(() => {});
  }
}

async function hashOf(host: Host, text: string): Promise<string> {
  const hash = await host.newHash();
  hash.update(new TextEncoder().encode(text));
  return hash.digest();
}
