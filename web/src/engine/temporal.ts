// The mattes of a stream of frames, each steadied by the one before.
//
// Copyright the Decal authors.
// SPDX-License-Identifier: MIT
import type { EngineMatte, EnginePicture } from './cutout.js';
import type { Engine } from './engine.js';

/** TemporalMatte of include/decal/temporal.h, in the engine's memory: one for each stream. */
export class TemporalMatte {
  readonly #engine: Engine;
  #handle: number;

  constructor(engine: Engine) {
    this.#engine = engine;
    this.#handle = engine.handle(() => engine.exports.decal_temporal_new());
  }

  /**
   * The steadied matte of the next frame, of the size of its own `matte`, in the engine's memory until the next call. Called before the
   * frame is composed, which changes it.
   *
   * @throws {DecalError} `out-of-memory`; the next frame then stands for itself
   */
  next({ rgba, width, height }: EnginePicture, matte: EngineMatte): EngineMatte {
    const values = this.#engine.handle(() =>
      this.#engine.exports.decal_temporal_next(this.#handle, matte.values, matte.width, matte.height, rgba, width, height));
    return { values, width: matte.width, height: matte.height };
  }

  /** The next frame stands for itself, as after a cut. */
  reset(): void {
    this.#engine.call(() => this.#engine.exports.decal_temporal_reset(this.#handle));
  }

  /** Once; no call may follow. */
  free(): void {
    if (!this.#engine.broken) this.#engine.call(() => this.#engine.exports.decal_temporal_free(this.#handle));
    this.#handle = 0;
  }
}
