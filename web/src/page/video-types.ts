// What the entry `decal/video` takes and gives.
// SPDX-License-Identifier: MIT
import type { DecalError } from '../shared/errors.js';
import type { DeviceOption, ModelOption } from '../shared/types.js';
import type { VideoStats } from '../shared/video.js';

/** A camera, a call or a playing video; a promise of one as getUserMedia gives it. */
export type VideoSource = MediaStream | MediaStreamTrack | Promise<MediaStream>;

/**
 * What lies behind the subject: nothing, a CSS colour, a picture that covers the frame, or the frame itself out of focus, `blur` being the
 * standard deviation in pixels of the frame, 1 to 100. The blur is made of halved pictures, so that it comes in steps of 2.
 */
export type VideoBackground =
  | 'transparent'
  | (string & {})
  | ImageBitmap | Blob | HTMLCanvasElement | OffscreenCanvas | HTMLImageElement
  | { blur: number };

export interface VideoOptions {
  /** `transparent` if left out. */
  background?: VideoBackground;
  /** `people-live` if left out. */
  model?: ModelOption;
  /** `auto` if left out. */
  device?: DeviceOption;
  /** At most this many frames per second are processed; the others are dropped. */
  maxFps?: number;
  /** Stops the stream. */
  signal?: AbortSignal;
}

export interface LiveVideo {
  /** The result, with the source's sound. Nothing is shown before there is a matte. */
  readonly stream: MediaStream;
  /** As of the last quarter of a second. */
  stats(): VideoStats;
  /** From one of the next frames on. Rejects with `invalid-argument` or `corrupt-image`, and nothing changes then. */
  setBackground(background: VideoBackground): Promise<void>;
  /** Ends the stream and its workers; the source goes on. Resolves when nothing is left. */
  stop(): Promise<void>;
  /** Resolves when nothing is left: with null after `stop` or an abort, otherwise with why the stream ended. Never rejects. */
  readonly ended: Promise<DecalError | null>;
}
