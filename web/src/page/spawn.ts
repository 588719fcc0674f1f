// Where the engine runs: in a worker of its own. The build of `decal/inline` puts spawn-inline.ts in this file's place.
// SPDX-License-Identifier: MIT
import { DecalError } from '../shared/errors.js';

/** What a client needs of a worker. */
export interface EngineWorker extends Pick<Worker, 'postMessage' | 'terminate' | 'onmessage' | 'onmessageerror' | 'onerror'> {
  /**
   * terminate() has to wait until the worker has nothing left to do. WebKit (2.50) crashes the whole page where it ends a
   * worker that compiles or computes WebAssembly: 10 times out of 84 at some time after the start, 2 out of 120 within the
   * network; in 180 idle workers never. Nothing is lost by waiting: it cannot interrupt WebAssembly anyway.
   */
  endsOnlyIdle?: boolean;
  /** Where its script is. */
  address?: string;
}

/** Why there can be no helper threads, whatever the host offers; null if there can. */
export const noThreadsReason: string | null = null;

/** Starts worker.js at `url`. `objectUrl` makes addresses that live as long as the worker may. */
export function spawnEngine(url: string, objectUrl: (blob: Blob) => string): EngineWorker {
  if (typeof Worker !== 'function') {
    throw new DecalError('unsupported', 'a service or shared worker cannot start workers here: import decal/inline instead');
  }
  // Browsers refuse workers of another origin, but a worker of ours may import from there (CORS permitting).
  const script = new URL(url).origin === location.origin
    ? url
    : objectUrl(new Blob([`import ${JSON.stringify(url)};`], { type: 'text/javascript' }));
  return Object.assign(new Worker(script, { type: 'module' }), { endsOnlyIdle: inWebKit(), address: url });
}

/** Safari, WebKitGTK and every browser of iOS; Chromium calls itself AppleWebKit too. */
function inWebKit(): boolean {
  return /AppleWebKit/.test(navigator.userAgent) && !/Chrome\//.test(navigator.userAgent);
}
