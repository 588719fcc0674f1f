// The browser entry: removeBackground and what goes with it. All heavy work happens in worker.js.
// SPDX-License-Identifier: MIT
import { untilAborted } from '../shared/abort.js';
import { besideSource, kNoAddress, kRemedy } from '../shared/assets.js';
import { batch, type BatchSources } from '../shared/batch.js';
import { EngineClient, type Prepared } from '../page/client.js';
import { allBrowserStores } from '../adapters/worker/browser-stores.js';
import { clearStores, describeModels } from '../download/inventory.js';
import { DecalError } from '../shared/errors.js';
import { decide, type CheckFacts } from '../gpu/device-checks.js';
import { noSharedMemory, relaxedSimdSupported, simdSupported } from '../engine/features.js';
import { ExecutionFeed } from '../host/execution.js';
import { findAdapter } from '../gpu/adapter.js';
import { registryUrl, resolveModel, type Places, type ResolvedModel } from '../shared/models.js';
import {
  checkDevice, checkSettings, copyMatte, kDefaultThreads, planDecoding, planMatte, planOutput, under,
} from '../shared/options.js';
import { sharedMemoryLimit } from '../page/memory-limit.js';
import { Progress } from '../page/progress.js';
import type { StreamEngine } from '../page/live-video.js';
import { isMatte, pageUrl, release, toPictures } from '../page/source.js';
import { noThreadsReason, spawnEngine, type EngineWorker } from '../page/spawn.js';
import type { EngineConfig, Outcomes, Picture, Removed, Task, WithModel } from '../adapters/worker/protocol.js';
import type {
  ApplyMatteOptions, BatchItem, BatchOptions, Capabilities, CapabilitiesOptions, DeviceOption, ExecutionListener, ImageSource,
  InitOptions, Matte, ModelInfo, ModelOption, PictureOptions, PictureResult, PreloadOptions, ProgressListener, RemoveBackgroundOptions,
  RemoveBackgroundResult, SegmentOptions, SegmentResult,
} from '../shared/types.js';

export { DecalError, type DecalErrorCode } from '../shared/errors.js';
/** @internal For the entries beside this one, which share its class of errors. */
export { toDecalError } from '../shared/errors.js';
export type { BatchSources } from '../shared/batch.js';
export { models } from '../shared/models.js';
export type * from '../shared/types.js';

// One engine a page: a second would double the memory and halve the threads.
const progress = new Progress();
const executions = new ExecutionFeed();
const objectUrls = new Set<string>();
let settings: InitOptions = {};
let client: EngineClient | null = null;
const streams = new Set<EngineClient>();

/**
 * Removes the background of a picture. The model is loaded on first use; calls queue and run one after the other.
 *
 * @throws {DecalError} with a `code`; after any failure the next call works. An aborted call rejects with the
 * signal's reason instead.
 */
export async function removeBackground(
  source: ImageSource,
  options: RemoveBackgroundOptions = {},
): Promise<RemoveBackgroundResult> {
  const start = performance.now();
  options.signal?.throwIfAborted();
  const output = planOutput(options);
  const withModel = modelAndDevice(options);
  const removed = await perform(
    [source], options, (picture) => ({ kind: 'remove', picture: picture!, output, ...withModel }), options.signal);
  const { coverage, boundingBox, execution } = removed;
  return { ...pictureResult(removed, start), coverage, boundingBox, execution: execution! };
}

/**
 * Removes the background of one picture after the other, in bounded memory. A picture that fails is an item with its
 * `error`. Results that are not read, because the loop was left or the signal aborted, are freed.
 *
 * @throws {DecalError} `invalid-argument` at once; the iterator rejects with the signal's reason, and with whatever the
 * sources throw
 */
export function removeBackgroundBatch<Source extends ImageSource>(
  sources: BatchSources<Source>,
  options: BatchOptions<Source> & Omit<RemoveBackgroundOptions, 'signal'> = {},
): AsyncGenerator<BatchItem<Source>, void, undefined> {
  const run = (source: Source, signal: AbortSignal) => removeBackground(source, { ...options, signal });
  return batch(sources, { run, discard: (result) => result.revoke() }, options);
}

/**
 * The matte alone, a byte a pixel, at the picture's size and without the picture's own alpha: to look at, to edit, and to
 * hand to `applyMatte`.
 *
 * @throws {DecalError} as removeBackground
 */
export async function segment(source: ImageSource, options: SegmentOptions = {}): Promise<SegmentResult> {
  const start = performance.now();
  options.signal?.throwIfAborted();
  const plan = planMatte(options);
  const withModel = modelAndDevice(options);
  const segmented = await perform(
    [source], options, (picture) => ({ kind: 'segment', picture: picture!, plan, ...withModel }), options.signal);
  return { ...segmented, processingTimeSeconds: (performance.now() - start) / 1000 };
}

/**
 * Cuts a picture out along a matte there is already; no model is loaded. A matte of another size is stretched to the
 * picture's. It may be a picture too: its grey level (the red channel) times its alpha counts.
 *
 * @throws {DecalError} as removeBackground
 */
export async function applyMatte(
  source: ImageSource, matte: Matte | ImageSource, options: ApplyMatteOptions = {},
): Promise<PictureResult> {
  const start = performance.now();
  options.signal?.throwIfAborted();
  const output = planOutput(options, 'off');
  // As it is now: the caller may go on editing.
  const own = isMatte(matte) ? copyMatte(matte) : null;
  const applied = await perform(
    own ? [source] : [source, matte as ImageSource], options,
    (picture, other) => ({ kind: 'apply', picture: picture!, matte: own ?? other!, output }), options.signal);
  return pictureResult(applied, start);
}

/**
 * Downloads a model and gets it ready without a picture: the one given to `init`, or the default, if left out. Other
 * than `init` it changes no settings. One model is kept ready: the last one used.
 */
export async function preload(model?: ModelOption, options: PreloadOptions = {}): Promise<void> {
  options.signal?.throwIfAborted();
  const withModel = modelAndDevice({ ...options, model });
  await perform([], {}, () => ({ kind: 'load', ...withModel }), options.signal);
}

/**
 * Loads the model ahead of the first picture; without it that happens on first use. Options hold until the next
 * `init` with options, or `dispose`; other `assetBaseUrl`, `threads`, `simd`, `fetch` or `allowSoftwareAdapter` than before
 * start the engine anew, once the calls in progress are through.
 * A function instead of options is called with `true` when the model is ready, as in rembg-webgpu.
 */
export async function init(options: InitOptions | ((loaded: boolean) => void) = {}): Promise<void> {
  if (typeof options === 'function') {
    await init();
    return options(true);
  }
  const next = { ...settings, ...options };
  checkSettings(next);
  const restart = String(next.assetBaseUrl) !== String(settings.assetBaseUrl) ||
    next.threads !== settings.threads || next.simd !== settings.simd ||
    next.allowSoftwareAdapter !== settings.allowSoftwareAdapter || next.fetch !== settings.fetch;
  settings = next;
  if (restart) client?.configure(engineConfig(), settings.fetch ?? null);
  await preload();
}

/** Ends the workers, frees all memory and revokes every object URL handed out. A later call starts anew. */
export function dispose(): void {
  client?.close();
  client = null;
  for (const stream of streams) stream.close();
  streams.clear();
  settings = {};
  for (const url of objectUrls) URL.revokeObjectURL(url);
  objectUrls.clear();
}

/** The models of the registry, the default first, and which of them can be used without a download. */
export async function listModels(): Promise<ModelInfo[]> {
  const places = modelPlaces();
  return describeModels(await allBrowserStores(), (model) => registryUrl(model, places));
}

/** Removes all downloaded models from this device; what is loaded goes on working. */
export async function clearCache(): Promise<void> {
  await clearStores(await allBrowserStores());
}

/** Tells about model loading: at once the current state, then every change. Returns what ends the subscription. */
export function subscribeToProgress(listener: ProgressListener): () => void {
  return progress.subscribe(listener);
}

/**
 * Tells about every model that gets ready, every picture done and every downgrade: what ran, on which GPU, with how much
 * memory, how long it took, and why. Nothing of it leaves the page by itself. Returns what ends the subscription.
 */
export function onExecution(listener: ExecutionListener): () => void {
  return executions.subscribe(listener);
}

/**
 * What a model runs on here and why not on something better. Exact for the model that is loaded (`exact`); for any other a
 * forecast from what the GPU says of itself, since whether a model fits is only known once it is there.
 */
export async function getCapabilities(options: CapabilitiesOptions = {}): Promise<Capabilities> {
  const { threads, simd, reason } = client?.facts ?? forecast();
  const known = settings.device === 'wasm' ? null : client?.executionOf(resolve(options.model).key);
  const { provider, dtype, reasons, checked } = known ?? decide(await forecastGpu());
  const capability = provider === 'wasm' ? { device: provider, dtype: 'fp32' as const } : { device: provider, dtype };
  return { ...capability, threads, simd, reason: [...reasons, reason].join('; '), reasons, checked, exact: known != null || settings.device === 'wasm' };
}

/**
 * What `decal/video` needs of the page's settings: an engine of its own, which the stream keeps as long as it lasts. It leaves a core to the
 * worker with the frames.
 *
 * @internal
 */
export function openStream(model: ModelOption, device: DeviceOption | undefined): StreamEngine {
  const withModel = modelAndDevice({ model, ...(device ? { device } : {}) });
  const config = engineConfig();
  const threads = settings.threads ?? Math.max(1, Math.min(config.threads, (navigator.hardwareConcurrency || 1) - 1));
  const engine = new EngineClient({ ...config, threads }, spawn, progress, (event) => executions.tell(event), settings.fetch ?? null);
  streams.add(engine);
  const close = () => {
    streams.delete(engine);
    engine.close();
  };
  return { withModel, spawn, run: (port) => engine.run({ task: { kind: 'stream', port, ...withModel }, transfer: [port] }), close };
}

async function forecastGpu(): Promise<CheckFacts> {
  const { device: requested = 'auto', allowSoftwareAdapter = false } = settings;
  if (!navigator.gpu) return { requested, allowSoftwareAdapter, noGpu: 'there is no WebGPU in this browser' };
  const found = await findAdapter(navigator.gpu);
  const adapter = 'adapter' in found ? { adapter: found.facts } : { adapter: null, adapterError: found.error };
  return { requested, allowSoftwareAdapter, noGpu: null, ...adapter };
}

function modelAndDevice({ model, device }: { model?: ModelOption | undefined; device?: DeviceOption }): WithModel {
  return { device: checkDevice(device ?? settings.device), model: resolve(model) };
}

function resolve(model: ModelOption | undefined): ResolvedModel {
  return resolveModel(model ?? settings.model, modelPlaces());
}

function modelPlaces(): Places {
  return { fileUrl: modelUrl, pageUrl: pageUrl(), mirror: settings.modelBaseUrl };
}

/** Sends the task that `make` makes of the sources to the worker; again to another one if that is lost. */
async function perform<T extends Task>(
  sources: readonly ImageSource[], options: PictureOptions, make: (...pictures: Picture[]) => T, signal: AbortSignal | undefined,
): Promise<Outcomes[T['kind']]> {
  const plan = planDecoding(options);
  const engine = connect();
  const prepare = async (): Promise<Prepared<T>> => {
    const { pictures, transfer } = await toPictures(sources, plan);
    return { task: make(...pictures), transfer };
  };
  const preparing = prepare();
  try {
    return await engine.run(await untilAborted(preparing, signal), signal, prepare);
  } catch (error) {
    // Given up while it was being prepared.
    if (signal?.aborted) void preparing.then(({ transfer }) => release(transfer), () => {});
    throw error;
  }
}

function pictureResult({ blob, preview, width, height, notes }: Removed, start: number): PictureResult {
  const blobUrl = objectUrl(blob);
  const previewUrl = objectUrl(preview);
  return {
    blobUrl,
    previewUrl,
    width,
    height,
    processingTimeSeconds: (performance.now() - start) / 1000,
    blob,
    notes,
    revoke() {
      for (const url of [blobUrl, previewUrl]) {
        URL.revokeObjectURL(url);
        objectUrls.delete(url);
      }
    },
  };
}

function connect(): EngineClient {
  const { fetch = null } = settings;
  client ??= new EngineClient(engineConfig(), spawn, progress, (event) => executions.tell(event), fetch);
  return client;
}

function engineConfig(): EngineConfig {
  const { threads, simd } = forecast();
  const wasm = {
    baseline: asset('decal-simd128.wasm', () => new URL('./decal-simd128.wasm', import.meta.url)),
    relaxed: asset('decal-relaxed.wasm', () => new URL('./decal-relaxed.wasm', import.meta.url)),
  };
  const cutout = asset('decal-cutout.wasm', () => new URL('./decal-cutout.wasm', import.meta.url));
  const planner = asset('decal-planner.wasm', () => new URL('./decal-planner.wasm', import.meta.url));
  const { allowSoftwareAdapter = false, fetch } = settings;
  return {
    wasm, cutout, planner, simd, threads, noThreadsReason, maximumPages: sharedMemoryLimit(), allowSoftwareAdapter, ownFetch: fetch !== undefined,
  };
}

function forecast(): Pick<Capabilities, 'threads' | 'simd' | 'reason'> {
  if (!simdSupported()) {
    throw new DecalError('unsupported', 'this browser has no WebAssembly SIMD: Chrome 91, Firefox 89 or Safari 16.4 have');
  }
  const simd = settings.simd ?? (relaxedSimdSupported() ? 'relaxed' : 'baseline');
  const alone = noThreadsReason ?? noSharedMemory();
  if (alone) return { threads: 1, simd, reason: `one thread: ${alone}` };
  const cores = navigator.hardwareConcurrency || 1;
  const threads = settings.threads ?? Math.min(cores, kDefaultThreads);
  const reason = settings.threads ? `${threads} threads as asked for` : `${threads} threads on ${cores} cores`;
  return { threads, simd, reason };
}

// URL expressions stand word for word wherever an asset is named, because bundlers look for exactly these. Not as
// `new Worker(new URL(...))`, for which each bundler would bundle worker.js anew in a way of its own: it needs no more than
// to be copied.
function spawn(): EngineWorker {
  return spawnEngine(asset('worker.js', () => new URL('./worker.js', import.meta.url)), objectUrl);
}

// The models that come with the package. A page fetches one when it is asked for, and never both.
function modelUrl(file: string): string {
  if (file === 'people-live.onnx') return asset(`models/${file}`, () => new URL('./models/people-live.onnx', import.meta.url));
  return asset(`models/${file}`, () => new URL('./models/decal-default.onnx', import.meta.url));
}

function asset(path: string, beside: () => URL): string {
  const { assetBaseUrl } = settings;
  if (assetBaseUrl !== undefined) return under('assetBaseUrl', assetBaseUrl, path, pageUrl());
  try {
    // What Turbopack puts in place of the expression gives addresses without the host.
    return new URL(besideSource(beside().href), pageUrl()).href;
  } catch (error) {
    throw new DecalError('unsupported', kNoAddress + kRemedy, { cause: error });
  }
}

function objectUrl(blob: Blob): string {
  // Service workers have none.
  if (!URL.createObjectURL) return '';
  const url = URL.createObjectURL(blob);
  objectUrls.add(url);
  return url;
}
