// The tasks on a decoded picture, after the engine and, for most tasks, the model have been loaded.
// SPDX-License-Identifier: MIT
import { framed, type EnginePicture, type PixelBox } from '../engine/cutout.js';
import type { Engine } from '../engine/engine.js';
import { composeMatte, makeOpaque, matteOfPixels, readMatte } from '../engine/matte.js';
import type { CompositeOptions, RunReport } from '../engine/session.js';
import { DecalError } from '../shared/errors.js';
import { makeExecution, type HostTimes } from './execution.js';
import { backgroundColour, kPlainEdges, type OutputPlan } from '../shared/options.js';
import type { RoutedModel } from './routing.js';
import type { DeviceOption, Execution, Found, Matte, Refine } from '../shared/types.js';
import { stripsOf, toEngine, type DecodedPicture } from './picture.js';

/** The loaded model with its engine: never one without the other. */
export interface Loaded {
  key: string;
  name: string;
  owner: Engine;
  model: RoutedModel;
}

/** Milliseconds of the preparation. */
export interface TimesSoFar {
  load: number;
  decode: number;
}

/** Makes the caller's result from a finished picture in the engine's memory. */
export type Encode<File> = (engine: Engine, picture: EnginePicture, output: OutputPlan, signal: AbortSignal) => Promise<File>;

/** Reads CSS colours that are not hexadecimal, if the host can. */
export type ParseColour = (text: string) => [number, number, number, number] | null;

/** What every picture task reports. The size is the result's. */
export interface PictureFacts {
  width: number;
  height: number;
  notes: string[];
}

export type CutOut<File> = File & PictureFacts & Found & { execution: Execution };
export type MatteOut = PictureFacts & Found & { data: Uint8ClampedArray<ArrayBuffer>; execution: Execution };

export function cutOut<File>(
  { owner, name, model }: Loaded, source: DecodedPicture, times: TimesSoFar, device: DeviceOption, output: OutputPlan,
  { encode, parseColour }: { encode: Encode<File>; parseColour: ParseColour }, signal: AbortSignal,
): Promise<CutOut<File>> {
  const options = compositeOptions(output, parseColour);
  return inEngine(owner, source, async (picture, copyMs) => {
    const { route, report, buildMs } = await model.run(device, picture, options, signal);
    const found = whatWasFound(source, report, output.failIfEmpty);
    const encodeStart = performance.now();
    showFrame(owner, picture, report.visible, output, options);
    const file = await encode(owner, picture, output, signal);
    signal.throwIfAborted();
    const host: HostTimes = {
      load: times.load + buildMs, decode: times.decode + copyMs, encode: performance.now() - encodeStart,
    };
    return { ...file, ...sizeOf(picture), ...found, execution: makeExecution(route, owner, name, report, host) };
  });
}

/** The options of `segment`. */
export interface MattePlan {
  refine: Refine;
  failIfEmpty: boolean;
}

export function segment(
  { owner, name, model }: Loaded, source: DecodedPicture, times: TimesSoFar, device: DeviceOption,
  { refine, failIfEmpty }: MattePlan, signal: AbortSignal,
): Promise<MatteOut> {
  return inEngine(owner, source, async (picture, copyMs) => {
    makeOpaque(owner, picture);
    const { route, report, buildMs } = await model.run(device, picture, { ...kPlainEdges, background: null, mask: true, refine }, signal);
    const found = whatWasFound(source, report, failIfEmpty);
    const data = readMatte(owner, picture);
    const host: HostTimes = { load: times.load + buildMs, decode: times.decode + copyMs };
    return { data, ...sizeOf(picture), ...found, execution: makeExecution(route, owner, name, report, host) };
  });
}

export function applyMatte<File>(
  owner: Engine, source: DecodedPicture, matte: Matte, output: OutputPlan,
  { encode, parseColour }: { encode: Encode<File>; parseColour: ParseColour }, signal: AbortSignal,
): Promise<File & PictureFacts> {
  const options = compositeOptions(output, parseColour);
  return inEngine(owner, source, async (picture) => {
    showFrame(owner, picture, composeMatte(owner, picture, matte, options), output, options);
    const file = await encode(owner, picture, output, signal);
    signal.throwIfAborted();
    return { ...file, ...sizeOf(picture), notes: source.notes };
  });
}

/** The matte that a picture contains: its grey level times its alpha. Closes the picture. */
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
  return { ...output.edges, background: backgroundColour(output, parseColour), mask: output.mask };
}

/** Replaces `picture` by the part of it that is shown, in its own memory. */
function showFrame(owner: Engine, picture: EnginePicture, visible: PixelBox, { frame, mask }: OutputPlan, { background }: CompositeOptions): void {
  if (!frame) return;
  owner.throwIfCancelled();
  Object.assign(picture, framed(owner, picture, visible, frame, mask ? [0, 0, 0, 255] : background ?? [0, 0, 0, 0]));
}

/** Below this coverage there is no subject: a thousandth, as in CutoutReport of decal/cutout.h. */
const kLeastCoverage = 0.001;
const kNoSubject = 'no subject found';

function whatWasFound({ notes }: DecodedPicture, report: RunReport, failIfEmpty: boolean): Found & Pick<PictureFacts, 'notes'> {
  const { coverage, boxX: x, boxY: y, boxWidth: width, boxHeight: height } = report;
  const empty = coverage < kLeastCoverage;
  if (empty && failIfEmpty) throw new DecalError('no-subject', `source: ${kNoSubject}`);
  return { coverage, boundingBox: width > 0 ? { x, y, width, height } : null, notes: empty ? [...notes, kNoSubject] : notes };
}

function sizeOf({ width, height }: EnginePicture): Pick<PictureFacts, 'width' | 'height'> {
  return { width, height };
}

/** Holds the picture in the engine's memory instead of the host's while `use` runs. */
async function inEngine<T>(
  owner: Engine, source: DecodedPicture, use: (picture: EnginePicture, copyMs: number) => Promise<T>,
): Promise<T> {
  const start = performance.now();
  const picture = toEngine(owner, source);
  source.close();  // not needed beside the copy
  try {
    return await use(picture, performance.now() - start);
  } finally {
    owner.free(picture.rgba);
  }
}
