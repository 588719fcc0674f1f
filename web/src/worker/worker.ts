// The engine's worker: everything heavy, away from the page. The same script serves as a helper thread; the first
// message tells which of the two it is to be.
import { resizeForPreview } from '../engine/cutout.js';
import { fetchFile, openUrl, readAll, verified, type Download } from '../engine/download.js';
import { Engine, type ThreadTask } from '../engine/engine.js';
import { runThread } from '../engine/instance.js';
import { Remover } from '../engine/session.js';
import { DecalError, toDecalError } from '../errors.js';
import { makeExecution } from '../execution.js';
import { GpuHost } from '../gpu/host.js';
import { backgroundColour } from '../options.js';
import { Planner, PlannerLoad, plannerModule, readAlong } from '../gpu/planner.js';
import { describeRoute, RoutedModel, type PlannerSource, type Route } from '../routing.js';
import { decode, toEngine, type DecodedPicture } from './decode.js';
import { encode, parseCssColour } from './encode.js';
import type { ResolvedModel } from '../models.js';
import type { EngineConfig, FromWorker, Job, Removed, ToWorker } from '../protocol.js';
import type { DeviceOption, ExecutionEvent } from '../types.js';

let config: EngineConfig;
let engine: Engine | null = null;
let loaded: { key: string; name: string; model: RoutedModel } | null = null;
let gpuHost: GpuHost | null = null;
const planner = plannerModule(async () => new Uint8Array(await (await fetchFile(config.planner)).arrayBuffer()));
let logged = false;
let current: { id: number; abort: AbortController } | null = null;

self.onmessage = (event: MessageEvent<ToWorker>) => {
  const message = event.data;
  switch (message.type) {
    case 'thread':
      runThread(message.module, message.memory, message.index, message.stackPointer);
      break;
    case 'start':
      config = message.config;
      break;
    case 'job':
      void run(message.job);
      break;
    case 'abort':
      if (current?.id === message.id) current.abort.abort();
      break;
  }
};

function post(message: FromWorker): void {
  self.postMessage(message);
}

async function run(job: Job): Promise<void> {
  const abort = new AbortController();
  current = { id: job.id, abort };
  try {
    const removed = await perform(job, abort.signal);
    post({ type: 'done', id: job.id, removed });
  } catch (error) {
    const { code, message } = abort.signal.aborted
      ? new DecalError('aborted', 'the call was aborted')
      : toDecalError(error, 'internal');
    post({ type: 'failed', id: job.id, failure: { code, message, fatal: engine?.broken ?? false } });
  } finally {
    current = null;
  }
}

async function perform({ model, device, remove }: Job, signal: AbortSignal): Promise<Removed | null> {
  if (!remove) {
    await load(model, device, signal);
    return null;
  }
  // Decoding and loading overlap; a failure of either waits until both have come to an end.
  const decodeStart = performance.now();
  let decodeMs = 0;
  const decoding = decode(remove.picture, signal).finally(() => void (decodeMs = performance.now() - decodeStart));
  const [loadResult, decodeResult] = await Promise.allSettled([load(model, device, signal), decoding]);
  const picture = decodeResult.status === 'fulfilled' ? decodeResult.value : null;
  try {
    if (loadResult.status === 'rejected') throw loadResult.reason;
    if (decodeResult.status === 'rejected') throw decodeResult.reason;
    signal.throwIfAborted();
    const removed = await cutOut(picture!, device, remove.output, signal, { load: loadResult.value, decode: decodeMs });
    tell(model.key, { kind: 'run', ...removed.execution });
    return removed;
  } finally {
    picture?.close();
  }
}

async function cutOut(
  source: DecodedPicture, device: DeviceOption, output: NonNullable<Job['remove']>['output'], signal: AbortSignal,
  times: { load: number; decode: number },
): Promise<Removed> {
  const owner = engine!;
  const { model, name } = loaded!;
  const background = backgroundColour(output, parseCssColour);
  const copyStart = performance.now();
  const picture = toEngine(owner, source);
  source.close();  // the decoded picture is not needed beside the copy
  const decode = times.decode + performance.now() - copyStart;
  try {
    const { route, report, buildMs } = await model.run(device, picture, { background, mask: output.mask }, signal);
    const encodeStart = performance.now();
    const small = resizeForPreview(owner, picture, output.previewSize);
    let preview: Blob;
    try {
      preview = await encode(owner, small, { format: 'image/png', quality: 1 }, signal);
    } finally {
      owner.free(small.rgba);
    }
    const blob = await encode(owner, picture, output, signal);
    signal.throwIfAborted();
    const encodeMs = performance.now() - encodeStart;
    const execution = makeExecution(route, owner, name, report, { load: times.load + buildMs, decode, encode: encodeMs });
    return { blob, preview, width: picture.width, height: picture.height, execution };
  } finally {
    owner.free(picture.rgba);
  }
}

/** Makes `model` the one that is loaded, ready for the device asked for; returns how long that took. */
async function load(model: ResolvedModel, device: DeviceOption, signal: AbortSignal): Promise<number> {
  const start = performance.now();
  if (loaded?.key === model.key) return 0;
  post({ type: 'loading' });
  // Two models at once would need twice the memory.
  loaded?.model.free();
  loaded = null;
  const { spec, key } = model;
  const host = findGpu();
  // Where WebGPU is demanded and there is none, nothing need be downloaded.
  if (device === 'webgpu') await host.demand(await startEngine());
  const [download, owner] = await Promise.all([open(model, signal), startEngine()]);
  const total = spec.bytes ?? download.total;
  post({ type: 'downloading', loaded: 0, total });
  const bytes = verified(download.chunks, spec, (count) => post({ type: 'downloading', loaded: count, total }));
  // Tried while the model arrives, which a planner reads along where the device promises something.
  const promising = device === 'wasm' ? Promise.resolve(false) : host.promises(owner);
  const planners: PlannerSource = {
    ready: null,
    open: async (again) => Planner.load(planner, verified((await open(model, again ?? signal)).chunks, spec), again),
    keep: spec.input.rule !== 'stretch',
  };
  const chunks = readAlong(bytes, promising.then((yes) => (yes ? PlannerLoad.start(planner) : null)), (made) => {
    planners.ready = made;
  });
  const { name } = spec;
  let remover: Remover;
  try {
    remover = await Remover.load(owner, spec, announcingEnd(chunks), signal);
  } catch (error) {
    planners.ready?.close();
    throw error;
  }
  const routed = new RoutedModel(owner, remover, host, planners, {
    onBuilding: (share) => post({ type: 'building', share }),
    onDowngrade: (route) => tell(key, { kind: 'downgrade', ...makeExecution(route, owner, name, {}) }),
  });
  let route: Route;
  try {
    // The plan depends on the picture only where the size rule does.
    route = await routed.prepare(device, spec.input.rule === 'stretch' ? spec.input : null, signal);
  } catch (error) {
    routed.free();
    throw error;
  }
  loaded = { key, name, model: routed };
  const ms = performance.now() - start;
  logOnce(route);
  tell(key, { kind: 'session', ...makeExecution(route, owner, name, { memory_bytes: routed.memoryBytes }, { load: ms }) });
  post({ type: 'ready' });
  return ms;
}

async function* announcingEnd(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array, void> {
  yield* chunks;
  post({ type: 'building', share: 0 });
}

async function open({ source }: ResolvedModel, signal: AbortSignal): Promise<Download> {
  if ('url' in source) return openUrl(source.url, signal);
  return { chunks: readAll(source.data.stream(), 'model.data'), total: source.data.size };
}

async function startEngine(): Promise<Engine> {
  if (engine && !engine.broken) return engine;
  const wasm = await fetchFile(config.wasm[config.simd]);
  const shared = self.crossOriginIsolated && typeof SharedArrayBuffer === 'function';
  const { simd, threads } = config;
  engine = await Engine.start({ wasm, simd, threads: shared ? threads : 1, shared, startThread });
  const reason = shared ? engine.reason : 'one thread: the page is not cross-origin isolated (COOP and COEP headers)';
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
  const worker = new Worker(self.location.href, { type: 'module' });
  worker.postMessage({ type: 'thread', ...task } satisfies ToWorker);
  return () => worker.terminate();
}
