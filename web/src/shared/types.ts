// The public types of the package: a drop-in superset of rembg-webgpu 0.2.
// SPDX-License-Identifier: MIT

import type { OutputActivation, SizeRule } from '../border/border.js';

export type { OutputActivation, SizeRule };

/** How the edges of a matte follow the picture. */
export type Refine = 'off' | 'fast' | 'best';

/** Device and precision the package runs on. */
export type DeviceCapability =
  | { device: 'webgpu'; dtype: 'fp16' }
  | { device: 'webgpu'; dtype: 'fp32' }
  | { device: 'wasm'; dtype: 'fp32' };

/** Which of the two WebAssembly builds runs: with fused multiply-add (`relaxed`) or without. */
export type SimdLevel = 'relaxed' | 'baseline';

/** What {@link getCapabilities} tells: the device, and why it is not a better one. */
export type Capabilities = DeviceCapability & {
  /** Threads that compute, the engine's own worker included. */
  threads: number;
  simd: SimdLevel;
  /** Why this device and this number of threads, in one sentence. */
  reason: string;
  /** Why this device, one thing a sentence. */
  reasons: readonly string[];
  checked: Checked;
  /** The model is loaded, and this is how it runs; otherwise a forecast from what the adapter says. */
  exact: boolean;
};

export interface CapabilitiesOptions {
  /** As for removeBackground; the one given to `init`, or the default, if left out. */
  model?: ModelOption;
}

/** `idle` → `downloading` → `building` → `ready` or `error`. */
export type ProgressPhase = 'idle' | 'downloading' | 'building' | 'ready' | 'error';

/**
 * One state of model loading. Within one `sessionId`, phases, `progress` and `loadedBytes` only go forward. What is
 * optional comes with the first byte of the model, and stays.
 */
export type ProgressState = {
  phase: ProgressPhase;
  /** 0 to 100; 100 only when ready. Downloads without a known size stay at 0. */
  progress: number;
  errorMsg?: string;
  sessionId: number;
  /** Bytes of the model file that are here, after decompression; those from the cache count at once. */
  loadedBytes?: number;
  /** Null when nobody knows. */
  totalBytes?: number | null;
  /** From the network, over the last second or so; 0 for what comes from the cache. */
  bytesPerSecond?: number;
  /** Name of the model. */
  model?: string;
};

export type ProgressListener = (state: ProgressState) => void;

/** How pictures become a model's input and its output a matte; one entry of models/registry.json. */
export interface ModelSpec {
  name: string;
  /**
   * `stretch`: always `width` x `height`. `short-side`: the short side becomes `height`, the long side follows in
   * proportion, both rounded to multiples of `multiple`.
   */
  input: { rule: SizeRule; width: number; height: number; multiple: number };
  /** Of RGB in 0..1: input = (rgb / 255 - mean) / std. */
  mean: readonly [number, number, number];
  std: readonly [number, number, number];
  /** `sigmoid` when the model gives logits; `auto` finds out. */
  activation: OutputActivation;
  /** The output with the matte. Left out, the one whose name or shape says so. */
  output?: string | undefined;
  /** Of a model that tells several classes apart, the subject's, from 0. Left out, the last of two. */
  foregroundClass?: number | undefined;
  /** A number for each input besides the picture, by name. */
  inputs?: Readonly<Record<string, number>> | undefined;
  /** Lower-case hex of the file. Checked when given. */
  sha256?: string | null;
  /** Size of the file. Checked when given. */
  bytes?: number | null;
}

/** A file that an ONNX file keeps weights in ("external data"). `path`: as the ONNX file calls it. */
export type ExternalFile = { path: string; sha256?: string | null; bytes?: number | null } & (
  | { url: string | URL }
  | { data: ArrayBuffer | Uint8Array | Blob }
);

/** A piece of a file that is kept in several, each small. */
export interface FilePart {
  url: string | URL;
  sha256?: string | null;
  bytes?: number | null;
}

/** A model of your own: an ONNX file by address, in memory or in parts one after the other, and how to feed it. */
export type CustomModel = ModelSpec & (
  { url: string | URL } | { data: ArrayBuffer | Uint8Array | Blob } | { parts: readonly FilePart[] }
) & {
  /**
   * Where its external data is: addresses, which are told apart by their last part, or files with their names. Left out, it
   * lies beside `url`.
   */
  externalData?: readonly (string | URL | ExternalFile)[] | undefined;
};

/** One line of the registry, see {@link models}. */
export interface RegistryModel extends ModelSpec {
  description: string;
  licence: string;
  /** Name of the file that comes with the package, if it does. */
  file: string | null;
  /** Where to fetch the file otherwise. */
  url: string | null;
  /** Of a model trained here: with which commit, on how many samples, and its means over the validation pictures. */
  training?: { commit: string; samples: number; iou: number; mae: number };
}

/** A registry name such as `decal-default`, or a model of your own. */
export type ModelOption = string | CustomModel;

/** Everything a picture can come from. Strings and URLs may be http(s):, blob: or data:. */
export type ImageSource =
  | string
  | URL
  | Blob
  | ArrayBuffer
  | ArrayBufferView
  | ImageData
  | ImageBitmap
  | HTMLImageElement
  | HTMLCanvasElement
  | OffscreenCanvas
  | VideoFrame;

/** `webgpu` fails when it is not available; `auto` falls back to `wasm` and says so. */
export type DeviceOption = 'auto' | 'webgpu' | 'wasm';

/** `image/x-rgba8` is no file: dense rows of red, green, blue and straight alpha, a byte each. */
export type OutputFormat = 'image/png' | 'image/webp' | 'image/jpeg' | 'image/x-rgba8';

/** Red, green, blue and alpha, each 0..255. Alpha is 255 if it is left out. */
export type Rgba = readonly [number, number, number] | readonly [number, number, number, number];

export interface OutputOptions {
  /** `image/png` by default: lossless, straight alpha. */
  format?: OutputFormat;
  /** 0..1, for WebP and JPEG; 0.92 by default. */
  quality?: number;
  /** Put behind the subject: a CSS colour or RGBA. Transparent by default, white for JPEG. */
  background?: string | Rgba;
  /** The matte as an opaque grey picture instead of the cut-out. */
  mask?: boolean;
  /**
   * How the edges follow the picture, whose pixels are finer than the model's matte: `fast` by default, `best` takes three times as
   * long, `off` enlarges the matte. For `applyMatte` it is `off` by default: your matte is taken as it is.
   */
  refine?: Refine;
  /** Soft edges get the subject's own colours, without what shone through of the old background. True by default. */
  decontaminate?: boolean;
  /** What is not the subject, instead of the subject. */
  backgroundOnly?: boolean;
  /** 0..1: alpha from there on is whole and below it nothing, so that there are no soft edges. */
  threshold?: number;
  /** Removes parts of the subject that are smaller than that share (0..1) of its largest one. */
  removeIslands?: number;
  /** Fills holes in the subject that are smaller than that share (0..1) of it. */
  fillHoles?: number;
  /** Straightens the outline: jags up to about so many pixels (0..50) go. Soft edges become firm. */
  smooth?: number;
  /** Pixels (-50..50) by which the outline moves outwards, or inwards. Parts of a pixel count. */
  grow?: number;
  /** 0..1: how dark a soft shadow is, on the ground below the subject. */
  shadow?: number;
  /** Cuts to the subject (and its shadow), with a margin in percent (0..100) of its longer side. */
  crop?: number;
  /** Width to height: widens what is shown until it has that shape, beyond the picture if it must. */
  aspectRatio?: number;
  /** Of the result, in pixels. With both sides it is widened to that shape; one alone keeps the shape. */
  size?: { width?: number; height?: number };
  /** Instead of `size`, a factor. */
  scale?: number;
}

/** How pictures are decoded. */
export interface PictureOptions {
  /** Larger pictures are refused before they are decoded: 160 million pixels by default. Each takes some 12 bytes. */
  maxPixels?: number;
  /** Pixels of an SVG's longer side; by default its own size. */
  svgSize?: number;
}

export interface RemoveBackgroundOptions extends PictureOptions {
  model?: ModelOption;
  device?: DeviceOption;
  /** Rejects the call at once with the signal's reason and stops its work. */
  signal?: AbortSignal;
  output?: OutputOptions;
  /** Rejects with `no-subject` where nothing is found, instead of an empty picture with a note. */
  failIfEmpty?: boolean;
  /** Long side of the preview in pixels, 450 by default. Pictures are never enlarged. */
  previewSize?: number;
}

/** What {@link listModels} tells of a model. */
export interface ModelInfo {
  name: string;
  description: string;
  /** Of the weights: an SPDX identifier, or words if there is none. */
  licence: string;
  /** Size of the file, if it is known. */
  bytes: number | null;
  /** Name of the file that comes with the package, if it does. */
  file: string | null;
  /** Where the file is downloaded from, mirrors considered. */
  url: string | null;
  /** It can be used without a download. */
  cached: boolean;
}

/** A `fetch` of one's own, for models: to add headers, to count, to take other ways. It must obey `signal`. */
export type ModelFetch = (url: string, init: RequestInit) => Promise<Response>;

export interface InitOptions {
  model?: ModelOption;
  device?: DeviceOption;
  /**
   * A mirror: where the registry's models are downloaded from instead of their own addresses, by the name of their
   * `file` or else as `<name>.onnx`.
   */
  modelBaseUrl?: string | URL;
  /** Downloads models instead of the global `fetch`. */
  fetch?: ModelFetch;
  /** Where worker.js, the .wasm files and models/ lie, if not beside this module. */
  assetBaseUrl?: string | URL;
  /** Threads that compute; by default one per core, at most 8. 1 turns threads off. */
  threads?: number;
  /** Pins one of the two builds instead of detecting what the browser can do. */
  simd?: SimdLevel;
  /**
   * Lets WebGPU run on renderers that compute on the CPU (SwiftShader, llvmpipe), which are refused otherwise because
   * WebAssembly is faster there. For tests.
   */
  allowSoftwareAdapter?: boolean;
}

/** What a GPU says of itself; browsers leave some of it empty so that pages cannot be told apart by it. */
export interface AdapterInfo {
  vendor: string;
  architecture: string;
  device: string;
  description: string;
}

/** What the gate looked at before it decided; null was not looked at, or not told. */
export interface Checked {
  /** There is WebGPU here. */
  webgpu: boolean | null;
  adapter: AdapterInfo | null;
  /** The adapter computes on the CPU. */
  software: boolean | null;
  /** As the adapter reports them. */
  limits: { storageBuffers: number | null; bindingBytes: number | null; bufferBytes: number | null } | null;
  features: readonly string[] | null;
  /** One layer on the device, compared with WebAssembly. */
  selfTest: { ms: number; maxError: number } | null;
  /** What the model needs on this device. */
  plan: { maxStorageBuffers: number; memoryBytes: number; dtype: 'fp16' | 'fp32' } | null;
}

/** What was asked for could not be used: from what, to what, and why. */
export interface Downgrade {
  from: 'webgpu';
  to: 'wasm';
  reason: string;
}

/** A model on the GPU. */
export interface GpuFacts {
  /** Everything on the device: weights, activations, uniforms and what reads results back. */
  memoryBytes: number;
  weightsBytes: number;
  activationsBytes: number;
  pipelines: number;
  /** Of each run, all in one submission. */
  dispatches: number;
  /** Planning, compiling and uploading, in milliseconds. */
  buildMs: number;
}

/** What ran, how, and how long each stage took. */
export interface Execution {
  provider: 'webgpu' | 'wasm';
  dtype: 'fp16' | 'fp32';
  /** The GPU that was found, whether or not it ran. */
  adapter: AdapterInfo | null;
  /** Why this provider, one thing a sentence. */
  reasons: readonly string[];
  checked: Checked;
  /** The most storage buffers that one shader of the model binds; null on WebAssembly. */
  maxStorageBuffers: number | null;
  /** Null on WebAssembly. */
  gpu: GpuFacts | null;
  threads: number;
  simd: SimdLevel;
  /** Name of the model. */
  model: string;
  requested: DeviceOption;
  downgraded: Downgrade | null;
  /** Milliseconds. `load` is 0 when the model was there already and fits the picture; it may overlap `decode`. */
  ms: {
    load: number;
    decode: number;
    preprocess: number;
    inference: number;
    postprocess: number;
    encode: number;
  };
  /** Weights, activations and working memory of the engine, without what lies on the GPU. */
  memoryBytes: number;
}

/**
 * What {@link onExecution} tells. `session`: a model is ready; its `ms` know `load` alone. `run`: a picture is done.
 * `downgrade`: a model has left the GPU, and `downgraded` says why.
 */
export type ExecutionEvent = Execution & { kind: 'session' | 'run' | 'downgrade' };

export type ExecutionListener = (event: ExecutionEvent) => void;

/** A finished picture. */
export type PictureResult = {
  /** Object URL of `blob`. Alive until `revoke()` or `dispose()`. Empty in service workers, which have no object URLs. */
  blobUrl: string;
  /** Object URL of a small PNG of the same result. */
  previewUrl: string;
  width: number;
  height: number;
  processingTimeSeconds: number;
  blob: Blob;
  /** What the picture was taken for, a sentence each: the first frame of an animation, say. Mostly empty. */
  notes: readonly string[];
  /** Frees both object URLs. */
  revoke(): void;
};

/** What a model found in a picture. Below a coverage of 0.001 the notes say `no subject found`. */
export interface Found {
  /** The share of the picture that the matte covers. */
  coverage: number;
  /** Around the subject, in the picture's own pixels, whatever part of it the result shows; null if there is none. */
  boundingBox: { x: number; y: number; width: number; height: number } | null;
}

export type RemoveBackgroundResult = PictureResult & Found & { execution: Execution };

/** How much of each pixel belongs to the subject, row after row: bytes from 0 to 255, or floats from 0 to 1. */
export interface Matte {
  width: number;
  height: number;
  data: Uint8ClampedArray | Uint8Array | Float32Array;
}

export type SegmentOptions = Pick<RemoveBackgroundOptions, 'model' | 'device' | 'signal' | 'failIfEmpty'> & PictureOptions & {
  /** As of {@link OutputOptions}; `fast` by default. */
  refine?: Refine;
};

/** A matte of the picture's size, yours to edit and to hand to `applyMatte`. */
export interface SegmentResult extends Matte, Found {
  data: Uint8ClampedArray<ArrayBuffer>;
  processingTimeSeconds: number;
  /** As of {@link PictureResult}. */
  notes: readonly string[];
  execution: Execution;
}

export type ApplyMatteOptions = Pick<RemoveBackgroundOptions, 'signal' | 'output' | 'previewSize'> & PictureOptions;

export type PreloadOptions = Pick<RemoveBackgroundOptions, 'device' | 'signal'>;

/** One picture of a batch: its place among the sources (from 0), and how it went. */
export type BatchItem<Source = ImageSource, Result = RemoveBackgroundResult> =
  | { index: number; source: Source; result: Result; error?: undefined }
  | { index: number; source: Source; result?: undefined; error: unknown };

/** What is said of a batch beside what is said of each picture. */
export interface BatchOptions<Source = ImageSource, Result = RemoveBackgroundResult> {
  /**
   * Pictures that are under way or done and not yet read, 2 by default. One engine computes, so the network never runs
   * twice at a time: while it works on one picture, the next is made ready in the page, and finished ones wait to be read.
   */
  concurrency?: number;
  /** Called with every item as soon as it is there, read or not. */
  onResult?: (item: BatchItem<Source, Result>) => void;
  /** Ends the batch with the signal's reason. */
  signal?: AbortSignal;
}
