// Frames without track processors: from a video element, as each is shown, to a canvas whose stream is the result.
// SPDX-License-Identifier: MIT
import { DecalError, toDecalError } from '../shared/errors.js';
import type { ToFrames } from '../adapters/worker/frame-messages.js';

/** How often it is seen whether the source has ended: a track that its own page stops says nothing. */
const kWatchMs = 500;
/** How long the first frame may take in a page that is seen, of a source that sends: cameras take 3 s at most. */
const kFirstFrameMs = 10_000;
/** More than cameras have; how often the canvas is looked at. */
const kMostFps = 60;
/** How often it is looked for a new frame where the browser does not tell: once a frame of most displays. */
const kPollMs = 16;

export class ElementFrames {
  readonly #video = document.createElement('video');
  readonly #canvas = document.createElement('canvas');
  readonly #context: CanvasRenderingContext2D;
  readonly #control: MessagePort;
  readonly #timer: ReturnType<typeof setInterval>;
  #waiting = false;
  #over = false;
  #shown = false;
  #poll: ReturnType<typeof setInterval> | undefined;
  readonly stream: MediaStream;
  /** Frames that were overtaken by newer ones before they were taken from the element. */
  dropped = 0;

  /** `onFailed`: with why there will be no more frames. */
  constructor(track: MediaStreamTrack, control: MessagePort, onFailed: (error: DecalError) => void) {
    const context = this.#canvas.getContext('2d');
    if (!context) throw new DecalError('unsupported', 'this browser draws no canvas');
    this.#context = context;
    this.#control = control;
    // Without a rate WebKitGTK takes the first frames and no others.
    this.stream = this.#canvas.captureStream(kMostFps);
    const video = this.#video;
    video.muted = true;
    video.playsInline = true;
    video.srcObject = new MediaStream([track]);
    const told = () => {
      if (this.#over) return;
      clearInterval(this.#poll);
      video.requestVideoFrameCallback(told);
      void this.#take(onFailed);
    };
    video.requestVideoFrameCallback(told);
    video.play().catch((error: unknown) => {
      if (!this.#over) onFailed(toDecalError(error, 'io', 'the source does not play'));
    });
    let waited = 0;
    this.#timer = setInterval(() => {
      if (track.readyState === 'ended') onFailed(new DecalError('io', "the source's track has ended"));
      if (!this.#shown && framesShown(video) > 0) this.#look(onFailed);
      if (this.#shown || track.muted || document.visibilityState !== 'visible' || (waited += kWatchMs) < kFirstFrameMs) return;
      onFailed(new DecalError('unsupported', `live video: this browser has shown no frame of the source in ${kFirstFrameMs / 1000} seconds`));
    }, kWatchMs);
  }

  /** The answer to a frame. */
  drawn(picture: ImageBitmap | null): void {
    this.#waiting = false;
    if (!picture) return;
    if (!this.#over) {
      const { width, height } = picture;
      if (this.#canvas.width !== width || this.#canvas.height !== height) Object.assign(this.#canvas, { width, height });
      this.#context.globalCompositeOperation = 'copy';
      this.#context.drawImage(picture, 0, 0);
    }
    picture.close();
  }

  close(): void {
    this.#over = true;
    clearInterval(this.#timer);
    clearInterval(this.#poll);
    this.#video.srcObject = null;
    for (const track of this.stream.getTracks()) track.stop();
  }

  /** For elements that count the frames they show but do not call back, as WebKitGTK 2.50 was seen to do. */
  #look(onFailed: (error: DecalError) => void): void {
    let last = 0;
    this.#poll ??= setInterval(() => {
      const shown = framesShown(this.#video);
      if (shown === last) return;
      last = shown;
      void this.#take(onFailed);
    }, kPollMs);
  }

  async #take(onFailed: (error: DecalError) => void): Promise<void> {
    this.#shown = true;
    if (this.#waiting) {
      ++this.dropped;
      return;
    }
    this.#waiting = true;
    try {
      const frame = await currentFrame(this.#video);
      if (this.#over) return frame.close();
      this.#control.postMessage({ type: 'frame', frame } satisfies ToFrames, [frame]);
    } catch (error) {
      if (!this.#over) onFailed(toDecalError(error, 'unsupported', 'a frame of the source cannot be read'));
    }
  }
}

function framesShown(video: HTMLVideoElement): number {
  return video.getVideoPlaybackQuality?.().totalVideoFrames ?? 0;
}

async function currentFrame(video: HTMLVideoElement): Promise<VideoFrame | ImageBitmap> {
  if (typeof VideoFrame === 'function') {
    try {
      return new VideoFrame(video);
    } catch {
      // Not of every video.
    }
  }
  return createImageBitmap(video);
}
