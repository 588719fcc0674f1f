// The events about sessions and runs, and the parts that an execution report is made of.
// SPDX-License-Identifier: MIT
import type { Engine } from '../engine/engine.js';
import type { RemoverReport } from '../engine/session.js';
import { Listeners } from '../shared/listeners.js';
import type { Route } from './routing.js';
import type { Execution, ExecutionEvent, ExecutionListener } from '../shared/types.js';

/** Times of the stages that only the host knows. */
export type HostTimes = Partial<Pick<Execution['ms'], 'load' | 'decode' | 'encode'>>;

/** `report`: of a run; what is known of it for a session that has seen no picture yet. */
export function makeExecution(
  route: Route, engine: Engine, model: string, report: Partial<RemoverReport>, times: HostTimes = {},
): Execution {
  return {
    ...route,
    threads: engine.threads,
    simd: engine.simd,
    model,
    passes: report.passes ?? 1,
    ms: {
      load: times.load ?? 0,
      decode: times.decode ?? 0,
      preprocess: report.preprocessMs ?? 0,
      inference: report.inferenceMs ?? 0,
      postprocess: report.postprocessMs ?? 0,
      encode: times.encode ?? 0,
    },
    memoryBytes: report.memoryBytes ?? 0,
  };
}

/** Tells listeners of every session and run. */
export class ExecutionFeed {
  readonly #listeners = new Listeners<ExecutionEvent>();

  subscribe(listener: ExecutionListener): () => void {
    return this.#listeners.add(listener);
  }

  tell(event: ExecutionEvent): void {
    this.#listeners.tell(() => structuredClone(event));
  }
}
