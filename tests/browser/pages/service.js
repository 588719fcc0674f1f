// The package in a service worker, where modules can only be imported statically: `inline` works, `index` says why not.
// SPDX-License-Identifier: MIT
import * as index from '/decal/index.js';
import * as inline from '/decal/inline.js';
import { outcome } from './probe.js';

self.addEventListener('activate', (event) => event.waitUntil(self.clients.claim()));

self.addEventListener('message', (event) => {
  const { entry, url } = event.data;
  const decal = entry === 'inline' ? inline : index;
  event.waitUntil((async () => {
    const { value, error } = await outcome(decal.removeBackground(url), decal.DecalError);
    const { width, height, blob, blobUrl, execution } = value ?? {};
    event.ports[0].postMessage(error ? { error } : { value: { width, height, blob, blobUrl, execution } });
  })());
});
