// The messages of a stream: between the page and the worker with the frames, and between that and the engine's.
// SPDX-License-Identifier: MIT
import type { DecalErrorCode } from '../../shared/errors.js';
import type { ModelSpec } from '../../shared/types.js';
import type { VideoStats } from '../../shared/video.js';

/** What lies behind the subject, ready for the worker. A picture covers the frame. */
export type FrameBackground =
  | { kind: 'transparent' }
  | { kind: 'colour'; colour: string }
  | { kind: 'picture'; picture: ImageBitmap }
  | { kind: 'blur'; radius: number };

/** First message to a worker that is to compose frames. */
export interface FramesStart {
  type: 'frames';
  /** To the page. */
  control: MessagePort;
  /** To the engine. */
  mattes: MessagePort;
  /** Where frames come from and go to; null where a track follows, or the page brings and takes each. */
  streams: { readable: ReadableStream<VideoFrame>; writable: WritableStream<VideoFrame> } | null;
  input: ModelSpec['input'];
  maxFps: number | null;
  background: FrameBackground;
}

/** After it, from a page that has no streams: a copy of the source's track, which the worker stops. It answers with `streams`. */
export interface TrackLoan {
  type: 'track';
  track: MediaStreamTrack;
}

export type ToFrames =
  | { type: 'background'; background: FrameBackground }
  /** From a page that brings each; the next one comes after `drawn`. */
  | { type: 'frame'; frame: VideoFrame | ImageBitmap }
  /** Whether the source's track is enabled; of a loan. */
  | { type: 'enabled'; enabled: boolean }
  | { type: 'end' };

export type FromFrames =
  /** To a loan: the track with the result; null where this worker has no way, so that the page brings and takes each frame. */
  | { type: 'streams'; result: MediaStreamTrack | null }
  /** The engine is ready for frames. */
  | { type: 'ready' }
  /** For a page that takes each; null where there is no matte yet, or the frame came too soon. */
  | { type: 'drawn'; picture: ImageBitmap | null }
  | { type: 'stats'; stats: VideoStats }
  /** Every frame is closed. `failure`: why, unless the page asked for it. */
  | { type: 'ended'; stats: VideoStats; failure: { code: DecalErrorCode; message: string } | null };

/** To the engine: a small copy of the frame. */
export interface MatteRequest {
  rgba: Uint8ClampedArray<ArrayBuffer>;
  width: number;
  height: number;
}

export type MatteAnswer =
  | { type: 'ready' }
  /** The copy, with its matte as its alpha. */
  | { type: 'matte'; rgba: Uint8ClampedArray<ArrayBuffer>; width: number; height: number; ms: number; provider: 'webgpu' | 'wasm'; threads: number };
