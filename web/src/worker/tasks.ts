// What the worker does with a decoded picture once the engine, and for most tasks the model, is there.
import { resizeForPreview, type EnginePicture } from '../engine/cutout.js';
import type { Engine } from '../engine/engine.js';
import { composeMatte, makeOpaque, matteOfPixels, readMatte } from '../engine/matte.js';
import type { CompositeOptions } from '../engine/session.js';
import { makeExecution, type HostTimes } from '../execution.js';
import { backgroundColour, type OutputPlan } from '../options.js';
import { decode, stripsOf, toEngine, type DecodedPicture } from './decode.js';
import { encode, parseCssColour } from './encode.js';
import type { Removed, Segmented, Task } from '../protocol.js';
import type { RoutedModel } from '../routing.js';
import type { Matte } from '../types.js';

/** The loaded model, where it computes, and how long it took to get there. */
export interface Loaded {
  owner: Engine;
  name: string;
  model: RoutedModel;
  times: { load: number; decode: number };
}

type TaskOf<K extends Task['kind']> = Extract<Task, { kind: K }>;

export function cutOut(
  { owner, name, model, times }: Loaded, source: DecodedPicture, { device, output }: TaskOf<'remove'>, signal: AbortSignal,
): Promise<Removed> {
  const options = compositeOptions(output);
  return inEngine(owner, source, async (picture, copyMs) => {
    const { route, report, buildMs } = await model.run(device, picture, options, signal);
    const encodeStart = performance.now();
    const files = await encodeBoth(owner, picture, output, signal);
    const host: HostTimes = {
      load: times.load + buildMs, decode: times.decode + copyMs, encode: performance.now() - encodeStart,
    };
    return { ...files, ...facts(source), execution: makeExecution(route, owner, name, report, host) };
  });
}

export function segment(
  { owner, name, model, times }: Loaded, source: DecodedPicture, { device }: TaskOf<'segment'>, signal: AbortSignal,
): Promise<Segmented> {
  return inEngine(owner, source, async (picture, copyMs) => {
    makeOpaque(owner, picture);
    const { route, report, buildMs } = await model.run(device, picture, { background: null, mask: true }, signal);
    const data = readMatte(owner, picture);
    const host: HostTimes = { load: times.load + buildMs, decode: times.decode + copyMs };
    return { data, ...facts(source), execution: makeExecution(route, owner, name, report, host) };
  });
}

export async function applyMatte(
  owner: Engine, source: DecodedPicture, { matte, output }: TaskOf<'apply'>, signal: AbortSignal,
): Promise<Removed> {
  const options = compositeOptions(output);
  const values = 'kind' in matte ? await decodeMatte(owner, await decode(matte, signal)) : matte;
  return inEngine(owner, source, async (picture) => {
    composeMatte(owner, picture, values, options);
    return { ...(await encodeBoth(owner, picture, output, signal)), ...facts(source), execution: null };
  });
}

function compositeOptions(output: OutputPlan): CompositeOptions {
  return { background: backgroundColour(output, parseCssColour), mask: output.mask };
}

function facts({ width, height, notes }: DecodedPicture) {
  return { width, height, notes };
}

/** The picture in the engine's memory instead of the browser's, as long as `use` takes. */
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

async function encodeBoth(
  owner: Engine, picture: EnginePicture, output: OutputPlan, signal: AbortSignal,
): Promise<{ blob: Blob; preview: Blob }> {
  const small = resizeForPreview(owner, picture, output.previewSize);
  let preview: Blob;
  try {
    preview = await encode(owner, small, { format: 'image/png', quality: 1 }, signal);
  } finally {
    owner.free(small.rgba);
  }
  const blob = await encode(owner, picture, output, signal);
  signal.throwIfAborted();
  return { blob, preview };
}

async function decodeMatte(owner: Engine, source: DecodedPicture): Promise<Matte> {
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
