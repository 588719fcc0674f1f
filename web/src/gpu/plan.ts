// A model's WebGPU plan: what the C++ planner wrote as JSON, and the contents of its weights, still in the engine's memory.
// SPDX-License-Identifier: MIT
import { kDeviceLimits, type DeviceLimits, type PlanDescription } from '../border/border.js';
import type { Engine } from '../engine/engine.js';
import { withStruct } from '../engine/struct.js';

export type { PlanDescription, PlanDispatch, PlanPipeline, PlanRange, PlanTensor } from '../border/border.js';

/** What an executor needs: the description and the bytes that belong to it. */
export interface PlanSource {
  readonly description: PlanDescription;
  uniforms(): Uint8Array;
  /** Contents of upload `index`, valid until the next call. */
  fill(index: number): Uint8Array;
}

/** `plan` with the dispatches of `steps` alone, the pipelines that they need and the weights that they bind. */
export function partOf(plan: PlanSource, steps: readonly number[]): PlanSource {
  const { description } = plan;
  const kept = description.dispatches.filter(({ step }) => steps.includes(step));
  const pipelines = [...new Set(kept.map(({ pipeline }) => pipeline))];
  const bound = kept.flatMap(({ bindings }) => bindings);
  const uploads = description.uploads.flatMap(([buffer, offset, bytes], i) =>
    (bound.some(([b, at, size]) => b === buffer && at < offset + bytes && offset < at + size) ? [i] : []));
  return {
    description: {
      ...description,
      pipelines: pipelines.map((i) => description.pipelines[i]!),
      dispatches: kept.map((one) => ({ ...one, pipeline: pipelines.indexOf(one.pipeline) })),
      uploads: uploads.map((i) => description.uploads[i]!),
    },
    uniforms: () => plan.uniforms(),
    fill: (index) => plan.fill(uploads[index]!),
  };
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
  static make(engine: Engine, limits: DeviceLimits, make: (limits: number) => number): EnginePlan {
    return withStruct(engine, kDeviceLimits, limits, 'limits', (pointer) => new EnginePlan(engine, engine.handle(() => make(pointer))));
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
