// How a page notices that a worker is gone: a browser that kills one (for its memory, say) reports nothing, but its locks are
// released.
// SPDX-License-Identifier: MIT

/** A name for one worker's lock; null if there are no locks: pages that are not secure contexts. */
export function livenessName(): string | null {
  return globalThis.navigator?.locks && crypto.randomUUID ? `decal-${crypto.randomUUID()}` : null;
}

/** In the worker: holds the lock as long as it lives. `onHeld` is not called where locks are forbidden. */
export function holdLiveness(name: string, onHeld: () => void): void {
  const forever = new Promise<never>(() => {});
  navigator.locks.request(name, () => (onHeld(), forever)).catch(() => {});
}

/** In the page, once the lock is held: calls `onLost` when it no longer is. Returns what ends the watch. */
export function watchLiveness(name: string, onLost: () => void): () => void {
  const end = new AbortController();
  // Rejects when the watch ends.
  navigator.locks.request(name, { signal: end.signal }, onLost).catch(() => {});
  return () => end.abort();
}
