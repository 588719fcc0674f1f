// The entry `decal/video`: people without their background in a camera's stream, frame by frame as it comes.
// SPDX-License-Identifier: MIT
import { openStream } from './index.js';
import { checkRoutes, startLiveVideo } from '../page/live-video.js';
import { checkMaxFps, portableBackground, trackOf } from '../page/video-source.js';
import type { LiveVideo, VideoOptions, VideoSource } from '../page/video-types.js';

export type { DecalError, DecalErrorCode } from './index.js';
export type { LiveVideo, VideoBackground, VideoOptions, VideoSource } from '../page/video-types.js';
export type { VideoStats } from '../shared/video.js';

/**
 * Puts another background behind the person in a camera's stream. Resolves when the model is ready. The newest frame is shown and none
 * waits in a queue: on a slow device the matte is behind the picture, not the picture behind the camera. The source stays the caller's.
 *
 * @throws {DecalError} `invalid-argument` for a source that is no video, or whose track has ended; `io` or `not-found` for a camera that
 * was denied or is missing, where `source` is getUserMedia's promise; `unsupported`; and as removeBackground while the model is loaded.
 * An aborted call rejects with the signal's reason. Nothing is left then.
 */
export async function removeBackgroundFromStream(source: VideoSource, options: VideoOptions = {}): Promise<LiveVideo> {
  const { model = 'people-live', device, signal } = options;
  signal?.throwIfAborted();
  checkRoutes();
  const maxFps = checkMaxFps(options.maxFps);
  const background = await portableBackground(options.background);
  const { track, audio } = await trackOf(source, signal);
  signal?.throwIfAborted();
  return startLiveVideo({ track, audio, background, maxFps, signal }, openStream(model, device));
}
