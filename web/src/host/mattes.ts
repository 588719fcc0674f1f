// The mattes of a stream of frames: each in the size the model sees, and steadied by the one before.
// SPDX-License-Identifier: MIT
import { allocatePicture, type EnginePicture } from '../engine/cutout.js';
import { TemporalMatte } from '../engine/temporal.js';
import { kPlainEdges } from '../shared/options.js';
import type { DeviceOption } from '../shared/types.js';
import type { Route } from './routing.js';
import type { Loaded } from './tasks.js';

/** A frame whose alpha is its matte. */
export interface StreamMatte {
  rgba: Uint8ClampedArray<ArrayBuffer>;
  route: Route;
  threads: number;
}

/** One stream. Free it whatever happens. */
export class MatteStream {
  readonly #loaded: Loaded;
  readonly #device: DeviceOption;
  readonly #temporal: TemporalMatte;
  #picture: EnginePicture | null = null;

  constructor(loaded: Loaded, device: DeviceOption) {
    this.#loaded = loaded;
    this.#device = device;
    this.#temporal = new TemporalMatte(loaded.owner);
  }

  /** Of the next frame: RGBA8, dense, which gets the matte as its alpha. A frame of another size stands for itself. */
  async next(rgba: Uint8ClampedArray<ArrayBuffer>, width: number, height: number, signal: AbortSignal): Promise<StreamMatte> {
    const { owner, model } = this.#loaded;
    const picture = this.#roomFor(width, height);
    owner.bytes(picture.rgba, rgba.length).set(rgba);
    const { route } = await model.run(this.#device, picture, {
      ...kPlainEdges, background: null, mask: false, steady: (frame, matte) => this.#temporal.next(frame, matte),
    }, signal);
    rgba.set(owner.bytes(picture.rgba, rgba.length));
    return { rgba, route, threads: owner.threads };
  }

  free(): void {
    if (this.#picture) this.#loaded.owner.free(this.#picture.rgba);
    this.#picture = null;
    this.#temporal.free();
  }

  #roomFor(width: number, height: number): EnginePicture {
    if (this.#picture?.width !== width || this.#picture.height !== height) {
      if (this.#picture) this.#loaded.owner.free(this.#picture.rgba);
      this.#picture = null;
      this.#picture = allocatePicture(this.#loaded.owner, width, height);
    }
    return this.#picture;
  }
}
