// The way of frames that browsers have for it: out of a track as a stream, and as a stream into another track.
// SPDX-License-Identifier: MIT

export interface TrackStreams {
  readable: ReadableStream<VideoFrame>;
  writable: WritableStream<VideoFrame>;
  /** The track that is written to. */
  result: MediaStreamTrack;
}

/** What TypeScript's libraries do not know. */
export interface TrackScope {
  MediaStreamTrackProcessor?: new (init: { track: MediaStreamTrack; maxBufferSize?: number }) => { readable: ReadableStream<VideoFrame> };
  VideoTrackGenerator?: new () => { readonly track: MediaStreamTrack; readonly writable: WritableStream<VideoFrame> };
  MediaStreamTrackGenerator?: new (init: { kind: 'video' }) => MediaStreamTrack & { readonly writable: WritableStream<VideoFrame> };
}

/**
 * Null where there is none. The standard ("MediaStreamTrack Insertable Media Processing using Streams") has it in dedicated workers, with
 * VideoTrackGenerator, and so has Safari 18; Chromium had it before, in pages, with MediaStreamTrackGenerator.
 */
export function openTrackStreams(track: MediaStreamTrack, scope: TrackScope = globalThis as TrackScope): TrackStreams | null {
  const { MediaStreamTrackProcessor, VideoTrackGenerator, MediaStreamTrackGenerator } = scope;
  if (!MediaStreamTrackProcessor || !(VideoTrackGenerator || MediaStreamTrackGenerator)) return null;
  // One frame waits at most: the newest.
  const { readable } = new MediaStreamTrackProcessor({ track, maxBufferSize: 1 });
  if (VideoTrackGenerator) {
    const { track: result, writable } = new VideoTrackGenerator();
    return { readable, writable, result };
  }
  const result = new MediaStreamTrackGenerator!({ kind: 'video' });
  return { readable, writable: result.writable, result };
}

/** Whether openTrackStreams has a way in this context. */
export function hasTrackStreams(scope: TrackScope = globalThis as TrackScope): boolean {
  return Boolean(scope.MediaStreamTrackProcessor && (scope.VideoTrackGenerator ?? scope.MediaStreamTrackGenerator));
}
