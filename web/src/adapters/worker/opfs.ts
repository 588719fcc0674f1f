// A store in the origin private file system: files by name, each with its journal beside it.
// SPDX-License-Identifier: MIT
import { journalText, LocalLocks, parseJournal, type Journal, type Store, type StoreWriter } from '../../download/store.js';

const kFolder = 'decal-models';
const kJournal = '.json';
/** Journals are padded to multiples of this. Most URLs are far shorter. */
const kJournalBytes = 4096;
/** Bytes read at a time: few enough to hold, enough to make the calls between processes cheap. */
const kReadBytes = 4 << 20;

/** A file that takes longer than this to open, about a hundred times the usual, will not open at all. */
const kOpenMs = 3000;

/** The handle that workers write through. (TypeScript's library declares it for workers only.) */
interface SyncAccess {
  write(data: Uint8Array, options: { at: number }): number;
  truncate(bytes: number): void;
  flush(): void;
  close(): void;
}

interface FileHandle extends FileSystemFileHandle {
  createSyncAccessHandle?: () => Promise<SyncAccess>;
}

/** Null if the browser has no such storage, or denies it to this page. */
export async function openOpfs(): Promise<OpfsStore | null> {
  try {
    const root = await navigator.storage.getDirectory();
    return new OpfsStore(await root.getDirectoryHandle(kFolder, { create: true }));
  } catch {
    return null;  // plain http, a private window, an old browser
  }
}

/** Whether files can be written here, which is possible in dedicated workers only. */
export function opfsWrites(): boolean {
  return typeof FileSystemFileHandle === 'function' && 'createSyncAccessHandle' in FileSystemFileHandle.prototype;
}

export class OpfsStore implements Store {
  readonly #folder: FileSystemDirectoryHandle;
  readonly #local = new LocalLocks();

  constructor(folder: FileSystemDirectoryHandle) {
    this.#folder = folder;
  }

  async list(): Promise<Journal[]> {
    const sizes = new Map<string, number>();
    const journals: Journal[] = [];
    for await (const [name, handle] of this.#entries()) {
      const file = await (handle as FileSystemFileHandle).getFile().catch(() => null);
      if (name.endsWith(kJournal)) {
        const journal = parseJournal((await file?.text().catch(() => '')) ?? '');
        if (journal && journal.key + kJournal === name) journals.push(journal);
      } else {
        // Some browsers show no content of a file while it is written.
        sizes.set(name, file?.size ?? Infinity);
      }
    }
    return journals.filter(({ key, length }) => (sizes.get(key) ?? -1) >= length);
  }

  async note(journal: Journal): Promise<void> {
    const access = await this.#open(journal.key + kJournal);
    try {
      writeJournal(access, journal);
    } finally {
      access.close();
    }
  }

  async *read(key: string, length: number): AsyncGenerator<Uint8Array, void> {
    const file = await (await this.#folder.getFileHandle(key)).getFile();
    const end = Math.min(length, file.size);
    for (let at = 0; at < end; at += kReadBytes) {
      yield new Uint8Array(await file.slice(at, Math.min(at + kReadBytes, end)).arrayBuffer());
    }
  }

  async write(key: string, length: number): Promise<StoreWriter> {
    // Both stay open: Chromium sometimes never answers when a file is opened just after it was closed.
    const access = await this.#open(key);
    let journals: SyncAccess;
    try {
      access.truncate(length);
      journals = await this.#open(key + kJournal);
    } catch (error) {
      access.close();
      throw error;
    }
    let at = length;
    const flush = (journal: Journal | null) => {
      access.flush();
      if (journal) writeJournal(journals, journal);
    };
    return {
      write(piece) {
        writeAll(access, piece, at);
        at += piece.length;
      },
      flush,
      close(journal) {
        try {
          flush(journal);
        } finally {
          access.close();
          journals.close();
        }
      },
    };
  }

  async remove(key: string): Promise<void> {
    // The file first: this fails while somebody writes to it, and its journal then stays.
    await this.#removeEntry(key);
    await this.#removeEntry(key + kJournal);
  }

  async clear(): Promise<void> {
    const names: string[] = [];
    for await (const [name] of this.#entries()) names.push(name);
    for (const name of names) if (!name.endsWith(kJournal)) await this.remove(name).catch(() => {});
  }

  lock<T>(name: string, signal: AbortSignal, work: () => Promise<T>): Promise<T> {
    return webLock(this.#local, name, signal, work);
  }

  #entries(): AsyncIterable<[string, FileSystemHandle]> {
    // Missing in TypeScript's library.
    return this.#folder as unknown as AsyncIterable<[string, FileSystemHandle]>;
  }

  async #open(name: string): Promise<SyncAccess> {
    const handle: FileHandle = await this.#folder.getFileHandle(name, { create: true });
    const opening = handle.createSyncAccessHandle!();
    let late = false;
    const timeout = new Promise<never>((_, reject) => {
      setTimeout(() => {
        late = true;
        reject(new Error('the browser does not open its file'));
      }, kOpenMs);
    });
    opening.then((access) => late && access.close(), () => {});
    return Promise.race([opening, timeout]);
  }

  async #removeEntry(name: string): Promise<void> {
    try {
      await this.#folder.removeEntry(name);
    } catch (error) {
      if ((error as DOMException).name !== 'NotFoundError') throw error;
    }
  }
}

/** One holder among all tabs, or in this worker if there are no Web Locks. */
export function webLock<T>(local: LocalLocks, name: string, signal: AbortSignal, work: () => Promise<T>): Promise<T> {
  if (!navigator.locks) return local.lock(name, signal, work);
  return navigator.locks.request(`decal-models/${name}`, { signal }, work) as Promise<T>;
}

// In a single write over the old journal, which has the same size, because the page may end at any time.
function writeJournal(access: SyncAccess, journal: Journal): void {
  const text = journalText(journal);
  const bytes = new TextEncoder().encode(text.padEnd(Math.ceil(text.length / kJournalBytes) * kJournalBytes));
  writeAll(access, bytes, 0);
  access.truncate(bytes.length);
  access.flush();
}

// In some browsers a write that exceeds the quota is short instead of failing.
function writeAll(access: SyncAccess, piece: Uint8Array, at: number): void {
  const written = access.write(piece, { at });
  if (written === piece.length) return;
  throw new DOMException(`${written} of ${piece.length} bytes were written`, 'QuotaExceededError');
}
