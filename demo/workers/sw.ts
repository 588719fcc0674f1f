// The service worker: keeps every file of the page, so that it works without a connection after the first visit.
// SPDX-License-Identifier: MIT
declare const self: ServiceWorkerGlobalScope;
// Written by build.mjs: the files of this build, and a hash over their contents.
declare const kFiles: string[];
declare const kVersion: string;

const kPrefix = 'decal-page-';
const kCache = kPrefix + kVersion;

self.addEventListener('install', (event) => {
  event.waitUntil(fill());
});

self.addEventListener('activate', (event) => {
  event.waitUntil(takeOver());
});

self.addEventListener('message', (event) => {
  // The page asks when the visitor agrees to reload: an update never changes files under a running page.
  if (event.data === 'activate') void self.skipWaiting();
});

self.addEventListener('fetch', (event) => {
  const { request } = event;
  if (request.method !== 'GET' || new URL(request.url).origin !== self.location.origin) return;
  event.respondWith(answer(request));
});

async function fill(): Promise<void> {
  const cache = await caches.open(kCache);
  // All or nothing: a half-filled cache would be a page that breaks offline. Responses keep their headers, so the page
  // is cross-origin isolated (and has threads) offline as well.
  await cache.addAll(kFiles.map((file) => new Request(file, { cache: 'no-cache' })));
}

async function takeOver(): Promise<void> {
  for (const name of await caches.keys()) {
    if (name.startsWith(kPrefix) && name !== kCache) await caches.delete(name);
  }
  await self.clients.claim();
}

async function answer(request: Request): Promise<Response> {
  const cache = await caches.open(kCache);
  // Every navigation is the one page; its address may carry a query.
  const kept = await cache.match(request.mode === 'navigate' ? './' : request, { ignoreSearch: true });
  return kept ?? fetch(request);
}
