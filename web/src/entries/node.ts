// The Node entry: the same engine on raw pixels, with worker_threads. It computes on the calling thread, which is
// busy meanwhile: servers call it in a worker of their own.
// SPDX-License-Identifier: MIT
import { untilAborted } from '../shared/abort.js';
import {
  assetUrl, checkImage, nodeAdapter, packagePlanner, startEngine as startNodeEngine, stores, workingFolder, type EngineStartOptions,
  type NodeInitOptions, type RawFile, type RawImage,
} from '../adapters/node/adapter.js';
import { describeFile, type NodeModelOption } from '../adapters/node/model-file.js';
import { batch, type BatchSources } from '../shared/batch.js';
import { clearStores, describeModels } from '../download/inventory.js';
import type { Engine } from '../engine/engine.js';
import { encodePng as encodePngParts } from '../engine/png.js';
import type { Chunks, LoadOptions } from '../engine/session.js';
import { ExecutionFeed } from '../host/execution.js';
import { Planner } from '../gpu/planner.js';
import { EngineHost, HostSlot, type WithModel } from '../host/engine-host.js';
import { registryUrl, resolveModel, type Places } from '../shared/models.js';
import {
  backgroundColour, checkDevice, checkSettings, copyMatte, planMatte, planOutput, type OutputPlan,
} from '../shared/options.js';
import type {
  BatchItem, BatchOptions, DeviceOption, Execution, ExecutionListener, Found, Matte, ModelInfo, PictureOptions, PreloadOptions,
  Refine, RemoveBackgroundOptions, SegmentOptions,
} from '../shared/types.js';

export type {} from '../shared/names.js';
export { DecalError, type DecalErrorCode } from '../shared/errors.js';
export { Engine } from '../engine/engine.js';
export { Planner } from '../gpu/planner.js';
export { describeGpu, RawGpuSession, type RawGpuDescription, type RawGpuOptions, type RawGpuRun } from '../adapters/node/raw-gpu.js';
export { RawSession, type Chunks, type LoadOptions, type SessionInfo, type SessionMemory, type TensorInfo } from '../engine/session.js';
export { readModelFile, type EngineStartOptions, type NodeInitOptions, type RawImage } from '../adapters/node/adapter.js';
export type { ModelFile, NodeModelOption } from '../adapters/node/model-file.js';
export type { BatchSources } from '../shared/batch.js';
export { models } from '../shared/models.js';
export type * from '../shared/types.js';

export interface RawResult extends Found {
  data: Uint8Array<ArrayBuffer>;
  width: number;
  height: number;
  /** `no subject found`, where that is so. */
  notes: readonly string[];
  /** `decode` and `encode` are 0: they are the caller's. */
  execution: Execution;
}

export type RawOutput = Omit<NonNullable<RemoveBackgroundOptions['output']>, 'format' | 'quality'>;

export interface RawSegmentOptions extends Omit<SegmentOptions, keyof PictureOptions | 'model'> {
  model?: NodeModelOption;
}

export interface RawOptions extends Omit<RawSegmentOptions, 'refine'> {
  output?: RawOutput;
}

/** A byte a pixel, at the picture's size and without the picture's own alpha. */
export interface RawMatte extends Matte, Found {
  data: Uint8ClampedArray<ArrayBuffer>;
  /** `decode` and `encode` are 0: they are the caller's. */
  execution: Execution;
}

const executions = new ExecutionFeed();
let settings: NodeInitOptions = {};
const hosts = new HostSlot<EngineHost<RawImage, RawFile>>((after) => {
  const events = { onExecution: (_: string, event: Parameters<typeof executions.tell>[0]) => executions.tell(event) };
  return new EngineHost(nodeAdapter(settings), events, after);
});

/** A planner of your own, for RawGpuSession. `close()` it when done. */
export function loadPlanner(chunks: Chunks, options?: LoadOptions): Promise<Planner> {
  return Planner.load(packagePlanner(settings.assetBaseUrl), chunks, options);
}

/** Starts an engine of your own, for RawSession. `close()` it when done. */
export async function startEngine(options: EngineStartOptions = {}): Promise<Engine> {
  return startNodeEngine(options, settings.assetBaseUrl);
}

/** Loads the model ahead of the first picture. Options hold until the next `init` with options, or `dispose`. */
export async function init(options: NodeInitOptions = {}): Promise<void> {
  const next = { ...settings, ...options };
  checkSettings(next);
  const changed = (['threads', 'simd', 'gpu', 'allowSoftwareAdapter', 'fetch', 'cacheDir'] as const).some((key) => next[key] !== settings[key]);
  // Calls in progress keep the settings they were made with.
  if (changed || String(next.assetBaseUrl) !== String(settings.assetBaseUrl)) void hosts.retire();
  settings = next;
  await preload();
}

/** Downloads or reads a model and gets it ready: that of `init`, or the default, if left out. Changes no settings. */
export async function preload(model?: NodeModelOption, options: PreloadOptions = {}): Promise<void> {
  const { signal } = options;
  await untilAborted(hosts.get().load(modelAndDevice({ ...options, model }), signal), signal);
}

/** Removes the background of raw pixels. Calls queue and run one after the other. */
export async function removeBackgroundRaw(image: RawImage, options: RawOptions = {}): Promise<RawResult> {
  const { signal } = options;
  const output = rawOutput(options);
  const removing = hosts.get().remove(checkImage(image), output, modelAndDevice(options), signal);
  const { data, width, height, notes, coverage, boundingBox, execution } = await untilAborted(removing, signal);
  return { data, width, height, notes, coverage, boundingBox, execution };
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
export async function segmentRaw(image: RawImage, options: RawSegmentOptions = {}): Promise<RawMatte> {
  const { signal } = options;
  const segmenting = hosts.get().segment(checkImage(image), planMatte(options), modelAndDevice(options), signal);
  const { data, width, height, coverage, boundingBox, execution } = await untilAborted(segmenting, signal);
  return { data, width, height, coverage, boundingBox, execution };
}

/** Cuts a picture out along a matte there is already, of the picture's size or stretched to it. No model is loaded. */
export async function applyMatteRaw(
  image: RawImage, matte: Matte, options: { output?: RawOutput; signal?: AbortSignal } = {},
): Promise<Pick<RawResult, 'data' | 'width' | 'height'>> {
  const { signal } = options;
  const output = rawOutput(options, 'off');
  const applying = hosts.get().apply(checkImage(image), { values: copyMatte(matte) }, output, signal);
  const { data, width, height } = await untilAborted(applying, signal);
  return { data, width, height };
}

function rawOutput({ output = {}, failIfEmpty = false }: { output?: RawOutput; failIfEmpty?: boolean }, refine: Refine = 'fast'): OutputPlan {
  const plan = planOutput({ output, failIfEmpty }, refine);
  backgroundColour(plan, () => null);  // found wrong now rather than after the model was loaded
  return plan;
}

/** As in the browser: every model that gets ready, every picture done, every downgrade. */
export function onExecution(listener: ExecutionListener): () => void {
  return executions.subscribe(listener);
}

/** The bytes of a PNG file: lossless, straight alpha. */
export async function encodePng(image: RawImage): Promise<Uint8Array<ArrayBuffer>> {
  const { width, height, data } = checkImage(image);
  return hosts.get().use(async (engine) => {
    const parts = await encodePngParts(engine, data, width, height);
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
  settings = {};
  return hosts.retire();
}

/** The models of the registry, the default first, and which of them can be used without a download. */
export async function listModels(): Promise<ModelInfo[]> {
  const places = modelPlaces();
  return describeModels(stores(settings), (model) => registryUrl(model, places), (url) => url.startsWith('file:'));
}

/** Removes all downloaded models from the cache folder; what is loaded goes on working. */
export async function clearCache(): Promise<void> {
  await clearStores(stores(settings));
}

function modelAndDevice({ model, device }: { model?: NodeModelOption | undefined; device?: DeviceOption }): WithModel {
  const described = describeFile(model ?? settings.model, workingFolder());
  return { device: checkDevice(device ?? settings.device), model: resolveModel(described, modelPlaces()) };
}

function modelPlaces(): Places {
  const { assetBaseUrl, modelBaseUrl } = settings;
  return { fileUrl: (file) => assetUrl(file === 'people-live.onnx' ? 'models/people-live.onnx' : 'models/decal-default.onnx', assetBaseUrl).href, pageUrl: workingFolder(), mirror: modelBaseUrl };
}
