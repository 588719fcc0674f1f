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
  /** URLs of the two engine modules. */
  wasm: Record<SimdLevel, string>;
  /** URL of the cut-out module. */
  cutout: string;
  /** URL of the planner for WebGPU. */
  planner: string;
  simd: SimdLevel;
  threads: number;
  /** Why helper threads are impossible, whatever the host offers. */
  noThreadsReason: string | null;
  /** Maximum size of shared memory, in pages of 64 KiB; null for the largest possible. */
  maximumPages: number | null;
  allowSoftwareAdapter: boolean;
  /** The page provides its own fetch for models. */
  ownFetch: boolean;
}

/** A picture for the worker, and how to decode it. */
export type Picture = PictureSource & DecodePlan;

export type PictureSource =
  | { kind: 'url'; url: string }
  | { kind: 'blob'; blob: Blob }
  | { kind: 'drawable'; drawable: ImageBitmap | VideoFrame }
  | { kind: 'pixels'; data: Uint8ClampedArray<ArrayBuffer>; width: number; height: number };

export type { WithModel } from '../../host/engine-host.js';

/**
 * `load` prepares the model, `remove` makes a cut-out, `segment` returns the matte, `apply` uses a given matte, and `stream`
 * makes mattes on request over a port.
 */
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
  /** `life`: the name of a lock to hold as long as the worker lives; null if there are no locks. */
  | { type: 'start'; config: EngineConfig; life: string | null }
  | { type: 'job'; job: Job }
  | { type: 'abort'; id: number }
  /** Stop and free everything, then send `ended`. */
  | { type: 'end' }
  | ThreadStart
  | FramesStart
  | TrackLoan;

/** First message to a worker that becomes a helper thread instead of the engine. */
export interface ThreadStart extends ThreadTask {
  type: 'thread';
}

/** What the engine reports about itself. */
export interface EngineFacts {
  threads: number;
  simd: SimdLevel;
  reason: string;
}

/** The result of `remove` and `apply`. If no model ran, `execution` is null. */
export interface Removed extends Found {
  blob: Blob;
  preview: Blob;
  width: number;
  height: number;
  notes: string[];
  execution: Execution | null;
}

/** The result of `segment`. */
export interface Segmented extends Found {
  data: Uint8ClampedArray<ArrayBuffer>;
  width: number;
  height: number;
  notes: string[];
  execution: Execution;
}

/** By kind of task. */
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
  /** The engine cannot continue: terminate the worker and start another. */
  fatal: boolean;
}

export type FromWorker =
  /** The worker holds the lock. */
  | { type: 'alive' }
  /** The worker asks for a helper thread. */
  | { type: 'helper'; start: ThreadStart }
  | { type: 'engine'; facts: EngineFacts; cancel: { buffer: SharedArrayBuffer; address: number } | null }
  | { type: 'loading' }
  /** `name`: the model's. */
  | ({ type: 'downloading'; name: string } & DownloadProgress)
  /** A request to the page's own fetch; the answer comes over the port. */
  | { type: 'fetch'; request: PageRequest; port: MessagePort }
  /** A request to the page's image elements; the answer comes over the port. */
  | { type: 'draw'; request: DrawingRequest; port: MessagePort }
  /** `share`: progress of building for the GPU, 0 to 1. */
  | { type: 'building'; share: number }
  | { type: 'ready' }
  /** `key`: the model's. */
  | { type: 'execution'; key: string; event: ExecutionEvent }
  | { type: 'done'; id: number; outcome: Outcome }
  | { type: 'failed'; id: number; failure: Failure }
  /** Nothing runs any more, so the worker can be terminated. */
  | { type: 'ended' };
