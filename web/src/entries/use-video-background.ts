// The hook of `decal/react` for cameras: keeps one stream with another background, and an end to it with the component.
// SPDX-License-Identifier: MIT
import { useCallback, useEffect, useRef, useState } from 'react';
import { removeBackgroundFromStream, type LiveVideo, type VideoBackground, type VideoOptions, type VideoStats } from './video.js';

/** As for removeBackgroundFromStream. A `background` may change at any time; `model`, `device` or `maxFps` start the stream anew. */
export type VideoBackgroundOptions = Omit<VideoOptions, 'signal'>;

/** What {@link useVideoBackground} knows. */
export interface VideoBackgroundState {
  /** `idle` without a source. */
  status: 'idle' | 'starting' | 'live' | 'error';
  /** For a video element's `srcObject`; null until the model is ready. */
  stream: MediaStream | null;
  /** Why the stream ended or did not start; while it is live, why the last background was not taken. */
  error: Error | null;
  /** Null while nothing is live. */
  stats: () => VideoStats | null;
}

type Work = Omit<VideoBackgroundState, 'stats'>;
const kIdle: Work = { status: 'idle', stream: null, error: null };

/** The source in front of another background, as long as the component is there. The source stays the caller's. */
export function useVideoBackground(source: MediaStream | MediaStreamTrack | null, options: VideoBackgroundOptions = {}): VideoBackgroundState {
  const { background = 'transparent', model, device, maxFps } = options;
  const [work, setWork] = useState(kIdle);
  const live = useRef<LiveVideo | null>(null);
  const latest = useRef<VideoBackground>(background);

  const put = useCallback((next: VideoBackground) => {
    const target = live.current;
    const tell = (error: Error | null) => {
      if (target === live.current) setWork((now) => (now.status === 'live' ? { ...now, error } : now));
    };
    target?.setBackground(next).then(() => tell(null), tell);
  }, []);

  // A blur is the same as long as its number is.
  const blur = typeof background === 'object' && 'blur' in background ? background.blur : null;
  // biome-ignore lint/correctness/useExhaustiveDependencies: `blur` stands for an object that components make anew each time
  useEffect(() => {
    latest.current = background;
    put(background);
  }, [blur ?? background, put]);

  useEffect(() => {
    if (!source) return setWork(kIdle);
    const abort = new AbortController();
    const { signal } = abort;
    const begun = latest.current;
    setWork({ ...kIdle, status: 'starting' });
    const failed = (error: unknown) => {
      live.current = null;
      setWork({ status: 'error', stream: null, error: error instanceof Error ? error : new Error(String(error)) });
    };
    const chosen = { ...(model && { model }), ...(device && { device }), ...(maxFps !== undefined && { maxFps }) };
    removeBackgroundFromStream(source, { ...chosen, background: begun, signal }).then(async (started) => {
      if (signal.aborted) return;
      live.current = started;
      setWork({ status: 'live', stream: started.stream, error: null });
      if (latest.current !== begun) put(latest.current);
      const why = await started.ended;
      if (why && !signal.aborted) failed(why);
    }).catch((error: unknown) => {
      if (!signal.aborted) failed(error);
    });
    return () => {
      abort.abort();
      live.current = null;
    };
  }, [source, model, device, maxFps, put]);

  const stats = useCallback(() => live.current?.stats() ?? null, []);
  return { ...work, stats };
}
