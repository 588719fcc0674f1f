// What downloads need in the engine's worker.
import { Sha256 } from '../engine/sha256.js';
import { systemTime, type Fetch, type Host } from './host.js';

/** `fetch`: the page's own, where it has one. */
export function browserHost(fetch: Fetch | null): Host {
  return {
    ...systemTime,
    fetch: fetch ?? ((url, init) => globalThis.fetch(url, init)),
    hash: () => new Sha256(),
    mayCondition: (url) => new URL(url).origin === self.location.origin,
  };
}
