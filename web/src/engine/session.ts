// Models in the engine: reading files, running on raw tensors, and the remover, which takes pictures.
// SPDX-License-Identifier: MIT
import {
  kModelParameters, kPixelSize, kRemoverReport, type PixelSize, type RemoverReport, type SessionInfo, type TensorInfo,
} from '../border/border.js';
import { DecalError } from '../shared/errors.js';
import type { ModelSpec } from '../shared/types.js';
import { composite, compositeBytes, type EnginePicture, type PixelBox, type RunOptions } from './cutout.js';
import type { Engine } from './engine.js';
import { readStruct, withStruct, withText } from './struct.js';

export type { CompositeOptions, RunOptions } from './cutout.js';
export type { RemoverReport, SessionInfo, SessionMemory, TensorInfo } from '../border/border.js';

/** Pieces of a file, each in its own memory, as streams give them. */
export type Chunks = AsyncIterable<Uint8Array> | Iterable<Uint8Array>;

/** Largest piece copied into wasm memory at a time: large enough to make the calls cheap, small enough to hold twice. */
const kFeedBytes = 1 << 20;

export interface LoadOptions {
  signal?: AbortSignal | undefined;
  /** Reads a file with further weights through `use`, perhaps more than once. `path` is its name in the model. */
  open?: (path: string, use: (chunks: Chunks) => Promise<void>) => Promise<void>;
  /** All bytes are in the engine. */
  onArrived?: (() => void) | undefined;
}

/**
 * Reads an ONNX file, and its files with further weights, piece by piece into the engine. The file is never complete in memory
 * beside its weights.
 *
 * @returns a session handle
 */
export async function loadSession(engine: Engine, chunks: Chunks, { signal, open, onArrived }: LoadOptions = {}): Promise<number> {
  const loader = new SessionLoader(engine);
  try {
    const feed = async (pieces: Chunks) => {
      for await (const chunk of pieces) {
        signal?.throwIfAborted();
        loader.feed(chunk);
      }
      signal?.throwIfAborted();
    };
    await feed(chunks);
    if (open) {
      for (const [index, path] of loader.files().entries()) {
        await open(path, (pieces) => {
          loader.open(index);
          return feed(pieces);
        });
      }
    }
    onArrived?.();
    return loader.finish();
  } finally {
    loader.free();
  }
}

/** Turns a session into one with a picture input and a matte output, as `spec` says. */
export function chooseTensors(engine: Engine, session: number, { output = '', inputs = {} }: Pick<ModelSpec, 'output' | 'inputs'>): void {
  for (const [name, value] of Object.entries(inputs)) {
    withText(engine, name, (text) => engine.check(() => engine.exports.decal_session_fix_input(session, text, value)));
  }
  withText(engine, output, (text) => engine.check(() => engine.exports.decal_session_choose_matte(session, text)));
}

/** An ONNX file that is read piece by piece. Must be freed in any case. */
export class SessionLoader {
  readonly #engine: Engine;
  #buffer: number;
  #stream = 0;

  constructor(engine: Engine) {
    this.#engine = engine;
    this.#buffer = engine.alloc(kFeedBytes, 'the model download');
    try {
      this.#stream = engine.handle(() => engine.exports.decal_stream_new());
    } catch (error) {
      this.free();
      throw error;
    }
  }

  feed(chunk: Uint8Array): void {
    const engine = this.#engine;
    for (let at = 0; at < chunk.length; at += kFeedBytes) {
      const piece = chunk.subarray(at, at + kFeedBytes);
      engine.bytes(this.#buffer, piece.length).set(piece);
      engine.check(() => engine.exports.decal_stream_feed(this.#stream, this.#buffer, piece.length));
    }
  }

  /** Names of the files with further weights, as in the model. The model's own file is complete. */
  files(): string[] {
    return this.#engine.json(() => this.#engine.exports.decal_stream_files(this.#stream));
  }

  /** The bytes fed from here on are those of this file, from its first byte. */
  open(file: number): void {
    this.#engine.check(() => this.#engine.exports.decal_stream_open(this.#stream, file));
  }

  /** Returns a session handle. */
  finish(): number {
    const stream = this.#stream;
    this.#stream = 0;  // consumed, whatever happens
    try {
      return this.#engine.handle(() => this.#engine.exports.decal_session_from_stream(stream));
    } finally {
      this.free();
    }
  }

  free(): void {
    if (!this.#engine.broken) {
      if (this.#stream !== 0) this.#engine.exports.decal_stream_free(this.#stream);
      if (this.#buffer !== 0) this.#engine.free(this.#buffer);
    }
    this.#stream = this.#buffer = 0;
  }
}

/** A model with raw float32 tensors as inputs and outputs. */
export class RawSession {
  readonly #engine: Engine;
  readonly #handle: number;

  private constructor(engine: Engine, handle: number) {
    this.#engine = engine;
    this.#handle = handle;
  }

  /** `options.open`: for models that keep weights in other files. */
  static async load(engine: Engine, chunks: Chunks, options?: LoadOptions): Promise<RawSession> {
    return new RawSession(engine, await loadSession(engine, chunks, options));
  }

  info(): SessionInfo {
    return this.#engine.json(() => this.#engine.exports.decal_session_info(this.#handle));
  }

  /** Fixes the size of the picture input and plans all memory. 0, 0 keeps the model's own size. */
  specialize(height: number, width: number): void {
    this.#engine.check(() => this.#engine.exports.decal_session_specialize(this.#handle, height, width));
  }

  /** Runs all inputs to all outputs, dense, in the order of info(). `repeat` runs several times; times are given for each run. */
  run(inputs: readonly Float32Array[], repeat = 1): { outputs: Float32Array<ArrayBuffer>[]; runMs: number[] } {
    const engine = this.#engine;
    const { exports } = engine;
    const info = this.info();
    const owned: number[] = [];
    const tensor = ({ shape, name }: TensorInfo) => {
      const elements = shape.reduce((product, extent) => product * extent, 1);
      const pointer = engine.alloc(elements * 4, `the tensor ${name}`);
      owned.push(pointer);
      return { elements, pointer };
    };
    const pointers = (tensors: { pointer: number }[]) => {
      const pointer = engine.alloc(tensors.length * 4, 'pointers');
      owned.push(pointer);
      engine.bytes(pointer, tensors.length * 4).set(new Uint8Array(Uint32Array.from(tensors, (t) => t.pointer).buffer));
      return pointer;
    };
    try {
      const ins = info.inputs.map(tensor);
      ins.forEach(({ elements, pointer }, i) => {
        const data = inputs[i];
        if (data?.length !== elements) {
          const { name, shape } = info.inputs[i]!;
          throw new DecalError('shape-mismatch', `${name}: ${data?.length ?? 0} values for [${shape.join(',')}]`);
        }
        engine.bytes(pointer, elements * 4).set(new Uint8Array(data.buffer, data.byteOffset, data.byteLength));
      });
      const outs = info.outputs.map(tensor);
      const inPointers = pointers(ins);
      const outPointers = pointers(outs);
      const runMs: number[] = [];
      for (let i = 0; i < repeat; ++i) {
        const start = performance.now();
        engine.check(() => exports.decal_session_run(this.#handle, inPointers, outPointers));
        runMs.push(performance.now() - start);
      }
      const outputs = outs.map(({ elements, pointer }) => new Float32Array(engine.bytes(pointer, elements * 4).slice().buffer));
      return { outputs, runMs };
    } finally {
      for (const pointer of owned) engine.free(pointer);
    }
  }

  free(): void {
    if (!this.#engine.broken) this.#engine.exports.decal_session_free(this.#handle);
  }
}

/** Report of a run, with what its result shows. */
export type RunReport = RemoverReport & { visible: PixelBox };

export type PictureSize = PixelSize;

/** A model for pictures, which are dense RGBA8 in the engine's memory. */
export class Remover {
  readonly #engine: Engine;
  readonly #handle: number;

  private constructor(engine: Engine, handle: number) {
    this.#engine = engine;
    this.#handle = handle;
  }

  static async load(engine: Engine, spec: ModelSpec, chunks: Chunks, options?: LoadOptions): Promise<Remover> {
    const session = await loadSession(engine, chunks, options);
    const { mean, std, activation, input, foregroundClass = -1, passes = 1 } = spec;
    let taken = false;
    try {
      // Without a choice of size, the remover makes one.
      if (spec.output || spec.inputs) chooseTensors(engine, session, spec);
      return withStruct(engine, kModelParameters, { mean, std, activation, foregroundClass, passes, ...input }, 'parameters', (parameters) => {
        taken = true;
        return new Remover(engine, engine.handle(() => engine.exports.decal_remover_new(session, parameters)));
      });
    } catch (error) {
      if (!taken && !engine.broken) engine.exports.decal_session_free(session);
      throw error;
    }
  }

  /** Plans and allocates for pictures of that size, so that the first run need not. */
  prepare(width: number, height: number): void {
    this.#engine.check(() => this.#engine.exports.decal_remover_prepare(this.#handle, width, height));
  }

  /** In place: the picture becomes its cut-out or, with `mask`, its matte. */
  run(picture: EnginePicture, options: RunOptions): RunReport {
    const { rgba, width, height } = picture;
    const twice = options.refine === 'best' ? 1 : 0;
    this.#engine.check(() => this.#engine.exports.decal_remover_run(this.#handle, rgba, width, height, twice));
    return this.compose(picture, options);
  }

  /** The size of the model's input for pictures of that size, for which a GPU plan is to be made. */
  inputSize({ width, height }: PictureSize): PictureSize {
    const engine = this.#engine;
    return readStruct(engine, kPixelSize, engine.call(() => engine.exports.decal_remover_input_size(this.#handle, width, height)) >>> 0);
  }

  /** Prepares for pictures of that size that a plan with an output of that shape serves. */
  expect({ width, height }: PictureSize, outputShape: readonly number[]): void {
    const engine = this.#engine;
    const shape = Int32Array.from(outputShape);
    const pointer = engine.alloc(Math.max(4, shape.byteLength), 'a shape');
    try {
      engine.bytes(pointer, shape.byteLength).set(new Uint8Array(shape.buffer));
      engine.check(() => engine.exports.decal_remover_expect(this.#handle, width, height, pointer, shape.length));
    } finally {
      engine.free(pointer);
    }
  }

  /** Whether the last preparation serves pictures of that size. */
  fits({ width, height }: PictureSize): boolean {
    return this.#engine.call(() => this.#engine.exports.decal_remover_fits(this.#handle, width, height)) !== 0;
  }

  /** Into how many parts a picture of that size is divided for the model. */
  parts({ width, height }: PictureSize): number {
    return this.#engine.call(() => this.#engine.exports.decal_remover_parts(this.#handle, width, height));
  }

  /** After the last part: whether one more may follow, for a second pass. */
  get secondPassDue(): boolean {
    return this.#engine.call(() => this.#engine.exports.decal_remover_second_pass(this.#handle)) !== 0;
  }

  /** First step of a run elsewhere: the model's input for a part, `bytes` bytes. The view is valid until the next call. */
  prepareInput({ rgba, width, height }: EnginePicture, part: number, bytes: number): Uint8Array {
    const engine = this.#engine;
    return engine.bytes(engine.handle(() => engine.exports.decal_remover_input(this.#handle, rgba, width, height, part)), bytes);
  }

  /** Second step: takes the model's output for a part of the picture. */
  finishPart(output: Float32Array, { width, height }: PictureSize, part: number): void {
    const engine = this.#engine;
    const values = engine.alloc(output.byteLength, 'the matte');
    try {
      engine.bytes(values, output.byteLength).set(new Uint8Array(output.buffer, output.byteOffset, output.byteLength));
      engine.check(() => engine.exports.decal_remover_finish(this.#handle, values, output.length, width, height, part));
    } finally {
      engine.free(values);
    }
  }

  /** Last step: makes the cut-out from the matte, as `run` does. If it fails, the picture is unchanged. */
  compose(picture: EnginePicture, { steady, ...options }: RunOptions): RunReport {
    const report = this.report();
    const start = performance.now();
    const own = { values: report.matte, width: report.matteWidth, height: report.matteHeight };
    const matte = steady?.(picture, own) ?? own;
    const visible = composite(this.#engine, matte, picture, options);
    const postprocessMs = report.postprocessMs + performance.now() - start;
    return { ...report, postprocessMs, memoryBytes: report.memoryBytes + compositeBytes(this.#engine, matte, picture, options), visible };
  }

  /** Report of the last run or, before the first, the memory that preparing or planning has allocated. */
  report(): RemoverReport {
    const engine = this.#engine;
    return readStruct(engine, kRemoverReport, engine.call(() => engine.exports.decal_remover_report(this.#handle)) >>> 0);
  }

  free(): void {
    if (!this.#engine.broken) this.#engine.exports.decal_remover_free(this.#handle);
  }
}
