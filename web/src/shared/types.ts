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

/** The result of {@link getCapabilities}: the device, and why not a faster one. */
export type Capabilities = DeviceCapability & {
  /** Number of threads, including the engine's own worker. */
  threads: number;
  simd: SimdLevel;
  /** Why this device and this number of threads, in one sentence. */
  reason: string;
  /** Why this device, one reason per sentence. */
  reasons: readonly string[];
  checked: Checked;
  /** True if the model is loaded and this is how it runs; false if this is a forecast from the adapter's limits. */
  exact: boolean;
};

export interface CapabilitiesOptions {
  /** As for removeBackground. By default the model given to `init`, or the default model. */
  model?: ModelOption;
}

/** `idle` → `downloading` → `building` → `ready` or `error`. */
export type ProgressPhase = 'idle' | 'downloading' | 'building' | 'ready' | 'error';

/**
 * One state of model loading. Within one `sessionId`, phases, `progress` and `loadedBytes` never go back. Optional
 * fields are set from the first byte of the model on.
 */
export type ProgressState = {
  phase: ProgressPhase;
  /** 0 to 100; 100 only when ready. Downloads without a known size stay at 0. */
  progress: number;
  errorMsg?: string;
  sessionId: number;
  /** Bytes of the model file that have arrived, after decompression. Cached bytes count at once. */
  loadedBytes?: number;
  /** Null if unknown. */
  totalBytes?: number | null;
  /** Of the network, over about the last second; 0 while reading from the cache. */
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
  /** Name of the output that is the matte. By default guessed by name and shape. */
  output?: string | undefined;
  /** The subject's class, from 0, if the model distinguishes several. By default the last of two. */
  foregroundClass?: number | undefined;
  /** 2: with `refine: 'best'`, the model sees the subject's surroundings again, closer. By default 1. */
  passes?: number | undefined;
  /** A number for each input besides the picture, by name. */
  inputs?: Readonly<Record<string, number>> | undefined;
  /** Lower-case hex of the file. Checked when given. */
  sha256?: string | null;
  /** Size of the file. Checked when given. */
  bytes?: number | null;
}

/** A file with weights of an ONNX model ("external data"). `path`: as the ONNX file names it. */
export type ExternalFile = { path: string; sha256?: string | null; bytes?: number | null } & (
  | { url: string | URL }
  | { data: ArrayBuffer | Uint8Array | Blob }
);

/** One part of a file that is stored in several small ones. */
export interface FilePart {
  url: string | URL;
  sha256?: string | null;
  bytes?: number | null;
}

/** A model of your own: an ONNX file by URL, in memory or in consecutive parts, and how to prepare its input. */
export type CustomModel = ModelSpec & (
  { url: string | URL } | { data: ArrayBuffer | Uint8Array | Blob } | { parts: readonly FilePart[] }
) & {
  /**
   * Where its external data is: URLs, which are matched by their last path segment, or files with names. By default it
   * is beside `url`.
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
  /** Of a model trained by this project: the commit, the number of samples, and the mean scores on the validation pictures. */
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

/** `image/x-rgba8` is not a file format: dense rows of red, green, blue and straight alpha, one byte each. */
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
   * How precisely edges follow the picture, whose resolution is higher than the model's matte: `fast` by default, `best` takes three times as
   * long and lets the default model look twice, `off` only enlarges the matte. For `applyMatte` the default is `off`: your matte is used unchanged.
   */
  refine?: Refine;
  /** Removes the old background's colours from soft edges. True by default. */
  decontaminate?: boolean;
  /** Keeps the background and removes the subject. */
  backgroundOnly?: boolean;
  /** Hard edges: alpha from this value (0..1) on becomes 1, below it 0. */
  threshold?: number;
  /** Removes parts of the subject that are smaller than this share (0..1) of its largest part. */
  removeIslands?: number;
  /** Fills holes in the subject that are smaller than this share (0..1) of it. */
  fillHoles?: number;
  /** Smooths the outline: removes jags up to about this many pixels (0..50). Soft edges become harder. */
  smooth?: number;
  /** Moves the outline outwards by this many pixels, or inwards if negative (-50..50). Fractions are allowed. */
  grow?: number;
  /** Adds a soft shadow on the ground below the subject, of this darkness (0..1). */
  shadow?: number;
  /** Crops to the subject (and its shadow), with a margin in percent (0..100) of its longer side. */
  crop?: number;
  /** Width divided by height: extends the result to this aspect ratio, beyond the picture if necessary. */
  aspectRatio?: number;
  /** Size of the result in pixels. Both sides set the aspect ratio, too; one side keeps it. */
  size?: { width?: number; height?: number };
  /** Scales the result, instead of `size`. */
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
  /** Rejects with `no-subject` if no subject is found, instead of returning an empty picture with a note. */
  failIfEmpty?: boolean;
  /** Long side of the preview in pixels, 450 by default. Pictures are never enlarged. */
  previewSize?: number;
}

/** A model in the result of {@link listModels}. */
export interface ModelInfo {
  name: string;
  description: string;
  /** Of the weights: an SPDX identifier, or words if there is none. */
  licence: string;
  /** Size of the file, if it is known. */
  bytes: number | null;
  /** Name of the file that comes with the package, if it does. */
  file: string | null;
  /** The URL the file is downloaded from, after applying mirrors. */
  url: string | null;
  /** True if it can be used without a download. */
  cached: boolean;
}

/** Your own `fetch` for models, to add headers or to use another transport. It must obey `signal`. */
export type ModelFetch = (url: string, init: RequestInit) => Promise<Response>;

export interface InitOptions {
  model?: ModelOption;
  device?: DeviceOption;
  /**
   * A mirror: where the registry's models are downloaded from instead of their own addresses, by the name of their
   * `file` or else as `<name>.onnx`.
   */
  modelBaseUrl?: string | URL;
  /** Used for downloading models instead of the global `fetch`. */
  fetch?: ModelFetch;
  /** Where worker.js, the .wasm files and models/ lie, if not beside this module. */
  assetBaseUrl?: string | URL;
  /** Number of threads; by default one per core, at most 8. 1 turns threads off. */
  threads?: number;
  /** Forces one of the two builds instead of detecting the browser's features. */
  simd?: SimdLevel;
  /**
   * Lets WebGPU run on renderers that compute on the CPU (SwiftShader, llvmpipe), which are refused otherwise because
   * WebAssembly is faster there. For tests.
   */
  allowSoftwareAdapter?: boolean;
}

/** The GPU's description. Browsers leave some fields empty, to prevent fingerprinting. */
export interface AdapterInfo {
  vendor: string;
  architecture: string;
  device: string;
  description: string;
}

/** What the pre-flight checks found. Null: not checked, or not reported by the browser. */
export interface Checked {
  /** Whether this host has WebGPU. */
  webgpu: boolean | null;
  adapter: AdapterInfo | null;
  /** Whether the adapter is a software renderer. */
  software: boolean | null;
  /** As the adapter reports them. */
  limits: { storageBuffers: number | null; bindingBytes: number | null; bufferBytes: number | null } | null;
  features: readonly string[] | null;
  /** The self-test: one layer on the device, compared with WebAssembly. */
  selfTest: { ms: number; maxError: number } | null;
  /** What the model needs on this device. */
  plan: { maxStorageBuffers: number; memoryBytes: number; dtype: 'fp16' | 'fp32' } | null;
}

/** A fallback: from which device, to which, and why. */
export interface Downgrade {
  from: 'webgpu';
  to: 'wasm';
  reason: string;
}

/** A model on the GPU. */
export interface GpuFacts {
  /** All memory on the device: weights, activations, uniforms and readback buffers. */
  memoryBytes: number;
  weightsBytes: number;
  activationsBytes: number;
  pipelines: number;
  /** Dispatches per run, all in one submission. */
  dispatches: number;
  /** Planning, compiling and uploading, in milliseconds. */
  buildMs: number;
}

/** What ran, how, and how long each stage took. */
export interface Execution {
  provider: 'webgpu' | 'wasm';
  dtype: 'fp16' | 'fp32';
  /** The GPU that was found, whether or not it was used. */
  adapter: AdapterInfo | null;
  /** Why this provider, one reason per sentence. */
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
  /** 2 where the model saw the subject's surroundings again, closer (`refine: 'best'`); otherwise 1. */
  passes: number;
  requested: DeviceOption;
  downgraded: Downgrade | null;
  /** Milliseconds. `load` is 0 if the model was already loaded for this picture's size; it may overlap `decode`. */
  ms: {
    load: number;
    decode: number;
    preprocess: number;
    inference: number;
    postprocess: number;
    encode: number;
  };
  /** Weights, activations and working memory of the engine, without GPU memory. */
  memoryBytes: number;
}

/**
 * An event of {@link onExecution}. `session`: a model is ready; only `load` of its `ms` is set. `run`: a picture is done.
 * `downgrade`: a model has left the GPU, and `downgraded` says why.
 */
export type ExecutionEvent = Execution & { kind: 'session' | 'run' | 'downgrade' };

export type ExecutionListener = (event: ExecutionEvent) => void;

/** A finished picture. */
export type PictureResult = {
  /** Object URL of `blob`. Alive until `revoke()` or `dispose()`. Empty in service workers, which have no object URLs. */
  blobUrl: string;
  /** Object URL of a small PNG preview of the result. */
  previewUrl: string;
  width: number;
  height: number;
  processingTimeSeconds: number;
  blob: Blob;
  /** Notes about the input, one sentence each, such as that the first frame of an animation was used. Usually empty. */
  notes: readonly string[];
  /** Frees both object URLs. */
  revoke(): void;
};

/** The subject found in a picture. Below a coverage of 0.001 the notes say `no subject found`. */
export interface Found {
  /** The share of the picture that the matte covers. */
  coverage: number;
  /** The subject's bounding box in pixels of the original picture, whatever the result is cropped to; null if there is none. */
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

/** A matte of the picture's size, which you can edit and pass to `applyMatte`. */
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

/** Options of the batch, in addition to those of each picture. */
export interface BatchOptions<Source = ImageSource, Result = RemoveBackgroundResult> {
  /**
   * The most pictures that are in work or finished but not yet read, 2 by default. There is one engine, so the network never runs
   * twice at the same time: while it works on one picture, the page prepares the next, and finished ones wait to be read.
   */
  concurrency?: number;
  /** Called with every item as soon as it is finished, whether or not it is read. */
  onResult?: (item: BatchItem<Source, Result>) => void;
  /** Ends the batch with the signal's reason. */
  signal?: AbortSignal;
}
