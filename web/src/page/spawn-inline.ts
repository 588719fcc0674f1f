// The engine in the caller's own context, for service workers and shared workers, which may not start workers.
// SPDX-License-Identifier: MIT
import type { FromWorker, ToWorker } from '../adapters/worker/protocol.js';
import type { EngineWorker } from './spawn.js';
import { attach } from '../adapters/worker/worker.js';

export const noThreadsReason: string | null = 'the engine runs in the calling context (decal/inline)';

/** Settled when the engine before is gone: there is one at a time. */
let free: Promise<unknown> = Promise.resolve();

/** What behaves as a worker does: messages arrive later, never within the call that sends them. */
export function spawnEngine(): EngineWorker {
  let open = true;
  const answer = (data: FromWorker) => queueMicrotask(() => {
    if (open) worker.onmessage?.call(worker as Worker, { data } as MessageEvent<FromWorker>);
  });
  const engine = free.then(() => attach(answer));
  const worker: EngineWorker = {
    onmessage: null,
    onmessageerror: null,
    onerror: null,
    postMessage(message: ToWorker) {
      // Nobody but its owner can end this context, so there is nothing to watch.
      const given: ToWorker = message.type === 'start' ? { ...message, life: null } : message;
      void engine.then(({ receive }) => receive(given));
    },
    terminate() {
      open = false;
      free = engine.then(({ end }) => end());
    },
  };
  return worker;
}
