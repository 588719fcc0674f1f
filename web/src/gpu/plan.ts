// A model's WebGPU plan: what the C++ planner wrote as JSON, and the contents of its weights, still in the engine's memory.
import type { Engine } from '../engine/engine.js';

/** Part of one of the plan's buffers: [buffer, offset, bytes]. */
export type PlanRange = readonly [buffer: number, offset: number, bytes: number];

/** A model's input or output: dense float32, row-major. */
export interface PlanTensor {
  name: string;
  shape: number[];
  range: PlanRange;
}

export interface PlanPipeline {
  label: string;
  /** WGSL with one entry point, `main`. */
  code: string;
  /** Of storage bindings 1, 2, ..: read_write rather than read. Binding 0 holds the uniforms. */
  writable: boolean[];
}

export interface PlanDispatch {
  pipeline: number;
  step: number;
  groups: [number, number, number];
  /** Offset and bytes in the uniforms. */
  uniform: [number, number];
  bindings: PlanRange[];
}

/** See ToJson in include/decal/gpu.h. */
export interface PlanDescription {
  halfStorage: boolean;
  buffers: { use: 'weights' | 'activations'; bytes: number }[];
  pipelines: PlanPipeline[];
  dispatches: PlanDispatch[];
  /** Where the contents of weights go. */
  uploads: PlanRange[];
  inputs: PlanTensor[];
  outputs: PlanTensor[];
  steps: { op: string; name: string; algorithm: string }[];
  /** About how many multiply-adds and element moves a run takes. */
  work: number;
  uniformBytes: number;
  memory: { weights: number; activations: number; total: number };
  maxStorageBuffers: number;
}

/** What an executor needs: the description and the bytes that belong to it. */
export interface PlanSource {
  readonly description: PlanDescription;
  uniforms(): Uint8Array;
  /** Contents of upload `index`, valid until the next call. */
  fill(index: number): Uint8Array;
}

/** What the planner must know of a device. */
export interface PlanLimits {
  workgroupsPerDimension: number;
  offsetAlignment: number;
  bindingBytes: number;
  bufferBytes: number;
}

/** A plan in the engine's memory. The session it was made from must outlive it. */
export class EnginePlan implements PlanSource {
  readonly description: PlanDescription;
  readonly #engine: Engine;
  readonly #handle: number;
  #staging = 0;
  #stagingBytes = 0;

  private constructor(engine: Engine, handle: number) {
    this.#engine = engine;
    this.#handle = handle;
    this.description = engine.json(() => engine.exports.decal_gpu_plan_json(handle));
  }

  /** `make` is given the address of the limits as the engine reads them and answers with a plan handle or null. */
  static make(engine: Engine, limits: PlanLimits, make: (limits: number) => number): EnginePlan {
    const { workgroupsPerDimension, offsetAlignment, bindingBytes, bufferBytes } = limits;
    const values = Float64Array.of(workgroupsPerDimension, offsetAlignment, bindingBytes, bufferBytes);
    const pointer = engine.alloc(values.byteLength, 'limits');
    try {
      engine.bytes(pointer, values.byteLength).set(new Uint8Array(values.buffer));
      return new EnginePlan(engine, engine.handle(() => make(pointer)));
    } finally {
      engine.free(pointer);
    }
  }

  uniforms(): Uint8Array {
    const { uniformBytes } = this.description;
    return this.#engine.bytes(this.#engine.call(() => this.#engine.exports.decal_gpu_plan_uniforms(this.#handle)) >>> 0, uniformBytes);
  }

  fill(index: number): Uint8Array {
    const bytes = this.description.uploads[index]![2];
    if (bytes > this.#stagingBytes) {
      this.#freeStaging();
      this.#staging = this.#engine.alloc(bytes, 'a weight on its way to the GPU');
      this.#stagingBytes = bytes;
    }
    this.#engine.call(() => this.#engine.exports.decal_gpu_plan_fill(this.#handle, index, this.#staging));
    return this.#engine.bytes(this.#staging, bytes);
  }

  free(): void {
    this.#freeStaging();
    if (!this.#engine.broken) this.#engine.exports.decal_gpu_plan_free(this.#handle);
  }

  #freeStaging(): void {
    if (this.#staging !== 0) this.#engine.free(this.#staging);
    this.#staging = this.#stagingBytes = 0;
  }
}
