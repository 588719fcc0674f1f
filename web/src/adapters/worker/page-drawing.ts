// SVG, drawn by the page for the worker: workers have no image elements.
// SPDX-License-Identifier: MIT
import { DecalError, type DecalErrorCode } from '../../shared/errors.js';

/** What the worker asks the page for. */
export interface DrawingRequest {
  svg: Blob;
  /** Pixels of the longer side; null for the drawing's own size. */
  size: number | null;
  maxPixels: number;
}

export type DrawingAnswer = { bitmap: ImageBitmap } | { code: DecalErrorCode; message: string };

export type DrawSvg = (request: DrawingRequest, signal: AbortSignal) => Promise<ImageBitmap>;

/** In the worker: sends its requests to the page. */
export function drawThroughPage(send: (request: DrawingRequest, port: MessagePort) => void): DrawSvg {
  return (request, signal) =>
    new Promise((resolve, reject) => {
      const { port1: port, port2 } = new MessageChannel();
      const onAbort = () => reject(signal.reason);
      port.onmessage = ({ data }: MessageEvent<DrawingAnswer>) => {
        port.close();
        signal.removeEventListener('abort', onAbort);
        if (!('bitmap' in data)) reject(new DecalError(data.code, data.message));
        else if (signal.aborted) data.bitmap.close();
        else resolve(data.bitmap);
      };
      signal.addEventListener('abort', onAbort);
      send(request, port2);
    });
}

/** On the page: serves one request of the worker with `draw`. */
export async function serveDrawing(
  draw: (request: DrawingRequest) => Promise<ImageBitmap>, request: DrawingRequest, port: MessagePort,
): Promise<void> {
  try {
    const bitmap = await draw(request);
    port.postMessage({ bitmap } satisfies DrawingAnswer, [bitmap]);
  } catch (error) {
    const { code, message } = error instanceof DecalError ? error : new DecalError('corrupt-image', String(error));
    port.postMessage({ code, message } satisfies DrawingAnswer);
  }
}
