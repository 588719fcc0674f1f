// If several want a file at the same time, one downloads it; the others wait and read it from the store.
// SPDX-License-Identifier: MIT
import { following } from '../shared/abort.js';
import type { Host } from './host.js';
import type { Store } from './store.js';

/** How often those who wait look how far it is. */
const kPollMs = 500;

export interface Waiting {
  signal: AbortSignal;
  /** How long the other may stand still. */
  stuckMs: number;
  /** How many bytes are there. */
  look: () => Promise<number>;
  onReached: (bytes: number) => void;
}

/** Runs `work(null)` once it holds the lock `name`, or `work(reason)` if it cannot get it. */
export async function withDownloadLock<T>(
  host: Host, store: Store, name: string, { signal, stuckMs, look, onReached }: Waiting,
  work: (problem: string | null) => Promise<T>,
): Promise<T> {
  const { controller: waiting, release } = following(signal);
  const stuck = new Error('another tab or process has begun to download it and makes no progress');
  let reached = -1;
  let since = host.now();
  let stop = () => {};
  const watch = () => {
    stop = host.timer(kPollMs, async () => {
      const bytes = await look().catch(() => reached);
      if (waiting.signal.aborted) return;
      if (bytes !== reached) {
        reached = bytes;
        since = host.now();
        onReached(bytes);
      } else if (host.now() - since >= stuckMs) {
        return waiting.abort(stuck);
      }
      watch();
    });
  };
  const waited = () => {
    stop();
    waiting.abort();
    release();
  };
  watch();
  let mine = false;
  try {
    return await store.lock(name, waiting.signal, () => {
      mine = true;
      waited();
      return work(null);
    });
  } catch (error) {
    if (mine || signal.aborted) throw error;
    waited();
    // Better twice than not at all.
    return await work(error instanceof Error ? error.message : String(error));
  } finally {
    waited();
  }
}
