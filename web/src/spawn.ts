// Where the engine runs: in a worker of its own. The build of `decal/inline` puts spawn-inline.ts in this file's place.
import { DecalError } from './errors.js';

/** What a client needs of a worker. */
export type EngineWorker = Pick<Worker, 'postMessage' | 'terminate' | 'onmessage' | 'onmessageerror' | 'onerror'>;

/** Why there can be no helper threads, whatever the host offers; null where there can. */
export const kAlone: string | null = null;

/** Starts worker.js at `url`. `objectUrl` makes addresses that live as long as the worker may. */
export function spawnEngine(url: string, objectUrl: (blob: Blob) => string): EngineWorker {
  if (typeof Worker !== 'function') {
    throw new DecalError('unsupported', 'a service or shared worker cannot start workers here: import decal/inline instead');
  }
  if (new URL(url).origin === location.origin) return new Worker(url, { type: 'module' });
  // Browsers refuse workers of another origin, but a worker of ours may import from there (CORS permitting).
  const script = new Blob([`import ${JSON.stringify(url)};`], { type: 'text/javascript' });
  return new Worker(objectUrl(script), { type: 'module' });
}
