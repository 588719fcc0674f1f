// What a page may hold a picture in: each entry makes one of its kind from the test photo, given as a blob.
// SPDX-License-Identifier: MIT
import { base64, photo } from './probe.js';

export const sources = {
  'http address': async () => '/photo.jpg',
  'URL object': async () => new URL('/photo.jpg', location.href),
  'blob address': async (blob) => URL.createObjectURL(blob),
  'data address': async (blob) => `data:image/jpeg;base64,${await base64(blob)}`,
  Blob: async (blob) => blob,
  'Blob without a type': async (blob) => blob.slice(0, blob.size, ''),
  File: async (blob) => new File([blob], 'photo.jpg', { type: 'image/jpeg' }),
  ArrayBuffer: async (blob) => blob.arrayBuffer(),
  ImageBitmap: async (blob) => createImageBitmap(blob),
  ImageData: async (blob) => {
    const bitmap = await createImageBitmap(blob);
    const context = new OffscreenCanvas(bitmap.width, bitmap.height).getContext('2d');
    context.drawImage(bitmap, 0, 0);
    return context.getImageData(0, 0, bitmap.width, bitmap.height);
  },
  HTMLImageElement: async () => Object.assign(new Image(), { src: '/photo.jpg' }),
  HTMLCanvasElement: async (blob) => {
    const bitmap = await createImageBitmap(blob);
    const canvas = Object.assign(document.createElement('canvas'), { width: bitmap.width, height: bitmap.height });
    canvas.getContext('2d').drawImage(bitmap, 0, 0);
    return canvas;
  },
  OffscreenCanvas: async (blob) => {
    const bitmap = await createImageBitmap(blob);
    const canvas = new OffscreenCanvas(bitmap.width, bitmap.height);
    canvas.getContext('2d').drawImage(bitmap, 0, 0);
    return canvas;
  },
  VideoFrame: async (blob) => new VideoFrame(await createImageBitmap(blob), { timestamp: 0 }),
};

/** Removes the background of one kind of source, `times` times over; the bytes of each. */
export async function removeSource({ name, times }) {
  const source = await sources[name](await photo());
  const pictures = [];
  for (let i = 0; i < times; ++i) {
    const removed = await decal.removeBackground(source);
    pictures.push(await base64(removed.blob));
    removed.revoke();
  }
  source.close?.();
  return pictures;
}
