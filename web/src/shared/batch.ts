// Batches: an iterator over many pictures through one engine, which starts no more of them than its reader keeps up with.
// SPDX-License-Identifier: MIT
import { following, untilAborted } from './abort.js';
import { DecalError } from './errors.js';
import { tell } from './listeners.js';
import { checkOption } from './fields.js';
import type { BatchItem, BatchOptions } from './types.js';

/** One that computes and one that is made ready meanwhile. */
const kConcurrency = 2;

/** What a batch takes its pictures from: read one by one, as there is room. */
export type BatchSources<Source> = Iterable<Source> | AsyncIterable<Source>;

/** How a batch does its pictures. */
export interface BatchWork<Source, Result> {
  run: (source: Source, signal: AbortSignal) => Promise<Result>;
  /** Frees a result that will not be read. */
  discard: (result: Result) => void;
}

/**
 * Items in the order of the sources. Breaking out of the loop cancels work in progress. Sources are requested one at a time, and not
 * before there is room for another.
 *
 * @throws {DecalError} `invalid-argument`, at once. The iterator rejects with the signal's reason, and with the error of
 * sources that fail to come, after the items before it; pictures that fail are items.
 */
export function batch<Source, Result>(
  sources: BatchSources<Source>, work: BatchWork<Source, Result>, options: BatchOptions<Source, Result>,
): AsyncGenerator<BatchItem<Source, Result>, void, undefined> {
  checkOption('concurrency', options.concurrency);
  const concurrency = options.concurrency ?? kConcurrency;
  return items(iterate(sources), work, concurrency, options);
}

async function* items<Source, Result>(
  sources: AsyncIterator<Source> | Iterator<Source>, { run, discard }: BatchWork<Source, Result>, concurrency: number,
  { onResult, signal }: BatchOptions<Source, Result>,
): AsyncGenerator<BatchItem<Source, Result>, void, undefined> {
  const { controller: end, release } = following(signal);
  const started: Promise<BatchItem<Source, Result>>[] = [];
  let count = 0;
  const start = async (source: Source): Promise<BatchItem<Source, Result>> => {
    const index = count++;
    const item = await run(source, end.signal).then(
      (result) => ({ index, source, result }), (error: unknown) => ({ index, source, error }));
    if (onResult && !end.signal.aborted) tell(onResult, () => item);
    return item;
  };

  // Asked for while pictures compute: sources that take their time hold up nothing that is done.
  let asked: Promise<void> | null = null;
  let through: { error?: unknown } | null = null;
  const ask = async () => {
    try {
      const next = await sources.next();
      if (end.signal.aborted) return;
      if (next.done) through = {};
      else started.push(start(next.value));
    } catch (error) {
      through = { error };
    }
  };

  try {
    for (;;) {
      end.signal.throwIfAborted();
      if (!through && !asked && started.length < concurrency) asked = ask().then(() => void (asked = null));
      const open = [started[0], asked].filter((one) => one != null);
      if (open.length === 0) break;
      const item = await untilAborted(Promise.race(open), end.signal);
      if (!item) continue;
      started.shift();
      yield item;
    }
    const { error } = through!;
    if (error !== undefined) throw error;
  } finally {
    release();
    end.abort(new DecalError('aborted', 'the batch is no longer read'));
    for (const item of started) void item.then(({ result }) => result !== undefined && discard(result));
    if (!through) void leave(sources);
  }
}

function iterate<Source>(sources: BatchSources<Source>): AsyncIterator<Source> | Iterator<Source> {
  const all = sources as Partial<Iterable<Source> & AsyncIterable<Source>>;
  const iterator = all?.[Symbol.asyncIterator]?.() ?? all?.[Symbol.iterator]?.();
  if (!iterator || typeof sources === 'string') throw new DecalError('invalid-argument', 'sources: something to iterate over');
  return iterator;
}

/** Not waited for: a generator that is waiting itself would not come to its end before that. */
async function leave(sources: AsyncIterator<unknown> | Iterator<unknown>): Promise<void> {
  try {
    await sources.return?.();
  } catch {
    // The caller no longer reads results, so the error is dropped.
  }
}
