// Turns what the caller of `decal/video` has into a track and a background that a worker can take.
// SPDX-License-Identifier: MIT
import type { FrameBackground } from '../adapters/worker/frame-messages.js';
import { untilAborted } from '../shared/abort.js';
import { DecalError, toDecalError, type DecalErrorCode } from '../shared/errors.js';
import type { VideoBackground, VideoSource } from './video-types.js';

/** Pictures behind the subject are made no larger: they are drawn for every frame. */
const kLongestSide = 1920;

export interface Portable {
  background: FrameBackground;
  transfer: Transferable[];
}

/** A live video track, and the sound that goes with it. */
export async function trackOf(source: VideoSource, signal: AbortSignal | undefined): Promise<{ track: MediaStreamTrack; audio: MediaStreamTrack[] }> {
  const given = await settled(source, signal);
  if (given instanceof MediaStreamTrack) return { track: checkTrack(given), audio: [] };
  if (!(given instanceof MediaStream)) {
    throw new DecalError('invalid-argument', 'source: a MediaStream, a MediaStreamTrack or a promise of a MediaStream');
  }
  const [track] = given.getVideoTracks();
  if (!track) throw new DecalError('invalid-argument', 'source: the stream has no video track');
  return { track: checkTrack(track), audio: given.getAudioTracks() };
}

async function settled(source: VideoSource, signal: AbortSignal | undefined): Promise<MediaStream | MediaStreamTrack> {
  if (!(source instanceof Promise)) return source;
  try {
    return await untilAborted(source, signal);
  } catch (error) {
    throw signal?.aborted ? signal.reason : cameraError(error);
  }
}

function checkTrack(track: MediaStreamTrack): MediaStreamTrack {
  if (track.kind !== 'video') throw new DecalError('invalid-argument', `source: a track of ${track.kind}, not of video`);
  if (track.readyState === 'ended') throw new DecalError('invalid-argument', 'source: the track has ended');
  return track;
}

/** @throws {DecalError} `invalid-argument`, and `corrupt-image` for a file that is no picture */
export async function portableBackground(background: VideoBackground = 'transparent'): Promise<Portable> {
  if (background === 'transparent') return { background: { kind: 'transparent' }, transfer: [] };
  if (typeof background === 'string') {
    if (!CSS.supports('color', background)) {
      throw new DecalError('invalid-argument', `background: "${background.slice(0, 100)}" is no CSS colour`);
    }
    return { background: { kind: 'colour', colour: background }, transfer: [] };
  }
  if (
    background instanceof Blob || background instanceof ImageBitmap || background instanceof HTMLCanvasElement ||
    background instanceof OffscreenCanvas || background instanceof HTMLImageElement
  ) {
    const picture = await toBitmap(background);
    return { background: { kind: 'picture', picture }, transfer: [picture] };
  }
  if (typeof background === 'object' && background !== null && 'blur' in background) {
    return { background: { kind: 'blur', radius: checkBlur(background.blur) }, transfer: [] };
  }
  throw new DecalError('invalid-argument', "background: 'transparent', a CSS colour, a picture (ImageBitmap, Blob, canvas or image) or { blur }");
}

async function toBitmap(picture: Exclude<VideoBackground, string | { blur: number }>): Promise<ImageBitmap> {
  try {
    if (picture instanceof HTMLImageElement) await picture.decode();
    const whole = await createImageBitmap(picture);
    const { width, height } = whole;
    const scale = kLongestSide / Math.max(width, height);
    if (scale >= 1) return whole;
    const small = createImageBitmap(whole, {
      resizeWidth: Math.max(1, Math.round(width * scale)), resizeHeight: Math.max(1, Math.round(height * scale)), resizeQuality: 'high',
    });
    return await small.finally(() => whole.close());
  } catch (error) {
    throw toDecalError(error, picture instanceof Blob ? 'corrupt-image' : 'invalid-argument', 'background');
  }
}

/** Null without a limit. */
export function checkMaxFps(maxFps: unknown): number | null {
  if (maxFps === undefined) return null;
  if (typeof maxFps === 'number' && maxFps > 0 && maxFps <= 1000) return maxFps;
  throw new DecalError('invalid-argument', 'maxFps: a number over 0, at most 1000');
}

function checkBlur(blur: unknown): number {
  if (typeof blur === 'number' && blur >= 1 && blur <= 100) return blur;
  throw new DecalError('invalid-argument', 'background.blur: a number of pixels from 1 to 100');
}

/** Why a camera's promise came to nothing. */
function cameraError(error: unknown): DecalError {
  const name = error instanceof Error || error instanceof DOMException ? error.name : '';
  const detail = error instanceof Error || error instanceof DOMException ? error.message || name : String(error);
  const [code, what]: [DecalErrorCode, string] =
    name === 'NotAllowedError' || name === 'SecurityError' ? ['io', 'its use was denied']
      : name === 'NotFoundError' || name === 'OverconstrainedError' ? ['not-found', 'there is none like that']
        : ['io', 'it did not start'];
  return new DecalError(code, `camera: ${what}: ${detail}`, { cause: error });
}
