// What a page around onnxruntime-web does: a canvas resizes, the network runs, a canvas enlarges the matte and writes the file.
// These are the steps that rembg-webgpu publishes, with our model. In a worker, which leaves the page free.
// SPDX-License-Identifier: MIT
import * as ort from '/ort/ort.wasm.min.mjs';

const kSide = 576;  // of what the default model takes; its matte is smaller
const kQuality = 0.9;

const context = (width, height) => new OffscreenCanvas(width, height).getContext('2d', { willReadFrequently: true });

async function cutOut(session, photo, format) {
  const bitmap = await createImageBitmap(photo);
  const { width, height } = bitmap;
  const small = context(kSide, kSide);
  small.drawImage(bitmap, 0, 0, kSide, kSide);
  const { data: rgba } = small.getImageData(0, 0, kSide, kSide);
  const plane = kSide * kSide;
  const input = new Float32Array(3 * plane);
  for (let i = 0; i < plane; ++i) {
    for (let c = 0; c < 3; ++c) input[c * plane + i] = (rgba[4 * i + c] / 255 - 0.5) / 0.25;
  }
  const output = await session.run({ [session.inputNames[0]]: new ort.Tensor('float32', input, [1, 3, kSide, kSide]) });
  const { data: matte, dims } = output[session.outputNames[0]];
  const mask = new ImageData(dims[3], dims[2]);
  for (let i = 0; i < matte.length; ++i) mask.data[4 * i + 3] = 255 * Math.min(1, Math.max(0, matte[i]));
  const found = context(dims[3], dims[2]);
  found.putImageData(mask, 0, 0);
  const large = context(width, height);
  large.drawImage(bitmap, 0, 0);
  large.globalCompositeOperation = 'destination-in';
  large.imageSmoothingQuality = 'high';
  large.drawImage(found.canvas, 0, 0, width, height);
  bitmap.close();
  return large.canvas.convertToBlob({ type: format, quality: kQuality });
}

async function measure({ threads, repeat, format }) {
  ort.env.wasm.wasmPaths = '/ort/';
  ort.env.wasm.numThreads = threads;
  const session = await ort.InferenceSession.create('/decal/models/decal-default.onnx', { executionProviders: ['wasm'], logSeverityLevel: 3 });
  const photo = await (await fetch('/photo.jpg')).blob();
  const ms = [];
  let bytes = 0;
  for (let i = -1; i < repeat; ++i) {
    const start = performance.now();
    ({ size: bytes } = await cutOut(session, photo, format));
    if (i >= 0) ms.push(performance.now() - start);
  }
  return { run_ms: ms, file_bytes: bytes };
}

self.onmessage = async ({ data }) => {
  try {
    self.postMessage(await measure(data));
  } catch (error) {
    self.postMessage({ failure: String(error?.message ?? error).replaceAll('\n', ' ').slice(0, 160) });
  }
};
