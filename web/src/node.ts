// The Node entry: the same engine on raw pixels, with worker_threads. It computes on the calling thread, which is
// busy meanwhile: servers call it in a worker of their own.
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { availableParallelism, totalmem } from 'node:os';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { setFlagsFromString } from 'node:v8';
import { Worker } from 'node:worker_threads';
import { batch, type BatchSources } from './batch.js';
import { ModelFiles } from './download/files.js';
import { FolderStore, userCacheFolder } from './download/folder.js';
import { systemTime, type Host } from './download/host.js';
import { clearStores, describeModels } from './download/inventory.js';
import { modelReader } from './download/source.js';
import { allocatePicture, type EnginePicture } from './engine/cutout.js';
import { Engine, type ThreadTask } from './engine/engine.js';
import { relaxedSimdSupported, simdSupported } from './engine/features.js';
import { encodePng as encodePngParts } from './engine/png.js';
import { composeMatte, makeOpaque, readMatte } from './engine/matte.js';
import type { Chunks, CompositeOptions } from './engine/session.js';
import { DecalError, toDecalError } from './errors.js';
import { ExecutionFeed, makeExecution } from './execution.js';
import { importGpu } from './gpu/dawn.js';
import { GpuHost } from './gpu/host.js';
import { loadModel } from './loading.js';
import { registryUrl, resolveModel, type Places, type ResolvedModel } from './models.js';
import {
  backgroundColour, checkDevice, checkFetch, checkFlag, checkSimd, checkThreads, copyMatte, planOutput,
} from './options.js';
import { Planner, plannerModule } from './gpu/planner.js';
import type { RoutedModel, RoutedRun } from './routing.js';
import type {
  BatchItem, BatchOptions, DeviceOption, Execution, ExecutionListener, InitOptions, Matte, ModelInfo, ModelOption,
  PreloadOptions, RemoveBackgroundOptions, SegmentOptions, SimdLevel,
} from './types.js';

export { DecalError, type DecalErrorCode } from './errors.js';
export { Engine } from './engine/engine.js';
export { Planner } from './gpu/planner.js';
export { describeGpu, RawGpuSession, type RawGpuDescription, type RawGpuOptions, type RawGpuRun } from './gpu/raw.js';
export { RawSession, type Chunks, type SessionInfo, type TensorInfo } from './engine/session.js';
export type { BatchSources } from './batch.js';
export { models } from './models.js';
export type * from './types.js';

/** As in the browser: more threads share too little work per layer to help. */
const kMaxThreads = 8;
const kReadBytes = 1 << 20;

/** Dense RGBA8 rows, sRGB, straight alpha. */
export interface RawImage {
  data: Uint8Array | Uint8ClampedArray;
  width: number;
  height: number;
}

export interface RawResult {
  data: Uint8Array<ArrayBuffer>;
  width: number;
  height: number;
  /** `decode` and `encode` are 0: they are the caller's. */
  execution: Execution;
}

export type RawOutput = Pick<NonNullable<RemoveBackgroundOptions['output']>, 'background' | 'mask'>;

export interface RawOptions extends SegmentOptions {
  output?: RawOutput;
}

/** A byte a pixel, at the picture's size and without the picture's own alpha. */
export interface RawMatte extends Matte {
  data: Uint8ClampedArray<ArrayBuffer>;
  /** `decode` and `encode` are 0: they are the caller's. */
  execution: Execution;
}

export interface NodeInitOptions extends InitOptions {
  /**
   * A GPU object as WebGPU describes it; by default that of the npm package webgpu where it is installed. Null turns
   * WebGPU off.
   */
  gpu?: object | null;
  /**
   * Folder for downloaded models: by default `decal` among the user's caches (`$XDG_CACHE_HOME`, or what the system
   * has instead). Null keeps none.
   */
  cacheDir?: string | null;
}

export interface EngineStartOptions {
  threads?: number;
  simd?: SimdLevel;
  /** False runs on ordinary memory, as a page without cross-origin isolation does; one thread then. */
  shared?: boolean;
  /** Pages of 64 KiB the engine may not exceed; as much as wasm32 can address by default. */
  maximumPages?: number;
}

const executions = new ExecutionFeed();
let settings: NodeInitOptions = {};
let engine: Promise<Engine> | null = null;
let gpuHost: GpuHost | null = null;
const planner = plannerModule(async () => new Uint8Array(await readFile(asset('decal-planner.wasm'))));
const downloads: Host = {
  ...systemTime,
  fetch: (url, init) => (settings.fetch ?? globalThis.fetch)(url, init),
  async newHash() {
    const hash = createHash('sha256');
    return { update: (data) => void hash.update(data), digest: () => hash.digest('hex') };
  },
  mayCondition: () => true,
};
const read = modelReader(
  downloads, async () => new ModelFiles(downloads, stores()[0] ?? null), (url) => readModelFile(fileURLToPath(url)),
);
let loaded: { key: string; model: RoutedModel } | null = null;
let queue: Promise<unknown> = Promise.resolve();

/** A planner of your own, for RawGpuSession. `close()` it when done. */
export function loadPlanner(chunks: Chunks): Promise<Planner> {
  return Planner.load(planner, chunks);
}

/** Starts an engine of your own, for RawSession. `close()` it when done. */
export async function startEngine(options: EngineStartOptions = {}): Promise<Engine> {
  const shared = options.shared ?? true;
  const threads = checkThreads(options.threads) ?? Math.min(availableParallelism(), kMaxThreads);
  const simd = chooseSimd(checkSimd(options.simd));
  const wasm = new Uint8Array(await readFile(asset(simd === 'relaxed' ? 'decal-relaxed.wasm' : 'decal-simd128.wasm')));
  const { maximumPages } = options;
  return Engine.start({
    wasm,
    simd,
    threads: shared ? threads : 1,
    shared,
    startThread,
    ...(maximumPages === undefined ? {} : { maximumPages }),
  });
}

/** Loads the model ahead of the first picture. Options hold until the next `init` with options, or `dispose`. */
export async function init(options: NodeInitOptions = {}): Promise<void> {
  const next = { ...settings, ...options };
  checkDevice(next.device);
  checkFlag('allowSoftwareAdapter', next.allowSoftwareAdapter);
  checkFetch(next.fetch);
  const { threads, simd, assetBaseUrl, gpu, allowSoftwareAdapter } = settings;
  const restart = next.threads !== threads || next.simd !== simd || String(next.assetBaseUrl) !== String(assetBaseUrl) ||
    next.gpu !== gpu || next.allowSoftwareAdapter !== allowSoftwareAdapter;
  if (restart) await dispose();
  settings = next;
  await preload();
}

/** Downloads or reads a model and gets it ready: that of `init`, or the default, if left out. Changes no settings. */
export async function preload(model?: ModelOption, options: PreloadOptions = {}): Promise<void> {
  const device = checkDevice(options.device ?? settings.device);
  const resolved = resolve(model ?? settings.model);
  await enqueue(async () => {
    options.signal?.throwIfAborted();
    await load(resolved, device, options.signal);
  });
}

/** Removes the background of raw pixels. Calls queue and run one after the other. */
export async function removeBackgroundRaw(image: RawImage, options: RawOptions = {}): Promise<RawResult> {
  const { background, mask } = rawOutput(options.output);
  const { width, height } = checkImage(image);
  return withModel(image, options, async (owner, picture, run) => {
    const execution = await run({ background, mask });
    return { data: owner.bytes(picture.rgba, 4 * width * height).slice(), width, height, execution };
  });
}

/**
 * Removes the background of one picture after the other, as in the browser. Computing holds the thread up, so that here
 * more `concurrency` only means more pictures that are asked for ahead.
 */
export function removeBackgroundBatchRaw<Image extends RawImage>(
  images: BatchSources<Image>, options: BatchOptions<Image, RawResult> & Omit<RawOptions, 'signal'> = {},
): AsyncGenerator<BatchItem<Image, RawResult>, void, undefined> {
  const run = (image: Image, signal: AbortSignal) => removeBackgroundRaw(image, { ...options, signal });
  return batch(images, { run, discard() {} }, options);
}

/** The matte alone, to edit and to hand to `applyMatteRaw`. */
export async function segmentRaw(image: RawImage, options: SegmentOptions = {}): Promise<RawMatte> {
  const { width, height } = checkImage(image);
  return withModel(image, options, async (owner, picture, run) => {
    makeOpaque(owner, picture);
    const execution = await run({ background: null, mask: true });
    return { data: readMatte(owner, picture), width, height, execution };
  });
}

/** Cuts a picture out along a matte there is already, of the picture's size or stretched to it. No model is loaded. */
export async function applyMatteRaw(
  image: RawImage, matte: Matte, options: { output?: RawOutput; signal?: AbortSignal } = {},
): Promise<Omit<RawResult, 'execution'>> {
  const composition = rawOutput(options.output);
  const { width, height } = checkImage(image);
  const own = copyMatte(matte);
  return enqueue(async () => {
    options.signal?.throwIfAborted();
    return withPicture(await sharedEngine(), image, async (owner, picture) => {
      composeMatte(owner, picture, own, composition);
      return { data: owner.bytes(picture.rgba, 4 * width * height).slice(), width, height };
    });
  });
}

function rawOutput(output: RawOutput = {}): CompositeOptions {
  const plan = planOutput({ output });
  return { background: backgroundColour(plan, () => null), mask: plan.mask };
}

/** `use` gets the picture in the engine's memory, and what runs the model on it and tells listeners. */
function withModel<T>(
  image: RawImage, options: SegmentOptions,
  use: (owner: Engine, picture: EnginePicture, run: (composition: CompositeOptions) => Promise<Execution>) => Promise<T>,
): Promise<T> {
  const { signal } = options;
  const device = checkDevice(options.device ?? settings.device);
  const model = resolve(options.model ?? settings.model);
  return enqueue(async () => {
    signal?.throwIfAborted();
    const { owner, ms } = await load(model, device, signal);
    return withPicture(owner, image, (_, picture) =>
      use(owner, picture, async (composition) => {
        const { route, report, buildMs }: RoutedRun = await loaded!.model.run(device, picture, composition, signal);
        const execution = makeExecution(route, owner, model.spec.name, report, { load: ms + buildMs });
        executions.tell({ kind: 'run', ...execution });
        return execution;
      }));
  });
}

async function withPicture<T>(
  owner: Engine, image: RawImage, use: (owner: Engine, picture: EnginePicture) => Promise<T>,
): Promise<T> {
  // Once more: while the call was queued, the buffer may have been transferred away.
  const { data, width, height } = checkImage(image);
  const picture = allocatePicture(owner, width, height);
  try {
    owner.bytes(picture.rgba, data.length).set(data);
    return await use(owner, picture);
  } finally {
    owner.free(picture.rgba);
  }
}

/** As in the browser: every model that gets ready, every picture done, every downgrade. */
export function onExecution(listener: ExecutionListener): () => void {
  return executions.subscribe(listener);
}

/** The bytes of a PNG file: lossless, straight alpha. */
export async function encodePng(image: RawImage): Promise<Uint8Array<ArrayBuffer>> {
  const { width, height, data } = checkImage(image);
  return enqueue(async () => {
    const parts = await encodePngParts(await sharedEngine(), data, width, height);
    const file = new Uint8Array(parts.reduce((total, part) => total + part.length, 0));
    let at = 0;
    for (const part of parts) {
      file.set(part, at);
      at += part.length;
    }
    return file;
  });
}

/** Ends the threads and frees all memory, after the calls in progress. A later call starts anew. */
export function dispose(): Promise<void> {
  return enqueue(async () => {
    const ending = engine;
    unload();
    gpuHost?.close();
    gpuHost = null;
    engine = null;
    settings = {};
    (await ending?.catch(() => null))?.close();
  });
}

// One call after the other: there is one engine, and it is not reentrant while a model streams in.
function enqueue<T>(work: () => Promise<T>): Promise<T> {
  const result = queue.then(work);
  queue = result.catch(() => {});
  return result;
}

async function sharedEngine(): Promise<Engine> {
  const existing = await engine?.catch(() => null);
  if (existing && !existing.broken) return existing;
  existing?.close();
  unload();
  const { threads, simd } = settings;
  engine = startEngine({ ...(threads === undefined ? {} : { threads }), ...(simd === undefined ? {} : { simd }) });
  return engine;
}

function unload(): void {
  loaded?.model.free();
  loaded = null;
}

/** Makes `model` the one that is loaded, ready for the device asked for; `ms` is how long that took. */
async function load(model: ResolvedModel, device: DeviceOption, signal?: AbortSignal): Promise<{ owner: Engine; ms: number }> {
  const start = performance.now();
  const owner = await sharedEngine();
  const { key, spec } = model;
  if (loaded?.key === key) return { owner, ms: 0 };
  unload();
  const host = findGpu();
  // Where WebGPU is demanded and there is none, nothing need be read.
  if (device === 'webgpu') await host.demand(owner);
  const { model: routed, route } = await loadModel({
    engine: Promise.resolve(owner), host, planner, read, model, device, signal: signal ?? new AbortController().signal,
    events: {
      onDowngrade: (other) => executions.tell({ kind: 'downgrade', ...makeExecution(other, owner, spec.name, {}) }),
    },
  });
  loaded = { key, model: routed };
  const ms = performance.now() - start;
  const execution = makeExecution(route, owner, spec.name, { memory_bytes: routed.memoryBytes }, { load: ms });
  executions.tell({ kind: 'session', ...execution });
  return { owner, ms };
}

function findGpu(): GpuHost {
  const { gpu, allowSoftwareAdapter = false } = settings;
  gpuHost ??= new GpuHost({
    find: gpu === undefined ? importGpu : async () => (gpu as GPU | null) ?? 'init was told to use no GPU',
    allowSoftwareAdapter,
    planner,
    machineBytes: totalmem(),
  });
  return gpuHost;
}

/** The models of the registry, the default first, and which of them can be used without a download. */
export async function listModels(): Promise<ModelInfo[]> {
  const places = modelPlaces();
  return describeModels(stores(), (model) => registryUrl(model, places), (url) => url.startsWith('file:'));
}

/** Removes all downloaded models from the cache folder; what is loaded goes on working. */
export async function clearCache(): Promise<void> {
  await clearStores(stores());
}

function stores(): FolderStore[] {
  const { cacheDir = userCacheFolder() } = settings;
  return cacheDir === null ? [] : [new FolderStore(cacheDir, downloads)];
}

/** A file in pieces. Errors are DecalErrors of code `not-found` or `io` that name it. */
export async function* readModelFile(path: string): AsyncGenerator<Uint8Array, void> {
  try {
    yield* createReadStream(path, { highWaterMark: kReadBytes });
  } catch (error) {
    const missing = (error as NodeJS.ErrnoException).code === 'ENOENT';
    throw missing ? new DecalError('not-found', `${path}: there is no such file`) : toDecalError(error, 'io', path);
  }
}

function resolve(model: RemoveBackgroundOptions['model']): ResolvedModel {
  return resolveModel(model, modelPlaces());
}

function modelPlaces(): Places {
  const pageUrl = pathToFileURL(`${process.cwd()}/`).href;
  return { fileUrl: (file) => asset(`models/${file}`).href, pageUrl, mirror: settings.modelBaseUrl };
}

function asset(path: string): URL {
  const { assetBaseUrl } = settings;
  return new URL(path, assetBaseUrl === undefined ? import.meta.url : assetBaseUrl);
}

function checkImage({ data, width, height }: RawImage): RawImage {
  const whole = Number.isInteger(width) && Number.isInteger(height) && width > 0 && height > 0;
  if (!whole || data.length !== 4 * width * height) {
    throw new DecalError('invalid-argument', `image: ${data.length} bytes for ${width} x ${height} RGBA pixels`);
  }
  return { data, width, height };
}

function chooseSimd(wanted: SimdLevel | undefined): SimdLevel {
  if (!simdSupported()) throw new DecalError('unsupported', 'this Node has no WebAssembly SIMD');
  if (wanted === 'baseline') return wanted;
  // Node 20 has relaxed SIMD behind a flag, which works as long as it comes before the first use.
  if (!relaxedSimdSupported()) setFlagsFromString('--experimental-wasm-relaxed-simd');
  if (relaxedSimdSupported()) return 'relaxed';
  if (wanted === 'relaxed') throw new DecalError('unsupported', 'this Node has no relaxed SIMD');
  return 'baseline';
}

function startThread(task: ThreadTask): () => void {
  const worker = new Worker(new URL('./node-thread.js', import.meta.url), { workerData: task });
  // Idle helpers must not keep the process alive.
  worker.unref();
  return () => void worker.terminate();
}
