// The messages between the page and the engine's worker.
import type { DecalErrorCode } from './errors.js';
import type { ResolvedModel } from './models.js';
import type { OutputPlan } from './options.js';
import type { DeviceOption, Execution, ExecutionEvent, SimdLevel } from './types.js';

export interface EngineConfig {
  /** Addresses of the two builds. */
  wasm: Record<SimdLevel, string>;
  /** Address of the planner for WebGPU. */
  planner: string;
  simd: SimdLevel;
  threads: number;
  allowSoftwareAdapter: boolean;
}

/** A picture on its way into the worker. */
export type Picture =
  | { kind: 'url'; url: string }
  | { kind: 'blob'; blob: Blob }
  | { kind: 'drawable'; drawable: ImageBitmap | VideoFrame }
  | { kind: 'pixels'; data: Uint8ClampedArray<ArrayBuffer>; width: number; height: number };

export interface Job {
  id: number;
  model: ResolvedModel;
  device: DeviceOption;
  /** Absent: only get the model ready. */
  remove?: { picture: Picture; output: OutputPlan };
}

export type ToWorker =
  | { type: 'start'; config: EngineConfig }
  | { type: 'job'; job: Job }
  | { type: 'abort'; id: number }
  | ThreadStart;

/** First message to a worker that is to be a helper thread rather than the engine. */
export interface ThreadStart {
  type: 'thread';
  module: WebAssembly.Module;
  memory: WebAssembly.Memory;
  index: number;
  stackPointer: number;
}

/** What the engine turned out to be. */
export interface EngineFacts {
  threads: number;
  simd: SimdLevel;
  reason: string;
}

/** What a finished job brings back; pictures only if it removed a background. */
export interface Removed {
  blob: Blob;
  preview: Blob;
  width: number;
  height: number;
  execution: Execution;
}

export interface Failure {
  code: DecalErrorCode;
  message: string;
  /** The engine cannot go on: end the worker and start another. */
  fatal: boolean;
}

export type FromWorker =
  | { type: 'engine'; facts: EngineFacts; cancel: { buffer: SharedArrayBuffer; address: number } | null }
  | { type: 'loading' }
  | { type: 'downloading'; loaded: number; total: number }
  /** `share`: of what is built for the GPU, 0 to 1. */
  | { type: 'building'; share: number }
  | { type: 'ready' }
  /** `key`: of the model. */
  | { type: 'execution'; key: string; event: ExecutionEvent }
  | { type: 'done'; id: number; removed: Removed | null }
  | { type: 'failed'; id: number; failure: Failure };
