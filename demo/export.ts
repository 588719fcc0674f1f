// The file to download or copy: the cut-out in the chosen format, over the chosen background, without a second run.
import type { ExportAnswer, ExportRequest } from './export_protocol.ts';

export interface ExportOptions {
  type: 'image/png' | 'image/webp' | 'image/jpeg';
  /** A CSS colour, or '' for transparent. JPEG gets white then. */
  background: string;
}

let worker: Worker | null = null;
let nextId = 1;
const waiting = new Map<number, { done: (blob: Blob) => void; failed: (error: Error) => void }>();

/** `cutout` is the package's result: a PNG with straight alpha. */
export function exportPicture(cutout: Blob, { type, background }: ExportOptions): Promise<Blob> {
  if (type === 'image/png' && background === '') return Promise.resolve(cutout);
  return new Promise((done, failed) => {
    const request: ExportRequest = {
      id: nextId++,
      cutout,
      type,
      background: background || (type === 'image/jpeg' ? '#ffffff' : ''),
    };
    waiting.set(request.id, { done, failed });
    (worker ??= startWorker()).postMessage(request);
  });
}

function startWorker(): Worker {
  const started = new Worker(new URL('./export_worker.js', import.meta.url), { type: 'module', name: 'decal-export' });
  started.onmessage = ({ data }: MessageEvent<ExportAnswer>) => {
    const entry = waiting.get(data.id);
    waiting.delete(data.id);
    if (data.blob) entry?.done(data.blob);
    else entry?.failed(new Error(data.error));
  };
  started.onerror = () => {
    // Without this, a worker that cannot start would leave its callers waiting for ever.
    for (const { failed } of waiting.values()) failed(new Error('the picture could not be encoded'));
    waiting.clear();
    worker = null;
  };
  return started;
}
