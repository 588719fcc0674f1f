// Keeps everything the page needs, so that it works without a connection after the first visit.

/** Change it with every change of a file: browsers then install this worker anew, and old copies go. */
const kCache = 'offline-1';

const kFiles = [
  './',
  'app.js',
  'decal/index.js',
  'decal/worker.js',
  // A browser loads one of the two; which one is found out in the page. The planner is for WebGPU.
  'decal/decal-relaxed.wasm',
  'decal/decal-simd128.wasm',
  'decal/decal-cutout.wasm',
  'decal/decal-planner.wasm',
  'decal/models/decal-default.onnx',
];

self.addEventListener('install', (event) => {
  event.waitUntil(caches.open(kCache).then((cache) => cache.addAll(kFiles)));
});

self.addEventListener('activate', (event) => {
  event.waitUntil((async () => {
    for (const name of await caches.keys()) if (name !== kCache) await caches.delete(name);
    await self.clients.claim();
  })());
});

self.addEventListener('fetch', (event) => {
  // Kept answers keep their headers: the page is cross-origin isolated, and has threads, offline as well.
  event.respondWith(caches.match(event.request).then((kept) => kept ?? fetch(event.request)));
});
