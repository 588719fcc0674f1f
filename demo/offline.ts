// Registers the service worker, and tells when the page works offline and when a newer page waits.
// SPDX-License-Identifier: MIT

interface OfflineHooks {
  ready: () => void;
  /** A newer version is there; `apply` switches to it and reloads. */
  updated: (apply: () => void) => void;
}

export async function prepareOffline({ ready, updated }: OfflineHooks): Promise<void> {
  if (!('serviceWorker' in navigator)) return;
  try {
    const registration = await navigator.serviceWorker.register('sw.js');
    const offer = (waiting: ServiceWorker): void =>
      updated(() => {
        navigator.serviceWorker.addEventListener('controllerchange', () => location.reload(), { once: true });
        waiting.postMessage('activate');
      });
    // Without a controller it is the first visit: then what installs is not an update.
    if (registration.waiting && navigator.serviceWorker.controller) offer(registration.waiting);
    registration.addEventListener('updatefound', () => {
      const installing = registration.installing;
      installing?.addEventListener('statechange', () => {
        if (installing.state === 'installed' && navigator.serviceWorker.controller) offer(installing);
      });
    });
    await navigator.serviceWorker.ready;
    ready();
  } catch {
    // Private windows and some hosts allow no service worker; the page is the same without.
  }
}
