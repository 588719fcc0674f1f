// The page's side of a stream: which way its frames go, the two workers, and an end to all of it.
// SPDX-License-Identifier: MIT
import type { FrameBackground, FramesStart, FromFrames, ToFrames } from '../adapters/worker/frame-messages.js';
import type { WithModel } from '../adapters/worker/protocol.js';
import { DecalError, toDecalError } from '../shared/errors.js';
import { kNoStats, type VideoStats } from '../shared/video.js';
import { ElementFrames } from './element-frames.js';
import type { EngineWorker } from './spawn.js';
import { portableBackground, type Portable } from './video-source.js';
import type { LiveVideo, VideoBackground } from './video-types.js';

/** How long the worker with the frames may take to close them before it is ended anyway. */
const kEndMs = 500;

/** The engine that makes a stream's mattes. */
export interface StreamEngine {
  withModel: WithModel;
  spawn: () => EngineWorker;
  /** Serves who asks at the port; rejects when it cannot any more. */
  run: (port: MessagePort) => Promise<unknown>;
  close: () => void;
}

export interface LivePlan {
  track: MediaStreamTrack;
  /** Passed on as they are. */
  audio: MediaStreamTrack[];
  background: Portable;
  maxFps: number | null;
  signal: AbortSignal | undefined;
}

/** Chromium's, which TypeScript does not know. */
interface TrackStreams {
  MediaStreamTrackProcessor?: new (init: { track: MediaStreamTrack; maxBufferSize?: number }) => { readable: ReadableStream<VideoFrame> };
  MediaStreamTrackGenerator?: new (init: { kind: 'video' }) => MediaStreamTrack & { writable: WritableStream<VideoFrame> };
}

/** @throws {DecalError} `unsupported` where frames can go no way */
export function checkRoutes(): void {
  const { MediaStreamTrackProcessor, MediaStreamTrackGenerator } = globalThis as TrackStreams;
  const missing = [
    typeof Worker !== 'function' && 'workers',
    typeof OffscreenCanvas !== 'function' && 'OffscreenCanvas',
    !(MediaStreamTrackProcessor && MediaStreamTrackGenerator) &&
      !('requestVideoFrameCallback' in HTMLVideoElement.prototype && 'captureStream' in HTMLCanvasElement.prototype) &&
      'MediaStreamTrackProcessor, nor requestVideoFrameCallback with captureStream',
  ].filter(Boolean);
  if (missing.length > 0) throw new DecalError('unsupported', `live video: this browser has no ${missing.join(', no ')}`);
}

/** Resolves when the engine is ready for frames; on failure nothing is left. */
export async function startLiveVideo(plan: LivePlan, engine: StreamEngine): Promise<LiveVideo> {
  let live: Live;
  try {
    live = new Live(plan, engine);
  } catch (error) {
    engine.close();
    throw error;
  }
  await live.ready;
  return live;
}

class Live implements LiveVideo {
  readonly stream: MediaStream;
  readonly ended: Promise<DecalError | null>;
  readonly ready: Promise<void>;
  readonly #engine: StreamEngine;
  readonly #worker: EngineWorker;
  readonly #control: MessagePort;
  readonly #elements: ElementFrames | null = null;
  readonly #result: MediaStreamTrack;
  #stats: VideoStats = kNoStats;
  #ending: Promise<void> | null = null;
  /** Resolves when the worker with the frames has closed them all. */
  readonly #closed: Promise<void>;
  #tellClosed = () => {};
  #tellEnded: (why: DecalError | null) => void = () => {};
  #tellReady: (failed?: unknown) => void = () => {};
  /** Counts what was asked for, so that of two backgrounds the later one stays. */
  #backgrounds = 0;

  constructor({ track, audio, background, maxFps, signal }: LivePlan, engine: StreamEngine) {
    this.#engine = engine;
    this.#closed = new Promise((resolve) => void (this.#tellClosed = resolve));
    this.ended = new Promise((resolve) => void (this.#tellEnded = resolve));
    this.ready = new Promise((resolve, reject) => {
      this.#tellReady = (failed) => (failed === undefined ? resolve() : reject(failed));
    });
    const mattes = new MessageChannel();
    const control = new MessageChannel();
    this.#control = control.port1;
    this.#worker = engine.spawn();
    this.#worker.onerror = (event) => {
      event.preventDefault();
      void this.#end(new DecalError('worker-lost', `the worker with the frames failed: ${event.message || 'it could not be loaded'}`));
    };
    const { streams, result } = trackStreams(track);
    try {
      if (!streams) this.#elements = new ElementFrames(track, this.#control, (error) => void this.#end(error));
      this.#result = result ?? this.#elements!.stream.getVideoTracks()[0]!;
      const start: FramesStart = {
        type: 'frames', control: control.port2, mattes: mattes.port2, streams, input: engine.withModel.model.spec.input, maxFps,
        background: background.background,
      };
      const given: Transferable[] = [control.port2, mattes.port2, ...background.transfer];
      this.#worker.postMessage(start, streams ? [...given, streams.readable, streams.writable] : given);
    } catch (error) {
      this.#elements?.close();
      this.#worker.terminate();
      throw toDecalError(error, 'unsupported', 'live video');
    }
    this.stream = new MediaStream([this.#result, ...audio]);
    this.#control.onmessage = ({ data }: MessageEvent<FromFrames>) => this.#receive(data);
    engine.run(mattes.port1).catch((error: unknown) => this.#end(toDecalError(error, 'internal')));
    if (!signal) return;
    const onAbort = () => this.#abort(signal);
    signal.addEventListener('abort', onAbort, { once: true });
    void this.ended.then(() => signal.removeEventListener('abort', onAbort));
  }

  stats(): VideoStats {
    const { dropped = 0 } = this.#elements ?? {};
    const stats = structuredClone(this.#stats);
    return { ...stats, framesIn: stats.framesIn + dropped, framesDropped: stats.framesDropped + dropped };
  }

  async setBackground(background: VideoBackground): Promise<void> {
    const turn = ++this.#backgrounds;
    const { background: made, transfer } = await portableBackground(background);
    if (turn === this.#backgrounds && !this.#ending) return this.#post({ type: 'background', background: made }, transfer);
    discard(made);
  }

  stop(): Promise<void> {
    return this.#end(null);
  }

  #abort({ reason }: AbortSignal): void {
    this.#tellReady(reason);
    void this.#end(null);
  }

  #receive(message: FromFrames): void {
    switch (message.type) {
      case 'ready':
        this.#tellReady();
        break;
      case 'drawn':
        this.#elements?.drawn(message.picture);
        break;
      case 'stats':
        this.#stats = message.stats;
        break;
      case 'ended': {
        this.#stats = message.stats;
        this.#tellClosed();
        const { failure } = message;
        void this.#end(failure && new DecalError(failure.code, failure.message));
        break;
      }
    }
  }

  #end(why: DecalError | null): Promise<void> {
    return (this.#ending ??= this.#close(why));
  }

  async #close(why: DecalError | null): Promise<void> {
    this.#engine.close();
    this.#post({ type: 'end' });
    this.#elements?.close();
    await Promise.race([this.#closed, new Promise((resolve) => setTimeout(resolve, kEndMs))]);
    this.#result.stop();
    this.#worker.terminate();
    this.#control.close();
    this.#tellReady(why ?? new DecalError('aborted', 'the stream was stopped'));
    this.#tellEnded(why);
  }

  #post(message: ToFrames, transfer: Transferable[] = []): void {
    this.#control.postMessage(message, transfer);
  }
}

/** Nulls where the browser has no such streams. */
function trackStreams(track: MediaStreamTrack): { streams: FramesStart['streams']; result: MediaStreamTrack | null } {
  const { MediaStreamTrackProcessor, MediaStreamTrackGenerator } = globalThis as TrackStreams;
  if (!MediaStreamTrackProcessor || !MediaStreamTrackGenerator) return { streams: null, result: null };
  const { readable } = new MediaStreamTrackProcessor({ track, maxBufferSize: 1 });
  const result = new MediaStreamTrackGenerator({ kind: 'video' });
  return { streams: { readable, writable: result.writable }, result };
}

function discard(background: FrameBackground): void {
  if (background.kind === 'picture') background.picture.close();
}
