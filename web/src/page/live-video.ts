// The page's side of a stream: which way its frames go, the two workers, and an end to all of it.
// SPDX-License-Identifier: MIT
import type { FrameBackground, FramesStart, FromFrames, ToFrames, TrackLoan } from '../adapters/worker/frame-messages.js';
import type { WithModel } from '../adapters/worker/protocol.js';
import { hasTrackStreams, openTrackStreams } from '../adapters/worker/track-streams.js';
import { DecalError, toDecalError } from '../shared/errors.js';
import { kNoStats, type VideoStats } from '../shared/video.js';
import { ElementFrames } from './element-frames.js';
import type { EngineWorker } from './spawn.js';
import { portableBackground, type Portable } from './video-source.js';
import type { LiveVideo, VideoBackground } from './video-types.js';

/** How long the worker with the frames may take to close them before it is ended anyway. */
const kEndMs = 500;
/** How often the source's track is looked at where a worker has a copy: what its page does to it is not told. */
const kWatchMs = 200;

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

/** @throws {DecalError} `unsupported` where frames can go no way */
export function checkRoutes(): void {
  const missing = [
    typeof Worker !== 'function' && 'workers',
    typeof OffscreenCanvas !== 'function' && 'OffscreenCanvas',
    !hasTrackStreams() &&
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
  readonly stream = new MediaStream();
  readonly ended: Promise<DecalError | null>;
  readonly ready: Promise<void>;
  readonly #engine: StreamEngine;
  readonly #worker: EngineWorker;
  readonly #control: MessagePort;
  readonly #track: MediaStreamTrack;
  #elements: ElementFrames | null = null;
  #result: MediaStreamTrack | null = null;
  #route: VideoStats['route'] = 'streams';
  #watch: ReturnType<typeof setInterval> | undefined;
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
    this.#track = track;
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
    for (const each of audio) this.stream.addTrack(each);
    try {
      const streams = openTrackStreams(track);
      const start: FramesStart = {
        type: 'frames', control: control.port2, mattes: mattes.port2, input: engine.withModel.model.spec.input, maxFps,
        streams: streams && { readable: streams.readable, writable: streams.writable }, background: background.background,
      };
      const given: Transferable[] = [control.port2, mattes.port2, ...background.transfer];
      this.#worker.postMessage(start, streams ? [...given, streams.readable, streams.writable] : given);
      if (streams) this.#show(streams.result, 'streams');
      else if (!this.#lend()) this.#takeElements();
    } catch (error) {
      this.#elements?.close();
      this.#worker.terminate();
      throw toDecalError(error, 'unsupported', 'live video');
    }
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
    return { ...stats, route: this.#route, framesIn: stats.framesIn + dropped, framesDropped: stats.framesDropped + dropped };
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

  #show(result: MediaStreamTrack, route: VideoStats['route']): void {
    this.#result = result;
    this.#route = route;
    this.stream.addTrack(result);
  }

  /** Gives the worker a copy of the track, if tracks can go there; it answers whether it can do anything with it. */
  #lend(): boolean {
    const own = this.#track.clone();
    try {
      this.#worker.postMessage({ type: 'track', track: own } satisfies TrackLoan, [own as unknown as Transferable]);
      return true;
    } catch {
      own.stop();
      return false;
    }
  }

  /** The worker has taken the copy, or cannot. */
  #lent(result: MediaStreamTrack | null): void {
    if (this.#ending) return result?.stop();
    if (!result) return this.#takeElements();
    this.#show(result, 'worker-streams');
    let enabled = true;
    this.#watch = setInterval(() => {
      if (this.#track.readyState === 'ended') void this.#end(new DecalError('io', "the source's track has ended"));
      if (this.#track.enabled !== enabled) this.#post({ type: 'enabled', enabled: (enabled = !enabled) });
    }, kWatchMs);
  }

  #takeElements(): void {
    this.#elements = new ElementFrames(this.#track, this.#control, (error) => void this.#end(error));
    this.#show(this.#elements.stream.getVideoTracks()[0]!, 'element');
  }

  #abort({ reason }: AbortSignal): void {
    this.#tellReady(reason);
    void this.#end(null);
  }

  #receive(message: FromFrames): void {
    switch (message.type) {
      case 'streams':
        try {
          this.#lent(message.result);
        } catch (error) {
          void this.#end(toDecalError(error, 'unsupported', 'live video'));
        }
        break;
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
    clearInterval(this.#watch);
    this.#engine.close();
    this.#post({ type: 'end' });
    this.#elements?.close();
    await Promise.race([this.#closed, new Promise((resolve) => setTimeout(resolve, kEndMs))]);
    this.#result?.stop();
    this.#worker.terminate();
    this.#control.close();
    this.#tellReady(why ?? new DecalError('aborted', 'the stream was stopped'));
    this.#tellEnded(why);
  }

  #post(message: ToFrames, transfer: Transferable[] = []): void {
    this.#control.postMessage(message, transfer);
  }
}

function discard(background: FrameBackground): void {
  if (background.kind === 'picture') background.picture.close();
}
