// The entry `decal/react`: a hook that keeps one cut-out, a component that shows it, and the hook for cameras.
// SPDX-License-Identifier: MIT
'use client';
import {
  createElement as h, useCallback, useEffect, useId, useRef, useState, useSyncExternalStore,
  type ChangeEvent, type CSSProperties, type DragEvent, type ReactElement, type ReactNode,
} from 'react';
import { getCapabilities, removeBackground, subscribeToProgress } from './index.js';
import type {
  Capabilities, ImageSource, OutputFormat, ProgressState, RemoveBackgroundOptions, RemoveBackgroundResult,
} from '../shared/types.js';

export { useVideoBackground, type VideoBackgroundOptions, type VideoBackgroundState } from './use-video-background.js';
export type { VideoBackground, VideoStats } from './video.js';

/** Options as for removeBackground. The latest apply to the next picture. */
export type BackgroundRemoverOptions = Omit<RemoveBackgroundOptions, 'signal'>;

type Work =
  | { status: 'idle'; result: null; error: null }
  | { status: 'working'; result: null; error: null }
  | { status: 'done'; result: RemoveBackgroundResult; error: null }
  | { status: 'error'; result: null; error: Error };

/** The state of {@link useBackgroundRemover}. `result` is valid until the next `remove`, `reset` or unmounting. */
export type BackgroundRemoverState = Work & {
  /** Of the model's download, even if another part of the page started it. */
  progress: ProgressState;
  /** What the model runs on; null until that is known. */
  capabilities: Capabilities | null;
  /** Removes the background of a picture and stops work on an earlier one. Null if it failed or was stopped itself. */
  remove: (source: ImageSource) => Promise<RemoveBackgroundResult | null>;
  /** Stops the work and frees the result. */
  reset: () => void;
};

const kIdle: Work = { status: 'idle', result: null, error: null };
const kNoProgress: ProgressState = { phase: 'idle', progress: 0, sessionId: 0 };

// The page has one engine and so one progress, which many components may show.
let latestProgress = kNoProgress;
const watchProgress = (changed: () => void) =>
  subscribeToProgress((state) => {
    latestProgress = state;
    changed();
  });
const readProgress = () => latestProgress;
const noProgress = () => kNoProgress;

/** Keeps one cut-out and its object URLs, and frees everything on unmounting. */
export function useBackgroundRemover(options: BackgroundRemoverOptions = {}): BackgroundRemoverState {
  const [work, setWork] = useState(kIdle);
  const progress = useSyncExternalStore(watchProgress, readProgress, noProgress);
  const capabilities = useCapabilities(progress.phase === 'ready');
  const latest = useRef(options);
  /** What is in progress or held; null after unmounting. */
  const current = useRef<{ abort: AbortController; result: RemoveBackgroundResult | null } | null>(null);

  useEffect(() => {
    latest.current = options;
  });

  const replace = useCallback((next: Work) => {
    current.current?.abort.abort();
    current.current?.result?.revoke();
    current.current = { abort: new AbortController(), result: null };
    setWork(next);
    return current.current;
  }, []);

  useEffect(() => {
    replace(kIdle);
    return () => {
      // Reset the state too: React may restore it later, when its object URLs are no longer valid.
      replace(kIdle);
      current.current = null;
    };
  }, [replace]);

  const remove = useCallback(async (source: ImageSource) => {
    if (!current.current) return null;
    const mine = replace({ status: 'working', result: null, error: null });
    const { signal } = mine.abort;
    try {
      const result = await removeBackground(source, { ...latest.current, signal });
      if (signal.aborted) {
        result.revoke();
        return null;
      }
      mine.result = result;
      setWork({ status: 'done', result, error: null });
      return result;
    } catch (error) {
      if (!signal.aborted) {
        setWork({ status: 'error', result: null, error: error instanceof Error ? error : new Error(String(error)) });
      }
      return null;
    }
  }, [replace]);

  const reset = useCallback(() => void replace(kIdle), [replace]);
  return { ...work, progress, capabilities, remove, reset };
}

/** A forecast at first. Once a model is ready, how it really runs. */
function useCapabilities(ready: boolean): Capabilities | null {
  const [capabilities, setCapabilities] = useState<Capabilities | null>(null);
  // biome-ignore lint/correctness/useExhaustiveDependencies: asked again once a model is ready
  useEffect(() => {
    let gone = false;
    // If nothing can run at all, the first picture reports why.
    getCapabilities().then((known) => gone || setCapabilities(known), () => {});
    return () => {
      gone = true;
    };
  }, [ready]);
  return capabilities;
}

/** The component's texts. English by default. */
export interface BackgroundRemoverLabels {
  choose: string;
  drop: string;
  working: string;
  /** `percent`: 0 to 100. */
  downloading: (percent: number) => string;
  building: string;
  cancel: string;
  download: string;
  again: string;
  /** Alternative text of the result. */
  result: string;
}

const kLabels: BackgroundRemoverLabels = {
  choose: 'Choose a picture',
  drop: 'or drop one here',
  working: 'Removing the background…',
  downloading: (percent) => `Downloading the model: ${Math.round(percent)} %`,
  building: 'Preparing the model…',
  cancel: 'Cancel',
  download: 'Download',
  again: 'Another picture',
  result: 'The picture without its background',
};

export interface BackgroundRemoverProps extends BackgroundRemoverOptions {
  /** Class name in addition to `decal`. Every part has a class too: `decal-badge`, `decal-drop`, `decal-preview` and so on. */
  className?: string;
  labels?: Partial<BackgroundRemoverLabels>;
  /** Called with each result. Its object URLs are valid until the next picture or unmounting. */
  onResult?: (result: RemoveBackgroundResult) => void;
  onError?: (error: Error) => void;
}

const kEndings: Record<OutputFormat, string> = {
  'image/png': 'png', 'image/webp': 'webp', 'image/jpeg': 'jpg', 'image/x-rgba8': 'rgba',
};

/** A component for choosing or dropping a picture. Shows progress, the device and the result, and offers the download. */
export function BackgroundRemover(
  { className, labels, onResult, onError, ...options }: BackgroundRemoverProps,
): ReactElement {
  const remover = useBackgroundRemover(options);
  const { status, result, error } = remover;
  const text = { ...kLabels, ...labels };
  const [name, setName] = useState('picture');

  const listeners = useRef({ onResult, onError });
  useEffect(() => {
    listeners.current = { onResult, onError };
  });
  useEffect(() => {
    if (result) listeners.current.onResult?.(result);
    if (error) listeners.current.onError?.(error);
  }, [result, error]);

  const take = (file: File | undefined) => {
    if (!file) return;
    setName(file.name.replace(/\.[^.]*$/, '') || 'picture');
    void remover.remove(file);
  };
  return h('section', { className: className ? `decal ${className}` : 'decal', 'data-status': status, style: kStyles.frame },
    h(Badge, { capabilities: remover.capabilities }),
    status === 'working' && h(Working, { progress: remover.progress, text, onCancel: remover.reset }),
    result && h(Result, {
      result, text, name: `${name}-cutout.${kEndings[options.output?.format ?? 'image/png']}`, onAgain: remover.reset,
    }),
    (status === 'idle' || status === 'error') && h(Drop, { text, onFile: take }),
    error && h('p', { className: 'decal-error', role: 'alert', style: kStyles.error }, error.message));
}

function Badge({ capabilities }: { capabilities: Capabilities | null }): ReactNode {
  if (!capabilities) return null;
  const { device, dtype, threads, reason } = capabilities;
  const label = device === 'webgpu'
    ? `WebGPU · ${dtype}`
    : `WebAssembly · ${threads} ${threads === 1 ? 'thread' : 'threads'}`;
  return h('span', { className: 'decal-badge', 'data-device': device, title: reason, style: kStyles.badge }, label);
}

function Drop({ text, onFile }: { text: BackgroundRemoverLabels; onFile: (file: File | undefined) => void }): ReactNode {
  const id = useId();
  return h('div', {
    className: 'decal-drop',
    style: kStyles.drop,
    onDragOver: (event: DragEvent) => event.preventDefault(),
    onDrop: (event: DragEvent) => {
      event.preventDefault();
      onFile(event.dataTransfer.files[0]);
    },
  },
  h('label', { htmlFor: id, style: kStyles.choose }, text.choose),
  h('input', {
    id,
    type: 'file',
    accept: 'image/*',
    onChange: ({ currentTarget }: ChangeEvent<HTMLInputElement>) => onFile(currentTarget.files?.[0]),
  }),
  h('span', { style: kStyles.hint }, text.drop));
}

function Working({ progress: { phase, progress }, text, onCancel }: {
  progress: ProgressState; text: BackgroundRemoverLabels; onCancel: () => void;
}): ReactNode {
  const loading = phase === 'downloading' || phase === 'building';
  const label = phase === 'downloading' ? text.downloading(progress) : phase === 'building' ? text.building : text.working;
  return h('div', { className: 'decal-working', style: kStyles.row },
    // Without a value the bar shows that its progress is unknown.
    h('progress', { max: 100, 'aria-label': label, style: kStyles.progress, ...(loading ? { value: progress } : {}) }),
    h('span', { className: 'decal-state', role: 'status' }, label),
    h('button', { type: 'button', className: 'decal-cancel', onClick: onCancel }, text.cancel));
}

function Result({ result: { blobUrl, previewUrl, width, height, processingTimeSeconds, notes }, text, name, onAgain }: {
  result: RemoveBackgroundResult; text: BackgroundRemoverLabels; name: string; onAgain: () => void;
}): ReactNode {
  const facts = [`${width} × ${height}`, `${processingTimeSeconds.toFixed(1)} s`, ...notes];
  return h('figure', { className: 'decal-result', style: kStyles.figure },
    h('img', { className: 'decal-preview', src: previewUrl, alt: text.result, style: kStyles.preview }),
    h('figcaption', { className: 'decal-facts', style: kStyles.hint }, facts.join(' · ')),
    h('div', { style: kStyles.row },
      h('a', { className: 'decal-download', href: blobUrl, download: name }, text.download),
      h('button', { type: 'button', className: 'decal-again', onClick: onAgain }, text.again)));
}

// Enough style to be usable without a style sheet, in the colours of the page around it.
const kStyles = {
  frame: { display: 'grid', gap: 12, maxWidth: 480, font: 'inherit' },
  badge: { justifySelf: 'start', padding: '2px 10px', border: '1px solid', borderRadius: 999, fontSize: '0.8em' },
  drop: { display: 'grid', gap: 8, justifyItems: 'center', padding: 24, border: '2px dashed', borderRadius: 12 },
  choose: { fontWeight: 600 },
  hint: { fontSize: '0.85em', opacity: 0.8 },
  row: { display: 'flex', flexWrap: 'wrap', gap: 12, alignItems: 'center' },
  progress: { flex: '1 1 120px' },
  figure: { display: 'grid', gap: 8, margin: 0 },
  preview: {
    maxWidth: '100%',
    borderRadius: 12,
    // The usual chequerboard behind transparent parts.
    background: 'repeating-conic-gradient(#ddd 0 25%, #fff 0 50%) 0 0 / 20px 20px',
  },
  // Marked by its border, because a text colour would have to suit the page's.
  error: { margin: 0, paddingLeft: 10, borderLeft: '4px solid #d93025' },
} satisfies Record<string, CSSProperties>;
