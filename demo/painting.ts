// A matte that is painted on: strokes keep or remove what they cover, end at edges, and can be undone.
// SPDX-License-Identifier: MIT
import { applyMatte } from 'decal';
import { askPictureWorker } from './picture_client.ts';
import type { AlphaPlane, Patch, Stroke } from './picture_tasks.ts';

/** Patches of strokes are kept up to this many bytes; beyond, the oldest stroke cannot be undone any more. */
const kMostUndoBytes = 64e6;

export class Painting {
  /** Other after every change. */
  version = 0;
  #plane: Promise<AlphaPlane>;
  #before: Patch[] = [];
  #cutout: Blob | null;

  /** `cutout` has the matte to begin with, `original` the colours that edges are found by. */
  constructor(readonly original: Blob, cutout: Blob) {
    this.#cutout = cutout;
    this.#plane = Promise.resolve({ width: 0, height: 0, data: new Uint8ClampedArray() });
  }

  get canUndo(): boolean {
    return this.#before.length > 0;
  }

  /** The matte with all strokes. It is changed in place by later ones: copy it or use it at once. */
  matte(): Promise<AlphaPlane> {
    if (this.#cutout) {
      this.#plane = askPictureWorker({ kind: 'matte', cutout: this.#cutout });
      this.#cutout = null;
    }
    return this.#plane;
  }

  /** One stroke after the other, in the order of the calls. */
  add(stroke: Stroke): Promise<void> {
    return this.#change(async (matte) => {
      const { original } = this;
      // What the brush covers is a matte of its own, a few cells a brush wide, which the package refines like a model's: within a cell or
      // two of its rim the picture's colours say where it ends.
      const { picture, coarse, box } = await askPictureWorker({ kind: 'stroke', original, matte, stroke });
      const output = { format: 'image/x-rgba8', refine: 'fast', decontaminate: false } as const;
      const refined = await applyMatte(picture, coarse, { output });
      refined.revoke();
      const patch = await askPictureWorker({ kind: 'merge', matte, stroke, box, refined: refined.blob });
      this.#before.push(exchange(matte, patch));
      while (this.#before.reduce((sum, { data }) => sum + data.length, 0) > kMostUndoBytes) this.#before.shift();
    });
  }

  undo(): Promise<void> {
    return this.#change(async (matte) => {
      const patch = this.#before.pop();
      if (patch) exchange(matte, patch);
    });
  }

  /** A change that fails leaves the matte as it was, for the next. */
  #change(change: (matte: AlphaPlane) => Promise<void>): Promise<void> {
    const changed = this.matte().then(async (matte) => {
      await change(matte);
      this.version++;
      return matte;
    });
    const before = this.#plane;
    this.#plane = changed.catch(() => before);
    return changed.then(() => undefined);
  }
}

/** Puts a patch into the plane. What was there before. */
function exchange({ width, data }: AlphaPlane, patch: Patch): Patch {
  const before = new Uint8ClampedArray(patch.data.length);
  for (let y = 0; y < patch.height; y++) {
    const at = (patch.y + y) * width + patch.x;
    before.set(data.subarray(at, at + patch.width), y * patch.width);
    data.set(patch.data.subarray(y * patch.width, (y + 1) * patch.width), at);
  }
  return { ...patch, data: before };
}
