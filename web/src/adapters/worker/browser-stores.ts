// The stores that a browser has, from the page's side and from the worker's.
// SPDX-License-Identifier: MIT
import { openCacheStorage } from './cache-storage.js';
import { openOpfs, opfsWrites } from './opfs.js';
import type { Store } from '../../download/store.js';

/** The best place this worker can write to; null if it has none. */
export async function browserStore(): Promise<Store | null> {
  return (opfsWrites() ? await openOpfs() : null) ?? (await openCacheStorage());
}

/** All places that a page's workers may have written to. */
export async function allBrowserStores(): Promise<Store[]> {
  const stores = await Promise.all([openOpfs(), openCacheStorage()]);
  return stores.filter((store) => store !== null);
}
