// A store in a folder, for Node: whole models are plain files that other programs can read.
// SPDX-License-Identifier: MIT
import { randomUUID } from 'node:crypto';
import { constants, createReadStream } from 'node:fs';
import { mkdir, open, readdir, readFile, rename, rm, stat, utimes, writeFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';
import type { Host } from '../../download/host.js';
import { journalText, LocalLocks, parseJournal, type Journal, type Store, type StoreWriter } from '../../download/store.js';

const kReadBytes = 1 << 20;
const kLockPollMs = 100;
/** The holder of a lock refreshes it this often. After three times as long without a refresh, others take the lock. */
const kLockTouchMs = 5000;

/** Where this system wants caches: `$XDG_CACHE_HOME/decal`, `~/Library/Caches/decal` or `%LOCALAPPDATA%\decal\cache`. */
export function userCacheFolder(): string {
  const { XDG_CACHE_HOME, LOCALAPPDATA } = process.env;
  if (XDG_CACHE_HOME) return join(XDG_CACHE_HOME, 'decal');
  if (process.platform === 'darwin') return join(homedir(), 'Library', 'Caches', 'decal');
  if (process.platform === 'win32') return join(LOCALAPPDATA ?? join(homedir(), 'AppData', 'Local'), 'decal', 'cache');
  return join(homedir(), '.cache', 'decal');
}

export class FolderStore implements Store {
  readonly folder: string;
  readonly #host: Pick<Host, 'sleep'>;
  readonly #local = new LocalLocks();

  constructor(folder: string, host: Pick<Host, 'sleep'>) {
    this.folder = folder;
    this.#host = host;
  }

  async list(): Promise<Journal[]> {
    const names = await readdir(this.folder).catch(() => []);
    const journals: Journal[] = [];
    for (const name of names.filter((name) => name.endsWith('.json'))) {
      const journal = parseJournal(await readFile(join(this.folder, name), 'utf8').catch(() => ''));
      if (journal?.key !== name.slice(0, -'.json'.length)) continue;
      const size = await stat(this.#file(journal)).then((facts) => facts.size, () => -1);
      if (size >= journal.length) journals.push(journal);
    }
    return journals;
  }

  async note(journal: Journal): Promise<void> {
    const { key, complete } = journal;
    if (complete) {
      await rename(this.#file({ key, complete: false }), this.#file(journal)).catch((error: NodeJS.ErrnoException) => {
        if (error.code !== 'ENOENT') throw error;  // it has its name already
      });
    }
    // Under another name first, so that an incomplete file is never visible.
    const next = this.#path(`${key}.json.${process.pid}`);
    await writeFile(next, journalText(journal));
    await rename(next, this.#path(`${key}.json`));
  }

  async *read(key: string, length: number): AsyncGenerator<Uint8Array, void> {
    if (length === 0) return;
    const options = { end: length - 1, highWaterMark: kReadBytes };
    const whole = await stat(this.#file({ key, complete: true })).then(() => true, () => false);
    yield* createReadStream(this.#file({ key, complete: whole }), options) as AsyncIterable<Uint8Array>;
  }

  async write(key: string, length: number): Promise<StoreWriter> {
    await mkdir(this.folder, { recursive: true });
    const file = await open(this.#file({ key, complete: false }), constants.O_RDWR | constants.O_CREAT);
    try {
      await file.truncate(length);
    } catch (error) {
      await file.close();
      throw error;
    }
    let at = length;
    return {
      // By position, so that a write that failed halfway can be repeated.
      async write(piece) {
        for (let done = 0; done < piece.length; ) {
          done += (await file.write(piece, done, piece.length - done, at + done)).bytesWritten;
        }
        at += piece.length;
      },
      flush: async (journal) => {
        await file.datasync();
        if (journal) await this.note(journal);
      },
      close: async (journal) => {
        await file.datasync().finally(() => file.close());
        if (journal) await this.note(journal);
      },
    };
  }

  async remove(key: string): Promise<void> {
    const files = [false, true].map((complete) => this.#file({ key, complete }));
    for (const path of [this.#path(`${key}.json`), ...files]) await rm(path, { force: true });
  }

  async clear(): Promise<void> {
    const names = await readdir(this.folder).catch(() => []);
    // The folder may be one that others use too.
    const keys = names.map((name) => /^((?:sha256|url)-[0-9a-f-]+)\.(?:json|part|onnx)/.exec(name)?.[1]);
    const written = names.filter((name) => name.endsWith('.lock')).map((name) => name.slice(0, -'.lock'.length));
    for (const key of new Set(keys)) {
      if (key !== undefined && !written.some((slot) => key.startsWith(slot))) await this.remove(key);
    }
  }

  /** Among the processes of this machine too, by a file that names its holder. */
  lock<T>(name: string, signal: AbortSignal, work: () => Promise<T>): Promise<T> {
    return this.#local.lock(name, signal, async () => {
      const path = this.#path(`${name}.lock`);
      const mine = `${process.pid} ${randomUUID()}`;
      // Whoever was silent for too long may have lost it to somebody else.
      const whileMine = async (use: () => Promise<void>) => {
        if ((await readFile(path, 'utf8').catch(() => '')) === mine) await use();
      };
      await mkdir(this.folder, { recursive: true });
      while (!(await take(path, mine))) await this.#host.sleep(kLockPollMs, signal);
      const touch = setInterval(() => void whileMine(() => utimes(path, new Date(), new Date())).catch(() => {}), kLockTouchMs);
      touch.unref();
      try {
        return await work();
      } finally {
        clearInterval(touch);
        await whileMine(() => rm(path, { force: true }));
      }
    });
  }

  #file({ key, complete }: Pick<Journal, 'key' | 'complete'>): string {
    return this.#path(`${key}.${complete ? 'onnx' : 'part'}`);
  }

  #path(name: string): string {
    return join(this.folder, name);
  }
}

/** Whether the lock is ours now. */
async function take(path: string, mine: string): Promise<boolean> {
  if (await create(path, mine)) return true;
  if (!(await isStale(path))) return false;
  // One at a time clears a stale lock away, and looks once more: of two that saw the same one, the second would remove the
  // first one's new lock.
  const clearing = `${path}.stale`;
  if (await create(clearing, mine)) {
    try {
      if (await isStale(path)) await rm(path, { force: true });
    } finally {
      await rm(clearing, { force: true });
    }
  } else if (await isStale(clearing)) {
    await rm(clearing, { force: true });
  }
  return false;
}

async function create(path: string, text: string): Promise<boolean> {
  try {
    await writeFile(path, text, { flag: 'wx' });
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    return false;
  }
}

/** Its holder is gone, or has been silent for too long. */
async function isStale(path: string): Promise<boolean> {
  const facts = await stat(path).catch(() => null);
  if (!facts) return false;
  const holder = parseInt(await readFile(path, 'utf8').catch(() => ''), 10);
  return Date.now() - facts.mtimeMs > 3 * kLockTouchMs || (holder > 0 && !isAlive(holder));
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}
