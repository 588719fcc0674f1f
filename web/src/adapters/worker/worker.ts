// The worker's side of a page: an engine host that answers messages. The same script also serves as a helper thread and as the
// composer of a stream's frames; the first message says which.
// SPDX-License-Identifier: MIT
import { runThread } from '../../engine/instance.js';
import { DecalError, toDecalError } from '../../shared/errors.js';
import { EngineHost, type HostAdapter, type HostEvents } from '../../host/engine-host.js';
import { holdLiveness } from '../../shared/worker-liveness.js';
import { composeFrames, type Frames } from './frames.js';
import { serveMattes } from './mattes.js';
import type { EngineConfig, FromWorker, Job, Outcome, Picture, Task, ToWorker } from './protocol.js';
import { describeRoute } from '../../host/routing.js';
import { browserAdapter, type PageFile, type Send } from './adapter.js';

/** Makes the adapter of a host; tests provide their own. */
export type MakeAdapter = (config: EngineConfig, send: Send) => HostAdapter<Picture, PageFile>;

/** Serves a client, which gets its messages through `send`. Another client can be served once `end()` has resolved to true. */
export function attach(send: Send, makeAdapter: MakeAdapter = browserAdapter): { receive(message: ToWorker): void; end(): Promise<void> } {
  let host: EngineHost<Picture, PageFile> | null = null;
  let current: { id: number; abort: AbortController } | null = null;
  let frames: Frames | null = null;
  let logged = false;
  const post = (message: FromWorker, transfer: Transferable[] = []) => send(message, transfer);

  const events: HostEvents = {
    onEngine: ({ threads, simd, reason, memory, exports }) => {
      const shared = memory.buffer instanceof ArrayBuffer ? null : memory.buffer as unknown as SharedArrayBuffer;
      const cancel = shared && { buffer: shared, address: exports.decal_cancel_flag() >>> 0 };
      post({ type: 'engine', facts: { threads, simd, reason }, cancel });
    },
    onLoading: () => post({ type: 'loading' }),
    onDownload: (name, progress) => post({ type: 'downloading', name, ...progress }),
    onBuilding: (share) => post({ type: 'building', share }),
    onReady: () => post({ type: 'ready' }),
    onExecution: (key, event) => {
      if (event.kind === 'session' && !logged) {
        logged = true;
        console.info(`decal: ${describeRoute(event)}`);
      }
      post({ type: 'execution', key, event });
    },
  };

  /** Stops all work and frees the memory, for contexts that cannot be terminated, or not yet. */
  const end = async () => host?.close(new DecalError('aborted', 'dispose() was called'));

  const run = async ({ id, task }: Job) => {
    const abort = new AbortController();
    current = { id, abort };
    try {
      const outcome = await perform(host!, task, abort.signal);
      post({ type: 'done', id, outcome }, outcome && 'data' in outcome ? [outcome.data.buffer] : []);
    } catch (error) {
      const { code, message } = abort.signal.aborted
        ? new DecalError('aborted', 'the call was aborted')
        : toDecalError(error, 'internal');
      post({ type: 'failed', id, failure: { code, message, fatal: host!.broken } });
    } finally {
      if (current?.id === id) current = null;
    }
  };

  const receive = (message: ToWorker) => {
    switch (message.type) {
      case 'thread':
        runThread(message);
        break;
      case 'frames':
        frames = composeFrames(message);
        break;
      case 'track':
        if (frames) frames.takeTrack(message.track);
        else message.track.stop();
        break;
      case 'start':
        host = new EngineHost(makeAdapter(message.config, send), events);
        if (message.life !== null) holdLiveness(message.life, () => post({ type: 'alive' }));
        break;
      case 'job':
        void run(message.job);
        break;
      case 'abort':
        if (current?.id === message.id) current.abort.abort();
        break;
      case 'end':
        void end().finally(() => post({ type: 'ended' }));
        break;
    }
  };
  return { receive, end };
}

async function perform(host: EngineHost<Picture, PageFile>, task: Task, signal: AbortSignal): Promise<Outcome> {
  switch (task.kind) {
    case 'load':
      await host.load(task, signal);
      return null;
    case 'remove':
      return host.remove(task.picture, task.output, task, signal);
    case 'segment':
      return host.segment(task.picture, task.plan, task, signal);
    case 'stream':
      await host.stream(task, (loaded, inner) => serveMattes(task.port, loaded, task.device, inner), signal);
      return null;
    case 'apply': {
      const { matte } = task;
      const applied = await host.apply(task.picture, 'kind' in matte ? { picture: matte } : { values: matte }, task.output, signal);
      return { ...applied, coverage: 0, boundingBox: null, execution: null };
    }
  }
}
