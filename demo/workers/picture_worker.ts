// Edits and encodes pictures away from the page: a large one would block it for longer than a frame.
// SPDX-License-Identifier: MIT
import type { AlphaPlane, Answers, Backdrop, ImageType, PictureAnswer, PictureRequest, PictureTask } from '../picture_tasks.ts';
import { blurPlane } from './blur.ts';
import { merged, strokeParts } from './strokes.ts';

declare const self: DedicatedWorkerGlobalScope;

// Visually lossless for photos, at about a tenth of the PNG's size; the same as the package's default.
const kQuality = 0.92;
// A blurred background has no detail that more pixels could show.
const kBlurSide = 384;

self.onmessage = async ({ data }: MessageEvent<PictureRequest>) => {
  let answer: PictureAnswer;
  try {
    answer = { id: data.id, value: await perform(data) };
  } catch (error) {
    answer = { id: data.id, error: error instanceof Error ? error.message : String(error) };
  }
  self.postMessage(answer);
};

function perform(task: PictureRequest): Promise<Answers[PictureTask['kind']]> {
  if (task.kind === 'compose') return compose(task.cutout, task.type, task.backdrop);
  if (task.kind === 'matte') return readMatte(task.cutout);
  if (task.kind === 'stroke') return strokeParts(task.original, task.matte, task.stroke);
  if (task.kind === 'merge') return merged(task.matte, task.stroke, task.box, task.refined);
  return blurBackground(task.original, task.cutout, task.strength);
}

async function compose(cutout: Blob, type: ImageType, backdrop: Backdrop): Promise<Blob> {
  const bitmap = await createImageBitmap(cutout);
  const { canvas, context } = openCanvas(bitmap.width, bitmap.height, backdrop === '');
  if (backdrop instanceof Blob) {
    const behind = await createImageBitmap(backdrop);
    // As `background-size: cover` shows it on the page.
    const scale = Math.max(bitmap.width / behind.width, bitmap.height / behind.height);
    const [width, height] = [behind.width * scale, behind.height * scale];
    context.imageSmoothingQuality = 'high';
    context.drawImage(behind, (bitmap.width - width) / 2, (bitmap.height - height) / 2, width, height);
    behind.close();
  } else if (backdrop !== '') {
    context.fillStyle = backdrop;
    context.fillRect(0, 0, canvas.width, canvas.height);
  }
  context.drawImage(bitmap, 0, 0);
  bitmap.close();
  const blob = await canvas.convertToBlob({ type, quality: kQuality });
  // A browser that cannot write a format writes PNG instead and does not say so.
  if (blob.type !== type) throw new Error(`this browser cannot write ${type}`);
  return blob;
}

async function readMatte(cutout: Blob): Promise<AlphaPlane> {
  const bitmap = await createImageBitmap(cutout);
  const { width, height } = bitmap;
  const { context } = openCanvas(width, height, true);
  context.drawImage(bitmap, 0, 0);
  bitmap.close();
  const { data: rgba } = context.getImageData(0, 0, width, height);
  const data = new Uint8ClampedArray(width * height);
  for (let i = 0; i < data.length; i++) data[i] = rgba[4 * i + 3]!;
  return { width, height, data };
}

async function blurBackground(original: Blob, cutout: Blob, strength: number): Promise<Blob> {
  const whole = await createImageBitmap(original);
  const scale = Math.min(1, kBlurSide / Math.max(whole.width, whole.height));
  const width = Math.max(1, Math.round(whole.width * scale));
  const height = Math.max(1, Math.round(whole.height * scale));
  const { data: rgba } = shrunk(whole, width, height);
  const { data: subject } = shrunk(await createImageBitmap(cutout), width, height);
  // Only background pixels count, so that the subject casts no halo of its own colours around itself.
  const weight = new Float32Array(width * height);
  for (let i = 0; i < weight.length; i++) weight[i] = Math.max(1e-3, 1 - subject[4 * i + 3]! / 255) ** 2;
  const channels = [0, 1, 2].map((channel) => weight.map((share, i) => share * rgba[4 * i + channel]!));
  const radius = (strength / 10) * 0.05 * Math.max(width, height);
  for (const plane of [weight, ...channels]) blurPlane(plane, width, height, radius);
  const { canvas, context } = openCanvas(width, height, false);
  const image = context.createImageData(width, height);
  for (let i = 0; i < weight.length; i++) {
    for (let channel = 0; channel < 3; channel++) image.data[4 * i + channel] = channels[channel]![i]! / weight[i]!;
    image.data[4 * i + 3] = 255;
  }
  context.putImageData(image, 0, 0);
  return canvas.convertToBlob({ type: 'image/png' });
}

function shrunk(bitmap: ImageBitmap, width: number, height: number): ImageData {
  const { context } = openCanvas(width, height, true);
  context.imageSmoothingQuality = 'high';
  context.drawImage(bitmap, 0, 0, width, height);
  bitmap.close();
  return context.getImageData(0, 0, width, height);
}

function openCanvas(width: number, height: number, alpha: boolean) {
  const canvas = new OffscreenCanvas(width, height);
  const context = canvas.getContext('2d', { alpha });
  if (!context) throw new Error('this browser gives no canvas of that size');
  // Beyond their limits some browsers give a canvas that stays empty, without a word.
  context.fillStyle = '#ffffff';
  context.fillRect(width - 1, height - 1, 1, 1);
  if (context.getImageData(width - 1, height - 1, 1, 1).data[0] !== 255) {
    throw new Error('this browser gives no canvas of that size');
  }
  context.clearRect(width - 1, height - 1, 1, 1);
  return { canvas, context };
}
