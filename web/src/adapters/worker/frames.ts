// The worker with the frames: takes the newest, asks the engine's worker for its matte, puts it together and passes it on.
// SPDX-License-Identifier: MIT
import { toDecalError, type DecalError } from '../../shared/errors.js';
import { kNoStats, type VideoStats } from '../../shared/video.js';
import { checkCanvas } from './canvas.js';
import { Compositor, sizeOf, type Frame } from './compositor.js';
import type { FramesStart, FromFrames, MatteAnswer, MatteRequest, ToFrames } from './frame-messages.js';
import { PlanarCompositor } from './planar-compositor.js';
import { openTrackStreams } from './track-streams.js';

/** How long a frame waits for its own matte, in milliseconds. Beyond it, it is shown with the last one: one frame at 30 a second. */
const kPatienceMs = 33;
const kStatsMs = 250;

/** Starts what `start` describes; it ends with `ended`, or with the worker. Null where it cannot start: `ended` says why. */
export function composeFrames(start: FramesStart): Frames | null {
  const { control } = start;
  try {
    checkCanvas('live video');
    const frames = new Frames(start);
    frames.begin();
    return frames;
  } catch (error) {
    const { code, message } = toDecalError(error, 'internal');
    control.postMessage({ type: 'ended', stats: kNoStats, failure: { code, message } } satisfies FromFrames);
    return null;
  }
}

/** A frame that a compositor has, on its canvas or in planes of its own. */
interface Taken {
  frame: Frame;
  planar: PlanarCompositor | null;
  /** How long it has taken so far. */
  ms: number;
  /** Whether the engine was asked for its matte. */
  asked: boolean;
}

export class Frames {
  readonly #start: FramesStart;
  readonly #compositor: Compositor;
  /** Two, for the frame that waits for its matte and the one after it. */
  readonly #planars: [PlanarCompositor, PlanarCompositor];
  /** The last small copy that came back, and memory for the next. */
  #matted: ImageData | null = null;
  #spare: Uint8ClampedArray<ArrayBuffer> | null = null;
  #reader: ReadableStreamDefaultReader<VideoFrame> | null = null;
  #writer: WritableStreamDefaultWriter<VideoFrame> | null = null;
  /** A loan of the page's. */
  #track: MediaStreamTrack | null = null;
  readonly #stats: VideoStats = structuredClone(kNoStats);
  readonly #timer: ReturnType<typeof setInterval>;
  /** The newest frame, until it is taken. */
  #next: Frame | null = null;
  #wake = () => {};
  /** When the last frame was taken, by its own clock where it has one, in milliseconds. */
  #lastTaken = -Infinity;
  #engineReady = false;
  /** Settles with the matte that the engine is at; null while it is idle. */
  #making: Promise<void> | null = null;
  #made = () => {};
  #showing: Promise<void> = Promise.resolve();
  #over = false;

  constructor(start: FramesStart) {
    this.#start = start;
    this.#compositor = new Compositor(start.input, start.background);
    this.#planars = [new PlanarCompositor(start.input), new PlanarCompositor(start.input)];
    this.#timer = setInterval(() => this.#tell({ type: 'stats', stats: this.#stats }), kStatsMs);
  }

  begin(): void {
    const { control, mattes } = this.#start;
    control.onmessage = ({ data }: MessageEvent<ToFrames>) => this.#receive(data);
    mattes.onmessage = ({ data }: MessageEvent<MatteAnswer>) => this.#answered(data);
    this.#showing = this.#show();
    if (this.#start.streams) this.#attach(this.#start.streams);
  }

  /** Reads the frames of a track from now on, if this browser lets workers do that, and tells the page whether it does. */
  takeTrack(track: MediaStreamTrack): void {
    const streams = this.#over ? null : openTrackStreams(track);
    const transfer: unknown[] = [];
    if (streams) {
      this.#track = track;
      this.#attach(streams);
      transfer.push(streams.result);
    } else {
      track.stop();
    }
    this.#tell({ type: 'streams', result: streams?.result ?? null }, transfer as Transferable[]);
  }

  #attach({ readable, writable }: NonNullable<FramesStart['streams']>): void {
    this.#reader = readable.getReader();
    this.#writer = writable.getWriter();
    void this.#read(this.#reader);
  }

  #receive(message: ToFrames): void {
    switch (message.type) {
      case 'background':
        this.#compositor.background = message.background;
        break;
      case 'frame':
        this.#offer(message.frame, performance.now());
        break;
      case 'enabled':
        if (this.#track) this.#track.enabled = message.enabled;
        break;
      case 'end':
        void this.#end(null);
        break;
    }
  }

  // Always waiting for a frame, so that none waits for us.
  async #read(reader: ReadableStreamDefaultReader<VideoFrame>): Promise<void> {
    try {
      for (;;) {
        const { done, value } = await reader.read();
        if (done) break;
        this.#offer(value, value.timestamp / 1000);
      }
      await this.#end(toDecalError(new Error("the source's track has ended"), 'io'));
    } catch (error) {
      await this.#end(toDecalError(error, 'io', "the source's track cannot be read"));
    }
  }

  #offer(frame: Frame, at: number): void {
    const { maxFps } = this.#start;
    ++this.#stats.framesIn;
    ++this.#stats.framesOpen;
    // A tenth of leeway: times of frames are never even. A clock that went back starts anew.
    const tooSoon = maxFps !== null && at >= this.#lastTaken && at - this.#lastTaken < 900 / maxFps;
    if (this.#over || tooSoon) {
      this.#drop(frame);
      return;
    }
    this.#lastTaken = at;
    if (this.#next) this.#drop(this.#next);
    this.#next = frame;
    this.#wake();
  }

  #drop(frame: Frame): void {
    ++this.#stats.framesDropped;
    this.#close(frame);
    if (!this.#over && !this.#writer) this.#tell({ type: 'drawn', picture: null });
  }

  #close(frame: Frame): void {
    frame.close();
    --this.#stats.framesOpen;
  }

  /** One frame after the other, the newest each time. */
  async #show(): Promise<void> {
    let ahead: Taken | null = null;
    while (!this.#over) {
      if (!ahead && !this.#next) {
        await new Promise<void>((resolve) => void (this.#wake = resolve));
        continue;
      }
      try {
        const taken: Taken | null = ahead ?? (await this.#take());
        ahead = null;
        if (taken) ahead = await this.#showOne(taken);
      } catch (error) {
        void this.#end(toDecalError(error, 'internal', 'a frame'));
      }
    }
    if (ahead) this.#drop(ahead.frame);
  }

  /** The newest frame and, if the engine is idle, a request for its matte; null where there is no frame. */
  async #take(): Promise<Taken | null> {
    const frame = this.#next;
    this.#next = null;
    if (!frame) return null;
    try {
      const start = performance.now();
      const { background } = this.#compositor;
      // A processor that makes the mattes most likely draws on canvases, too.
      const [planar] = this.#planars;
      const planes = this.#writer !== null && this.#stats.provider === 'wasm' && (await planar.take(frame, background));
      if (planes) this.#planars.reverse();
      else this.#compositor.take(frame);
      const taken = { frame, planar: planes ? planar : null, ms: performance.now() - start, asked: false };
      this.#ask(taken);
      return taken;
    } catch (error) {
      this.#drop(frame);
      throw error;
    }
  }

  /** Shows it; answers with the next one, if that was there in time to go to the engine before this one was put together. */
  async #showOne(taken: Taken): Promise<Taken | null> {
    const { frame, planar } = taken;
    let shown = false;
    let ahead: Taken | null = null;
    try {
      this.#ask(taken);
      if (taken.asked) {
        const asked = performance.now();
        planar?.prepare(this.#compositor.background);
        taken.ms += performance.now() - asked;
        await this.#patience();
      }
      if (this.#over || !this.#compositor.hasMatte) return null;
      if (planar && !this.#making) ahead = await this.#take();
      const start = performance.now();
      Object.assign(this.#stats, sizeOf(frame));
      if (!planar) this.#compositor.compose();
      if (this.#writer) {
        // What is written belongs to the stream, which closes it.
        const result = planar ? planar.compose(frame as VideoFrame, this.#compositor.background) : this.#drawn(frame as VideoFrame);
        this.#measure('compose', taken.ms + performance.now() - start);
        await this.#writer.write(result).catch((error: unknown) => {
          result.close();
          if (!this.#over) throw toDecalError(error, 'io', "the result's track cannot be written");
        });
      } else {
        const picture = this.#compositor.canvas.transferToImageBitmap();
        this.#measure('compose', taken.ms + performance.now() - start);
        this.#tell({ type: 'drawn', picture }, [picture]);
      }
      shown = true;
      ++this.#stats.framesOut;
      return ahead;
    } catch (error) {
      if (ahead) this.#drop(ahead.frame);
      throw error;
    } finally {
      if (shown) this.#close(frame);
      else this.#drop(frame);
    }
  }

  /** What the compositor has on its canvas, with the frame's times. */
  #drawn({ timestamp, duration }: VideoFrame): VideoFrame {
    const { canvas, background } = this.#compositor;
    return new VideoFrame(canvas, {
      timestamp, ...(duration ? { duration } : {}), alpha: background.kind === 'transparent' ? 'keep' : 'discard',
    });
  }

  /** Asks for the frame's matte if the engine is idle. */
  #ask(taken: Taken): void {
    if (!this.#engineReady || this.#making || taken.asked || this.#over) return;
    const start = performance.now();
    const { data, width, height } = taken.planar ? taken.planar.smallCopy(this.#spare) : this.#compositor.smallCopy();
    this.#spare = null;
    this.#measure('read', performance.now() - start);
    this.#making = new Promise((resolve) => {
      this.#made = resolve;
    });
    taken.asked = true;
    const request: MatteRequest = { rgba: data as Uint8ClampedArray<ArrayBuffer>, width, height };
    this.#start.mattes.postMessage(request, [data.buffer]);
  }

  /** Waits for the matte that was asked for as long as that keeps the picture in time. */
  async #patience(): Promise<void> {
    if (!this.#making || (this.#compositor.hasMatte && this.#stats.ms.matte > kPatienceMs)) return;
    await Promise.race([this.#making, new Promise((resolve) => setTimeout(resolve, kPatienceMs))]);
  }

  #answered(answer: MatteAnswer): void {
    if (answer.type === 'ready') {
      this.#engineReady = true;
      this.#tell({ type: 'ready' });
      return;
    }
    const { rgba, width, height, ms, provider, threads } = answer;
    this.#spare = (this.#matted?.data as Uint8ClampedArray<ArrayBuffer> | undefined) ?? null;
    this.#matted = new ImageData(rgba, width, height);
    this.#compositor.setMatte(this.#matted);
    for (const planar of this.#planars) planar.setMatte(this.#matted);
    ++this.#stats.mattes;
    this.#measure('matte', ms);
    Object.assign(this.#stats, { provider, threads });
    this.#making = null;
    this.#made();
  }

  /** A mean over about the last eight frames. */
  #measure(stage: keyof VideoStats['ms'], ms: number): void {
    const before = this.#stats.ms[stage];
    this.#stats.ms[stage] = before === 0 ? ms : before + (ms - before) / 8;
  }

  /** Closes everything, then says so. */
  async #end(failure: DecalError | null): Promise<void> {
    if (this.#over) return;
    this.#over = true;
    clearInterval(this.#timer);
    this.#made();
    this.#wake();
    if (this.#next) this.#drop(this.#next);
    this.#next = null;
    await this.#showing;
    await this.#reader?.cancel().catch(() => {});
    await this.#writer?.close().catch(() => {});
    this.#track?.stop();
    const told = failure && { code: failure.code, message: failure.message };
    this.#tell({ type: 'ended', stats: this.#stats, failure: told });
  }

  #tell(message: FromFrames, transfer: Transferable[] = []): void {
    this.#start.control.postMessage(message, transfer);
  }
}
