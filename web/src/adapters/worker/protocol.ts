// The messages between the page and the engine's worker.
// SPDX-License-Identifier: MIT
import type { FramesStart, TrackLoan } from './frame-messages.js';
import type { DownloadProgress } from '../../download/host.js';
import type { DrawingRequest } from './page-drawing.js';
import type { PageRequest } from './page-fetch.js';
import type { ThreadTask } from '../../engine/instance.js';
import type { DecalErrorCode } from '../../shared/errors.js';
import type { WithModel } from '../../host/engine-host.js';
import type { MattePlan } from '../../host/tasks.js';
import type { DecodePlan, OutputPlan } from '../../shared/options.js';
import type { Execution, ExecutionEvent, Found, Matte, SimdLevel } from '../../shared/types.js';

export interface EngineConfig {
  /** Addresses of the two builds. */
  wasm: Record<SimdLevel, string>;
  /** Address of the cut-out module. */
  cutout: string;
  /** Address of the planner for WebGPU. */
  planner: string;
  simd: SimdLevel;
  threads: number;
  /** Why there can be no helper threads, whatever the host offers. */
  noThreadsReason: string | null;
  /** Of 64 KiB, that shared memory may have; null for as many as there can be. */
  maximumPages: number | null;
  allowSoftwareAdapter: boolean;
  /** The page has a fetch of its own for models. */
  ownFetch: boolean;
}

/** A picture on its way into the worker, and how it is to be decoded. */
export type Picture = PictureSource & DecodePlan;

export type PictureSource =
  | { kind: 'url'; url: string }
  | { kind: 'blob'; blob: Blob }
  | { kind: 'drawable'; drawable: ImageBitmap | VideoFrame }
  | { kind: 'pixels'; data: Uint8ClampedArray<ArrayBuffer>; width: number; height: number };

export type { WithModel } from '../../host/engine-host.js';

/** `load` gets the model ready, `remove` cuts out, `segment` stops at the matte, `apply` has one already, `stream` makes mattes for who asks at a port. */
export type Task =
  | ({ kind: 'load' } & WithModel)
  | ({ kind: 'remove'; picture: Picture; output: OutputPlan } & WithModel)
  | ({ kind: 'segment'; picture: Picture; plan: MattePlan } & WithModel)
  | { kind: 'apply'; picture: Picture; matte: Matte | Picture; output: OutputPlan }
  | ({ kind: 'stream'; port: MessagePort } & WithModel);

export interface Job {
  id: number;
  task: Task;
}

export type ToWorker =
  /** `life`: name of a lock to hold as long as the worker lives; null if there are no locks. */
  | { type: 'start'; config: EngineConfig; life: string | null }
  | { type: 'job'; job: Job }
  | { type: 'abort'; id: number }
  /** Stop everything, free everything, then say `ended`. */
  | { type: 'end' }
  | ThreadStart
  | FramesStart
  | TrackLoan;

/** First message to a worker that is to be a helper thread rather than the engine. */
export interface ThreadStart extends ThreadTask {
  type: 'thread';
}

/** What the engine turned out to be. */
export interface EngineFacts {
  threads: number;
  simd: SimdLevel;
  reason: string;
}

/** What `remove` and `apply` bring back. Where no model ran, it found nothing, and `execution` is null. */
export interface Removed extends Found {
  blob: Blob;
  preview: Blob;
  width: number;
  height: number;
  notes: string[];
  execution: Execution | null;
}

/** What `segment` brings back. */
export interface Segmented extends Found {
  data: Uint8ClampedArray<ArrayBuffer>;
  width: number;
  height: number;
  notes: string[];
  execution: Execution;
}

/** Of each kind of task. */
export interface Outcomes {
  load: null;
  remove: Removed;
  segment: Segmented;
  apply: Removed;
  stream: null;
}
export type Outcome = Outcomes[Task['kind']];

export interface Failure {
  code: DecalErrorCode;
  message: string;
  /** The engine cannot go on: end the worker and start another. */
  fatal: boolean;
}

export type FromWorker =
  /** The lock is held. */
  | { type: 'alive' }
  /** A helper thread is needed. */
  | { type: 'helper'; start: ThreadStart }
  | { type: 'engine'; facts: EngineFacts; cancel: { buffer: SharedArrayBuffer; address: number } | null }
  | { type: 'loading' }
  /** `name`: of the model. */
  | ({ type: 'downloading'; name: string } & DownloadProgress)
  /** For the page's own fetch; the answer comes over the port. */
  | { type: 'fetch'; request: PageRequest; port: MessagePort }
  /** For the page's image elements; the answer comes over the port. */
  | { type: 'draw'; request: DrawingRequest; port: MessagePort }
  /** `share`: of what is built for the GPU, 0 to 1. */
  | { type: 'building'; share: number }
  | { type: 'ready' }
  /** `key`: of the model. */
  | { type: 'execution'; key: string; event: ExecutionEvent }
  | { type: 'done'; id: number; outcome: Outcome }
  | { type: 'failed'; id: number; failure: Failure }
  /** Nothing runs any more: the worker can be ended. */
  | { type: 'ended' };
