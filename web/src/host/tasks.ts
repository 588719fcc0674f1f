// What happens to a decoded picture once the engine, and for most tasks the model, is there.
// SPDX-License-Identifier: MIT
import type { EnginePicture } from '../engine/cutout.js';
import type { Engine } from '../engine/engine.js';
import { composeMatte, makeOpaque, matteOfPixels, readMatte } from '../engine/matte.js';
import type { CompositeOptions } from '../engine/session.js';
import { makeExecution, type HostTimes } from './execution.js';
import { backgroundColour, type OutputPlan } from '../shared/options.js';
import type { RoutedModel } from './routing.js';
import type { DeviceOption, Execution, Matte } from '../shared/types.js';
import { stripsOf, toEngine, type DecodedPicture } from './picture.js';

/** The loaded model and the engine that it lives in: never one without the other. */
export interface Loaded {
  key: string;
  name: string;
  owner: Engine;
  model: RoutedModel;
}

/** How long it took to get here, in milliseconds. */
export interface TimesSoFar {
  load: number;
  decode: number;
}

/** Turns a finished picture in the engine's memory into what the caller gets. */
export type Encode<File> = (engine: Engine, picture: EnginePicture, output: OutputPlan, signal: AbortSignal) => Promise<File>;

/** Reads CSS colours that are not hexadecimal, where the host can. */
export type ParseColour = (text: string) => [number, number, number, number] | null;

/** What every picture task tells of its picture. */
export interface PictureFacts {
  width: number;
  height: number;
  notes: string[];
}

export type CutOut<File> = File & PictureFacts & { execution: Execution };
export type MatteOut = PictureFacts & { data: Uint8ClampedArray<ArrayBuffer>; execution: Execution };

export function cutOut<File>(
  { owner, name, model }: Loaded, source: DecodedPicture, times: TimesSoFar, device: DeviceOption, output: OutputPlan,
  { encode, parseColour }: { encode: Encode<File>; parseColour: ParseColour }, signal: AbortSignal,
): Promise<CutOut<File>> {
  const options = compositeOptions(output, parseColour);
  return inEngine(owner, source, async (picture, copyMs) => {
    const { route, report, buildMs } = await model.run(device, picture, options, signal);
    const encodeStart = performance.now();
    const file = await encode(owner, picture, output, signal);
    signal.throwIfAborted();
    const host: HostTimes = {
      load: times.load + buildMs, decode: times.decode + copyMs, encode: performance.now() - encodeStart,
    };
    return { ...file, ...facts(source), execution: makeExecution(route, owner, name, report, host) };
  });
}

export function segment(
  { owner, name, model }: Loaded, source: DecodedPicture, times: TimesSoFar, device: DeviceOption, signal: AbortSignal,
): Promise<MatteOut> {
  return inEngine(owner, source, async (picture, copyMs) => {
    makeOpaque(owner, picture);
    const { route, report, buildMs } = await model.run(device, picture, { background: null, mask: true }, signal);
    const data = readMatte(owner, picture);
    const host: HostTimes = { load: times.load + buildMs, decode: times.decode + copyMs };
    return { data, ...facts(source), execution: makeExecution(route, owner, name, report, host) };
  });
}

export function applyMatte<File>(
  owner: Engine, source: DecodedPicture, matte: Matte, output: OutputPlan,
  { encode, parseColour }: { encode: Encode<File>; parseColour: ParseColour }, signal: AbortSignal,
): Promise<File & PictureFacts> {
  const options = compositeOptions(output, parseColour);
  return inEngine(owner, source, async (picture) => {
    composeMatte(owner, picture, matte, options);
    const file = await encode(owner, picture, output, signal);
    signal.throwIfAborted();
    return { ...file, ...facts(source) };
  });
}

/** The matte that a picture stands for: its grey level times its alpha. Closes the picture. */
export function matteOf(owner: Engine, source: DecodedPicture): Matte {
  const { width, height } = source;
  const data = new Uint8ClampedArray(width * height);
  try {
    for (const { first, rows } of stripsOf(source)) {
      owner.throwIfCancelled();
      matteOfPixels(rows, data, width * first);
    }
  } finally {
    source.close();
  }
  return { width, height, data };
}

function compositeOptions(output: OutputPlan, parseColour: ParseColour): CompositeOptions {
  return { background: backgroundColour(output, parseColour), mask: output.mask };
}

function facts({ width, height, notes }: DecodedPicture): PictureFacts {
  return { width, height, notes };
}

/** The picture in the engine's memory instead of the host's, as long as `use` takes. */
async function inEngine<T>(
  owner: Engine, source: DecodedPicture, use: (picture: EnginePicture, copyMs: number) => Promise<T>,
): Promise<T> {
  const start = performance.now();
  const picture = toEngine(owner, source);
  source.close();  // it is not needed beside the copy
  try {
    return await use(picture, performance.now() - start);
  } finally {
    owner.free(picture.rgba);
  }
}
