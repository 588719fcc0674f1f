// The engine's side: everything heavy, away from the page. The same script serves as a helper thread; the first
// message tells which of the two it is to be.
import { browserHost } from '../download/browser-host.js';
import { browserStore } from '../download/browser-stores.js';
import { ModelFiles } from '../download/files.js';
import { kTuning } from '../download/host.js';
import { fetchThroughPage } from '../download/page-fetch.js';
import { fetchFile } from '../download/plain.js';
import { modelReader, type ReadModel } from '../download/source.js';
import { Engine, type ThreadTask } from '../engine/engine.js';
import { noSharedMemory } from '../engine/features.js';
import { runThread } from '../engine/instance.js';
import { DecalError, toDecalError } from '../errors.js';
import { makeExecution } from '../execution.js';
import { GpuHost } from '../gpu/host.js';
import { holdLife } from '../life.js';
import { plannerModule } from '../gpu/planner.js';
import { loadModel } from '../loading.js';
import { describeRoute, type Route, type RoutedModel } from '../routing.js';
import { decode, type DecodedPicture } from './decode.js';
import { applyMatte, cutOut, segment } from './tasks.js';
import type { EngineConfig, FromWorker, Job, Outcome, Picture, Removed, Segmented, Task, ToWorker, WithModel } from '../protocol.js';
import type { ExecutionEvent } from '../types.js';

let config: EngineConfig;
let engine: Engine | null = null;
let loaded: { key: string; name: string; model: RoutedModel } | null = null;
let gpuHost: GpuHost | null = null;
const planner = plannerModule(async () => new Uint8Array(await (await fetchFile(config.planner)).arrayBuffer()));
let read: ReadModel;
let logged = false;
let current: { id: number; abort: AbortController } | null = null;

let send: (message: FromWorker, transfer: Transferable[]) => void;
let running: Promise<void> = Promise.resolve();

/** Serves a client, which gets its messages through `to`. Another can be served when `end()` has come true. */
export function attach(to: typeof send): { receive(message: ToWorker): void; end(): Promise<void> } {
  send = to;
  return { receive, end };
}

/** Stops what runs and frees the memory, where nobody can end the whole context, or not yet. */
async function end(): Promise<void> {
  current?.abort.abort();
  await running;
  loaded?.model.free();
  gpuHost?.close();
  engine?.close();
  loaded = gpuHost = engine = null;
}

function receive(message: ToWorker): void {
  switch (message.type) {
    case 'thread':
      runThread(message.module, message.memory, message.index, message.stackPointer);
      break;
    case 'start':
      config = message.config;
      if (message.life !== null) holdLife(message.life, () => post({ type: 'alive' }));
      read = startReader();
      break;
    case 'job':
      running = run(message.job);
      break;
    case 'abort':
      if (current?.id === message.id) current.abort.abort();
      break;
    case 'end':
      void end().finally(() => post({ type: 'ended' }));
      break;
  }
}

function post(message: FromWorker, transfer: Transferable[] = []): void {
  send(message, transfer);
}

async function run({ id, task }: Job): Promise<void> {
  const abort = new AbortController();
  current = { id, abort };
  try {
    const outcome = await perform(task, abort.signal);
    post({ type: 'done', id, outcome }, outcome && 'data' in outcome ? [outcome.data.buffer] : []);
  } catch (error) {
    const { code, message } = abort.signal.aborted
      ? new DecalError('aborted', 'the call was aborted')
      : toDecalError(error, 'internal');
    post({ type: 'failed', id, failure: { code, message, fatal: engine?.broken ?? false } });
  } finally {
    current = null;
  }
}

async function perform(task: Task, signal: AbortSignal): Promise<Outcome> {
  if (task.kind === 'load') {
    await load(task, signal);
    return null;
  }
  if (task.kind === 'apply') {
    return withPicture(task.picture, startEngine(), signal, (source) => applyMatte(engine!, source, task, signal));
  }
  const outcome = await withPicture<number, Removed | Segmented>(task.picture, load(task, signal), signal, (source, decodeMs, loadMs) => {
    const what = { owner: engine!, ...loaded!, times: { load: loadMs, decode: decodeMs } };
    return task.kind === 'remove' ? cutOut(what, source, task, signal) : segment(what, source, task, signal);
  });
  tell(task.model.key, { kind: 'run', ...outcome.execution! });
  return outcome;
}

/** Decodes while something else gets ready; a failure of either waits until both have come to an end. */
async function withPicture<R, T>(
  picture: Picture, ready: Promise<R>, signal: AbortSignal, use: (source: DecodedPicture, decodeMs: number, ready: R) => Promise<T>,
): Promise<T> {
  const start = performance.now();
  let decodeMs = 0;
  const decoding = decode(picture, signal).finally(() => void (decodeMs = performance.now() - start));
  const [readyResult, decodeResult] = await Promise.allSettled([ready, decoding]);
  const source = decodeResult.status === 'fulfilled' ? decodeResult.value : null;
  try {
    if (readyResult.status === 'rejected') throw readyResult.reason;
    if (decodeResult.status === 'rejected') throw decodeResult.reason;
    signal.throwIfAborted();
    return await use(source!, decodeMs, readyResult.value);
  } finally {
    source?.close();
  }
}

/** Makes the model the one that is loaded, ready for the device asked for; returns how long that took. */
async function load({ model, device }: WithModel, signal: AbortSignal): Promise<number> {
  const start = performance.now();
  if (loaded?.key === model.key) return 0;
  post({ type: 'loading' });
  // Two models at once would need twice the memory.
  loaded?.model.free();
  loaded = null;
  const { spec: { name }, key } = model;
  const host = findGpu();
  // Where WebGPU is demanded and there is none, nothing need be downloaded.
  if (device === 'webgpu') await host.demand(await startEngine());
  const { model: routed, route } = await loadModel({
    engine: startEngine(), host, planner, read, model, device, signal,
    onDownload: (progress) => post({ type: 'downloading', name, ...progress }),
    onArrived: () => post({ type: 'building', share: 0 }),
    events: {
      onBuilding: (share) => post({ type: 'building', share }),
      onDowngrade: (other) => tell(key, { kind: 'downgrade', ...makeExecution(other, engine!, name, {}) }),
    },
  });
  loaded = { key, name, model: routed };
  const ms = performance.now() - start;
  logOnce(route);
  tell(key, { kind: 'session', ...makeExecution(route, engine!, name, { memory_bytes: routed.memoryBytes }, { load: ms }) });
  post({ type: 'ready' });
  return ms;
}

function startReader(): ReadModel {
  const throughPage = config.ownFetch
    ? fetchThroughPage((request, port) => post({ type: 'fetch', request, port }, [port]))
    : null;
  const host = browserHost(throughPage);
  let files: Promise<ModelFiles> | null = null;
  const open = async () => new ModelFiles(host, await browserStore(), kTuning, 'this page has no place for files');
  return modelReader(host, () => (files ??= open()));
}

async function startEngine(): Promise<Engine> {
  if (engine && !engine.broken) return engine;
  const wasm = await fetchFile(config.wasm[config.simd]);
  const alone = config.alone ?? noSharedMemory();
  const shared = alone === null;
  const { simd, threads, maximumPages } = config;
  engine = await Engine.start({
    wasm, simd, threads: shared ? threads : 1, shared, startThread, ...(shared && maximumPages ? { maximumPages } : {}),
  });
  const reason = shared ? engine.reason : `one thread: ${alone}`;
  post({
    type: 'engine',
    facts: { threads: engine.threads, simd, reason },
    cancel: shared
      ? {
          buffer: engine.memory.buffer as unknown as SharedArrayBuffer,
          address: engine.exports.decal_cancel_flag() >>> 0,
        }
      : null,
  });
  return engine;
}

function findGpu(): GpuHost {
  const { allowSoftwareAdapter } = config;
  // In GiB, where browsers tell.
  const { gpu, deviceMemory } = navigator as Navigator & { gpu?: GPU; deviceMemory?: number };
  gpuHost ??= new GpuHost({
    find: async () => gpu ?? 'there is no WebGPU in this browser, or not on this page (https is needed)',
    allowSoftwareAdapter,
    planner,
    machineBytes: deviceMemory === undefined ? undefined : deviceMemory * 2 ** 30,
  });
  return gpuHost;
}

function tell(key: string, event: ExecutionEvent): void {
  post({ type: 'execution', key, event });
}

function logOnce(route: Route): void {
  if (logged) return;
  logged = true;
  console.info(`decal: ${describeRoute(route)}`);
}

function startThread(task: ThreadTask): () => void {
  post({ type: 'helper', start: { type: 'thread', ...task } });
  // The client ends it together with this worker.
  return () => {};
}
