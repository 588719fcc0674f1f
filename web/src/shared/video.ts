// What is counted of a stream of frames.
// SPDX-License-Identifier: MIT

/** What a stream has done so far. */
export interface VideoStats {
  /** Frames that came, and those of them that were shown. */
  framesIn: number;
  framesOut: number;
  /** Too soon for `maxFps`, overtaken by a newer one, or there was no matte yet. */
  framesDropped: number;
  /** Frames that are held at this moment: at most three. */
  framesOpen: number;
  mattes: number;
  /** Of a frame lately, in milliseconds: the small copy for the model, its matte, and the picture put together. */
  ms: { read: number; matte: number; compose: number };
  /** Null until the first matte. */
  provider: 'webgpu' | 'wasm' | null;
  threads: number;
  /** How frames come and go: streams of tracks, in the page or in a worker, or a video element and a canvas. */
  route: 'streams' | 'worker-streams' | 'element';
  /** Of the frames. */
  width: number;
  height: number;
}

export const kNoStats: VideoStats = {
  framesIn: 0, framesOut: 0, framesDropped: 0, framesOpen: 0, mattes: 0, ms: { read: 0, matte: 0, compose: 0 }, provider: null, threads: 0,
  route: 'streams', width: 0, height: 0,
};
