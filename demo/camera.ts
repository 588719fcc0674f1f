// The camera: its picture before another background as it comes, and stills of it for the model of photos.
// SPDX-License-Identifier: MIT
import type { LiveVideo, VideoBackground } from 'decal/video';
import { BackdropPicture } from './backdrop_picture.ts';
import { element } from './dom.ts';
import { cameraFacts, cameraProblem } from './strings.ts';

// What calls use, and what a laptop's camera has.
const kWanted: MediaStreamConstraints = { video: { width: { ideal: 1280 }, height: { ideal: 720 }, frameRate: { ideal: 30 } } };
/** Pixels of blur by a step of the slider: 1 to 10 are 3 to 30 in a frame of 1280 x 720. */
const kBlurStep = 3;
const kFactsMs = 1000;

interface CameraHooks {
  /** A frame as the camera gave it. */
  still: (picture: File) => void;
  failed: (text: string) => void;
}

/** What is on: from the click until it ends. */
interface Session {
  abort: AbortController;
  camera: MediaStream | null;
  live: LiveVideo | null;
}

export class Camera {
  readonly #stage = element('camera-stage', HTMLElement);
  readonly #frame = element('camera-frame', HTMLElement);
  readonly #video = element('camera-video', HTMLVideoElement);
  readonly #still = element('still', HTMLButtonElement);
  readonly #stop = element('camera-stop', HTMLButtonElement);
  readonly #start = element('camera-start', HTMLButtonElement);
  readonly #colour = element('camera-colour', HTMLInputElement);
  readonly #strength = element('camera-strength', HTMLInputElement);
  readonly #picture: BackdropPicture;
  #session: Session | null = null;

  constructor(readonly hooks: CameraHooks) {
    this.#start.addEventListener('click', () => void this.#turnOn());
    element('camera-retry', HTMLButtonElement).addEventListener('click', () => void this.#turnOn());
    this.#stop.addEventListener('click', () => {
      this.turnOff();
      this.#start.focus();
    });
    this.#still.addEventListener('click', () => void this.#takeStill());
    this.#video.addEventListener('resize', () => {
      const { videoWidth, videoHeight } = this.#video;
      if (videoWidth > 0 && videoHeight > 0) this.#frame.style.setProperty('--ratio', String(videoWidth / videoHeight));
    });
    this.#picture = new BackdropPicture(element('camera-backdrop-file', HTMLInputElement), element('camera-backdrop-chip', HTMLElement), {
      chosen: () => this.#choose('picture'),
      failed: hooks.failed,
    });
    for (const event of ['click', 'input']) this.#colour.addEventListener(event, () => this.#choose('own'));
    for (const choice of document.querySelectorAll('input[name="camera-background"]')) {
      choice.addEventListener('change', () => this.#showBackground());
    }
    this.#strength.addEventListener('input', () => this.#showBackground());
    element('camera-backdrop-pick', HTMLButtonElement).addEventListener('click', () => this.#picture.pick());
    element('camera-backdrop', HTMLInputElement).addEventListener('click', ({ detail }) => {
      // Arrow keys click as well (without a count): they pass by here on their way to other backgrounds.
      if (!this.#picture.file && detail > 0) this.#picture.pick();
    });
    this.#tell();
  }

  /** The camera's light goes out. Nothing happens where it is off. */
  turnOff(): void {
    const session = this.#session;
    if (!session) return;
    this.#end(session);
    this.#show('off');
  }

  async #turnOn(): Promise<void> {
    if (this.#session) return;
    const session: Session = (this.#session = { abort: new AbortController(), camera: null, live: null });
    const { signal } = session.abort;
    this.#show('starting');
    try {
      const camera = this.#open(session);
      camera.catch(() => {});  // those who await it get the error
      // Nothing of it is loaded before somebody wants it.
      const { removeBackgroundFromStream } = await import('decal/video');
      const live = await removeBackgroundFromStream(camera, { background: this.#background(), signal });
      session.live = live;
      this.#video.srcObject = live.stream;
      this.#show('live');
      this.#still.focus();
      this.#showBackground();  // it may have been chosen meanwhile
      const facts = setInterval(() => this.#tellFacts(live), kFactsMs);
      const why = await live.ended;
      clearInterval(facts);
      if (why) throw why;
    } catch (error) {
      if (signal.aborted) return;
      this.#end(session);
      this.#show('problem');
      const { title, hint, detail } = cameraProblem(error);
      element('camera-problem-title', HTMLElement).textContent = title;
      element('camera-problem-hint', HTMLElement).textContent = hint;
      element('camera-problem-detail', HTMLElement).textContent = detail;
    }
  }

  /** The camera. It is closed at once if it is no longer wanted. */
  async #open(session: Session): Promise<MediaStream> {
    // Browsers hide it from pages that are not served securely.
    if (!navigator.mediaDevices) throw new DOMException('this page is not served over https', 'SecurityError');
    const camera = await navigator.mediaDevices.getUserMedia(kWanted);
    if (session.abort.signal.aborted) close(camera);
    else session.camera = camera;
    return camera;
  }

  #end(session: Session): void {
    session.abort.abort();
    if (session.camera) close(session.camera);
    this.#video.srcObject = null;
    this.#session = null;
  }

  /** What the camera sees now, as it is: without the chosen background, and not as in a mirror. */
  async #takeStill(): Promise<void> {
    const camera = this.#session?.camera;
    if (!camera) return;
    this.#still.disabled = true;
    try {
      const picture = await frameOf(camera);
      this.hooks.still(new File([picture], `still-${timeStamp(new Date())}.png`, { type: picture.type }));
    } catch (error) {
      this.hooks.failed(`No still: ${error instanceof Error ? error.message : String(error)}`);
    }
    this.#still.disabled = this.#stage.dataset['state'] !== 'live';
  }

  #background(): VideoBackground {
    const value = this.#chosen();
    if (value === 'own') return this.#colour.value;
    if (value === 'blur') return { blur: kBlurStep * this.#strength.valueAsNumber };
    if (value === 'picture') return this.#picture.file ?? 'transparent';
    return value || 'transparent';
  }

  #chosen(): string {
    return document.querySelector<HTMLInputElement>('input[name="camera-background"]:checked')!.value;
  }

  #choose(value: string): void {
    document.querySelector<HTMLInputElement>(`input[name="camera-background"][value="${value}"]`)!.checked = true;
    this.#showBackground();
  }

  #showBackground(): void {
    this.#tell();
    this.#session?.live?.setBackground(this.#background()).catch((error: unknown) => {
      this.hooks.failed(`Not changed: ${error instanceof Error ? error.message : String(error)}`);
    });
  }

  #tell(): void {
    const chosen = this.#chosen();
    element('camera-strength-row', HTMLElement).hidden = chosen !== 'blur';
    element('camera-backdrop-pick', HTMLElement).hidden = chosen !== 'picture';
    element('camera-strength-words', HTMLElement).textContent = `${this.#strength.value} of 10`;
  }

  #show(state: 'off' | 'starting' | 'live' | 'problem'): void {
    this.#stage.dataset['state'] = state;
    element('camera-off', HTMLElement).hidden = state !== 'off';
    element('camera-busy', HTMLElement).hidden = state !== 'starting';
    element('camera-problem', HTMLElement).hidden = state !== 'problem';
    this.#still.disabled = state !== 'live';
    this.#stop.disabled = state !== 'live' && state !== 'starting';
    element('camera-facts', HTMLElement).textContent = '';
  }

  #before = { frames: 0, at: 0 };

  #tellFacts(live: LiveVideo): void {
    const stats = live.stats();
    const at = performance.now();
    const { frames, at: since } = this.#before;
    this.#before = { frames: stats.framesOut, at };
    // A count of another stream, or the first look at this one.
    if (stats.framesOut < frames || at - since > 2 * kFactsMs) return;
    element('camera-facts', HTMLElement).textContent = cameraFacts(stats, (1000 * (stats.framesOut - frames)) / (at - since));
  }
}

function close(camera: MediaStream): void {
  for (const track of camera.getTracks()) track.stop();
}

/** The next frame as a PNG. */
async function frameOf(camera: MediaStream): Promise<Blob> {
  const video = document.createElement('video');
  Object.assign(video, { muted: true, playsInline: true, srcObject: camera });
  try {
    await video.play();
    const canvas = Object.assign(document.createElement('canvas'), { width: video.videoWidth, height: video.videoHeight });
    canvas.getContext('2d')!.drawImage(video, 0, 0);
    return await new Promise((done, failed) => {
      canvas.toBlob((blob) => (blob ? done(blob) : failed(new Error('the frame cannot be read'))), 'image/png');
    });
  } finally {
    video.srcObject = null;
  }
}

/** "2026-11-30-141502". */
function timeStamp(time: Date): string {
  const two = (value: number): string => String(value).padStart(2, '0');
  const day = [time.getFullYear(), two(time.getMonth() + 1), two(time.getDate())].join('-');
  return `${day}-${two(time.getHours())}${two(time.getMinutes())}${two(time.getSeconds())}`;
}
