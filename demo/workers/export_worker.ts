// Encodes cut-outs away from the page: a large picture would block it for longer than a frame.
import type { ExportAnswer, ExportRequest } from '../export_protocol.ts';

declare const self: DedicatedWorkerGlobalScope;

// Visually lossless for photos, at about a tenth of the PNG's size; the same as the package's default.
const kQuality = 0.92;

self.onmessage = async ({ data }: MessageEvent<ExportRequest>) => {
  let answer: ExportAnswer;
  try {
    answer = { id: data.id, blob: await encode(data) };
  } catch (error) {
    answer = { id: data.id, error: error instanceof Error ? error.message : String(error) };
  }
  self.postMessage(answer);
};

async function encode({ cutout, type, background }: ExportRequest): Promise<Blob> {
  const bitmap = await createImageBitmap(cutout);
  const canvas = new OffscreenCanvas(bitmap.width, bitmap.height);
  const context = canvas.getContext('2d', { alpha: background === '' });
  if (!context) throw new Error('this browser gives no canvas of that size');
  if (background !== '') {
    context.fillStyle = background;
    context.fillRect(0, 0, canvas.width, canvas.height);
  }
  context.drawImage(bitmap, 0, 0);
  bitmap.close();
  const blob = await canvas.convertToBlob({ type, quality: kQuality });
  // A browser that cannot write a format writes PNG instead and does not say so.
  if (blob.type !== type) throw new Error(`this browser cannot write ${type}`);
  return blob;
}
