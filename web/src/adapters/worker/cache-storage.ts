// A store in the Cache API, for browsers without files that workers can write: pieces of a file as answers of their own.
// SPDX-License-Identifier: MIT
import { journalText, LocalLocks, parseJournal, type Journal, type Store, type StoreWriter } from '../../download/store.js';
import { webLock } from './opfs.js';

const kCache = 'decal-models';
/** Addresses in a cache need a host; this one cannot exist. */
const kBase = 'https://decal.invalid/';

/** Null where the browser has no such thing, or refuses it to this page. */
export async function openCacheStorage(): Promise<CacheStore | null> {
  try {
    return new CacheStore(await caches.open(kCache));
  } catch {
    return null;
  }
}

export class CacheStore implements Store {
  readonly #cache: Cache;
  readonly #local = new LocalLocks();

  constructor(cache: Cache) {
    this.#cache = cache;
  }

  async list(): Promise<Journal[]> {
    const journals: Journal[] = [];
    for (const { url } of await this.#cache.keys()) {
      if (!url.endsWith('/journal')) continue;
      const journal = parseJournal((await (await this.#cache.match(url))?.text()) ?? '');
      if (journal && journalUrl(journal.key) === url) journals.push(journal);
    }
    return journals;
  }

  async note(journal: Journal): Promise<void> {
    await this.#cache.put(journalUrl(journal.key), new Response(journalText(journal)));
  }

  async *read(key: string, length: number): AsyncGenerator<Uint8Array, void> {
    for (let at = 0; at < length; ) {
      const piece = await this.#cache.match(pieceUrl(key, at));
      if (!piece) return;  // the reader counts
      const bytes = new Uint8Array(await piece.arrayBuffer());
      if (bytes.length === 0) return;
      yield bytes;
      at += bytes.length;
    }
  }

  async write(key: string, length: number): Promise<StoreWriter> {
    for (const { url } of await this.#cache.keys()) {
      if (url.startsWith(pieceUrl(key, '')) && Number(url.split('/').at(-1)) >= length) await this.#cache.delete(url);
    }
    let at = length;
    let waiting: Uint8Array[] = [];
    const flush = async (journal: Journal | null) => {
      if (waiting.length > 0) {
        const piece = new Blob(waiting as BlobPart[]);
        await this.#cache.put(pieceUrl(key, at), new Response(piece));
        at += piece.size;
        waiting = [];
      }
      if (journal) await this.note(journal);
    };
    return { write: (piece) => void waiting.push(piece), flush, close: flush };
  }

  async remove(key: string): Promise<void> {
    for (const { url } of await this.#cache.keys()) if (url.startsWith(`${kBase}${key}/`)) await this.#cache.delete(url);
  }

  async clear(): Promise<void> {
    for (const { url } of await this.#cache.keys()) await this.#cache.delete(url);
  }

  lock<T>(name: string, signal: AbortSignal, work: () => Promise<T>): Promise<T> {
    return webLock(this.#local, name, signal, work);
  }
}

function journalUrl(key: string): string {
  return `${kBase}${key}/journal`;
}

function pieceUrl(key: string, at: number | ''): string {
  return `${kBase}${key}/bytes/${at}`;
}
