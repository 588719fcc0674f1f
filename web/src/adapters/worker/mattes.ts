// The engine's side of a stream: makes the mattes that the worker with the frames asks for at a port.
// SPDX-License-Identifier: MIT
import { DecalError } from '../../shared/errors.js';
import { MatteStream } from '../../host/mattes.js';
import type { Loaded } from '../../host/tasks.js';
import type { DeviceOption } from '../../shared/types.js';
import type { MatteAnswer, MatteRequest } from './frame-messages.js';

/** Serves until the signal is aborted, and rejects then, or with the first failure: the stream cannot go on without mattes. */
export async function serveMattes(port: MessagePort, loaded: Loaded, device: DeviceOption, signal: AbortSignal): Promise<void> {
  const stream = new MatteStream(loaded, device);
  let working: Promise<void> = Promise.resolve();
  try {
    await new Promise<never>((_, reject) => {
      const stop = () => reject(signal.reason);
      if (signal.aborted) return stop();
      signal.addEventListener('abort', stop, { once: true });
      port.onmessageerror = () => reject(new DecalError('internal', 'a frame on its way to the engine cannot be read'));
      port.onmessage = ({ data }: MessageEvent<MatteRequest>) => {
        working = answer(stream, data, port, signal).catch(reject);
      };
      port.postMessage({ type: 'ready' } satisfies MatteAnswer);
    });
  } finally {
    port.onmessage = null;
    port.close();
    await working;
    stream.free();
  }
}

async function answer(stream: MatteStream, { rgba, width, height }: MatteRequest, port: MessagePort, signal: AbortSignal): Promise<void> {
  const start = performance.now();
  const { rgba: result, route, threads } = await stream.next(rgba, width, height, signal);
  const made: MatteAnswer = { type: 'matte', rgba: result, width, height, ms: performance.now() - start, provider: route.provider, threads };
  port.postMessage(made, [result.buffer]);
}
