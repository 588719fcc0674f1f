// Pictures in the engine's memory: allocating, composing with a matte, taking the shown part, making a small copy.
// SPDX-License-Identifier: MIT
import {
  fields, kCompositeParameters, kFrameParameters, kPixelBox, kPixelFrame, type PixelBox, type PixelFrame,
} from '../border/border.js';
import { kPlainEdges, type EdgePlan, type FramePlan } from '../shared/options.js';
import { previewExtent } from '../shared/preview.js';
import type { Engine } from './engine.js';
import { readStruct, withStruct } from './struct.js';

export type { PixelBox } from '../border/border.js';

/** Dense RGBA8 in the engine's memory. Whoever allocates it frees it. */
export interface EnginePicture {
  rgba: number;
  width: number;
  height: number;
}

/** Allocates memory for a picture of that size. */
export function allocatePicture(engine: Engine, width: number, height: number): EnginePicture {
  return { rgba: engine.alloc(4 * width * height, `a picture of ${width} x ${height} pixels`), width, height };
}

/** A copy whose long side is at most `longSide`. */
export function resizeForPreview(engine: Engine, picture: EnginePicture, longSide: number): EnginePicture {
  const [width, height] = previewExtent(picture.width, picture.height, longSide);
  const preview = allocatePicture(engine, width, height);
  try {
    engine.check(() =>
      engine.exports.decal_resize(picture.rgba, picture.width, picture.height, preview.rgba, width, height));
    return preview;
  } catch (error) {
    engine.free(preview.rgba);
    throw error;
  }
}

/** How a cut-out is composed. Missing edge options have no effect. */
export type CompositeOptions = { background: readonly number[] | null; mask: boolean } & Partial<EdgePlan>;

/** Dense floats in the engine's memory, 0..1. */
export interface EngineMatte {
  values: number;
  width: number;
  height: number;
}

/** How a run's matte becomes a cut-out. `steady` may return another matte, for the picture in its original state. */
export type RunOptions = CompositeOptions & { steady?: (picture: EnginePicture, matte: EngineMatte) => EngineMatte };

/** Composes in place. Returns the part that the result shows, in the picture's pixels. */
export function composite(engine: Engine, matte: EngineMatte, { rgba, width, height }: EnginePicture, options: CompositeOptions): PixelBox {
  return withComposition(engine, options, (parameters) =>
    withStruct(engine, kPixelBox, kNoBox, 'a box', (box) => {
      engine.check(() =>
        engine.exports.decal_composite(matte.values, matte.width, matte.height, rgba, width, height, parameters, box));
      return readStruct(engine, kPixelBox, box);
    }));
}

/** The working memory needed for it. */
export function compositeBytes(engine: Engine, matte: EngineMatte, { width, height }: EnginePicture, options: CompositeOptions): number {
  return withComposition(engine, options, (parameters) =>
    engine.call(() => engine.exports.decal_composite_bytes(matte.width, matte.height, width, height, parameters)));
}

/**
 * The part of a picture that a plan asks for, at its size; the picture itself where that is all of it. Otherwise the picture's memory
 * is freed. `beyond`: RGBA outside of the picture.
 */
export function framed(
  engine: Engine, picture: EnginePicture, visible: PixelBox, plan: FramePlan, beyond: readonly number[],
): EnginePicture {
  const { rgba, width, height } = picture;
  return withStruct(engine, kPixelBox, visible, 'a box', (box) =>
    withStruct(engine, kFrameParameters, plan, 'parameters', (parameters) =>
      withStruct(engine, kPixelFrame, kNoFrame, 'a frame', (pointer) => {
        engine.check(() => engine.exports.decal_frame(width, height, box, parameters, pointer));
        const frame = readStruct(engine, kPixelFrame, pointer);
        const { x, y, resultWidth, resultHeight } = frame;
        if (x === 0 && y === 0 && frame.width === width && frame.height === height && resultWidth === width && resultHeight === height) {
          return picture;
        }
        const result = allocatePicture(engine, resultWidth, resultHeight);
        try {
          engine.check(() => engine.exports.decal_take_frame(rgba, width, height, pointer, packed(beyond), result.rgba));
        } catch (error) {
          engine.free(result.rgba);
          throw error;
        }
        engine.free(rgba);
        return result;
      })));
}

const kNoBox: PixelBox = { x: 0, y: 0, width: 0, height: 0 };
const kNoFrame: PixelFrame = { ...kNoBox, resultWidth: 0, resultHeight: 0 };

function packed([red = 0, green = 0, blue = 0, alpha = 255]: readonly number[]): number {
  return (red | green << 8 | blue << 16 | alpha << 24) >>> 0;
}

function withComposition<R>(engine: Engine, { background, mask, ...edges }: CompositeOptions, use: (parameters: number) => R): R {
  const { refine, decontaminate, backgroundOnly, ...rest } = { ...kPlainEdges, ...edges };
  const [, , ...refines] = fields['output.refine'];
  const parameters = {
    ...rest, refine: refines.indexOf(refine), mask: Number(mask), decontaminate: Number(decontaminate), backgroundOnly: Number(backgroundOnly),
    hasBackground: Number(background !== null), background: background ? packed(background) : 0,
  };
  return withStruct(engine, kCompositeParameters, parameters, 'parameters', use);
}
