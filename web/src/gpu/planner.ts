// The planner for WebGPU: a module with its own instance, whose memory is freed when nothing is left to plan.
// SPDX-License-Identifier: MIT
import { Engine } from '../engine/engine.js';
import { chooseTensors, loadSession, SessionLoader, type Chunks, type LoadOptions, type SessionInfo } from '../engine/session.js';
import type { ModelSpec } from '../shared/types.js';
import type { DeviceLimits } from '../border/border.js';
import { EnginePlan } from './plan.js';

/** Fetches the planner's module, once. */
export type PlannerModule = () => Promise<Uint8Array<ArrayBuffer>>;

/** A module that is fetched when first needed. Failures are not remembered. */
export function plannerModule(fetchModule: () => Promise<Uint8Array<ArrayBuffer>>): PlannerModule {
  let fetching: Promise<Uint8Array<ArrayBuffer>> | null = null;
  return () => {
    fetching ??= fetchModule().catch((error: unknown) => {
      fetching = null;
      throw error;
    });
    return fetching;
  };
}

async function startPlanner(module: PlannerModule): Promise<Engine> {
  // It computes nothing, so one thread and the build without relaxed SIMD suffice.
  return Engine.start({ wasm: await module(), simd: 'baseline', threads: 1, shared: false, startThread: () => () => {} });
}

/** A model in one file that is read into a planner, piece by piece. */
export class PlannerLoad {
  readonly #engine: Engine;
  readonly #loader: SessionLoader;

  private constructor(engine: Engine, loader: SessionLoader) {
    this.#engine = engine;
    this.#loader = loader;
  }

  static async start(module: PlannerModule): Promise<PlannerLoad> {
    const engine = await startPlanner(module);
    return new PlannerLoad(engine, new SessionLoader(engine));
  }

  feed(chunk: Uint8Array): void {
    this.#loader.feed(chunk);
  }

  finish(): Planner {
    return new Planner(this.#engine, this.#loader.finish());
  }

  abort(): void {
    this.#engine.close();
  }
}

export class Planner {
  readonly #engine: Engine;
  readonly #session: number;

  constructor(engine: Engine, session: number) {
    this.#engine = engine;
    this.#session = session;
  }

  /** `options.open`: for models that keep weights in other files. */
  static async load(module: PlannerModule, chunks: Chunks, options?: LoadOptions): Promise<Planner> {
    const engine = await startPlanner(module);
    try {
      return new Planner(engine, await loadSession(engine, chunks, options));
    } catch (error) {
      engine.close();
      throw error;
    }
  }

  /** Plans the matte of a picture, as for a Remover. */
  chooseTensors(spec: Pick<ModelSpec, 'output' | 'inputs'>): this {
    chooseTensors(this.#engine, this.#session, spec);
    return this;
  }

  info(): SessionInfo {
    return this.#engine.json(() => this.#engine.exports.decal_session_info(this.#session));
  }

  /**
   * The plan for a device with those limits and an input of that size; 0, 0 is the model's own size. For measuring: `choices` lists what
   * steps could be made of, and `variant` n takes the nth of that for each.
   *
   * @throws {DecalError} `unsupported-operator`, `limit-exceeded`, `shape-mismatch`
   */
  plan(height: number, width: number, limits: DeviceLimits, half: boolean, { choices = false, variant = 0 } = {}): EnginePlan {
    return EnginePlan.make(this.#engine, limits, (pointer) =>
      this.#engine.exports.decal_gpu_plan_new(this.#session, height, width, pointer, half ? 1 : 0, choices ? 1 : 0, variant));
  }

  /** Frees the model and its plans. */
  close(): void {
    this.#engine.close();
  }
}

/**
 * Lets a planner read along while `chunks` are passed on. Pieces are kept until it is known whether there will be a planner.
 *
 * @param load null if there is nothing to plan for
 * @param onPlanner called before the last piece is passed on, unless there is no planner or it failed
 */
export async function* readAlong(
  chunks: AsyncIterable<Uint8Array>, load: Promise<PlannerLoad | null>, onPlanner: (planner: Planner) => void,
): AsyncGenerator<Uint8Array, void> {
  let waiting: Uint8Array[] = [];
  let known: PlannerLoad | null | undefined;
  // A failure here either also stops the model's own loading, or is found when the planner is needed again.
  const settled = load.catch(() => null).then((value) => void (known = value));
  const pass = () => {
    try {
      for (const chunk of waiting) known?.feed(chunk);
    } catch {
      known?.abort();
      known = null;
    }
    waiting = [];
  };
  let complete = false;
  try {
    for await (const chunk of chunks) {
      waiting.push(chunk);
      if (known !== undefined) pass();
      yield chunk;
    }
    complete = true;
  } finally {
    await settled;
    if (complete) pass();
    const finished = known as PlannerLoad | null | undefined;
    if (finished && !complete) finished.abort();
    else if (finished) finishInto(finished, onPlanner);
  }
}

function finishInto(load: PlannerLoad, onPlanner: (planner: Planner) => void): void {
  try {
    onPlanner(load.finish());
  } catch {
    load.abort();
  }
}
