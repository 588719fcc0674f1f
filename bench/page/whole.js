// Whole calls in the page: a JPEG to a file, by decal, beside what the browser's canvas takes to write the same pixels; and one with the
// largest model.
// SPDX-License-Identifier: MIT
import * as decal from '/decal/index.js';

const kQuality = 0.9;  // of WebP, for both

/** The picture's pixels on a canvas that is ready to be written. */
async function onCanvas(blob) {
  const bitmap = await createImageBitmap(blob, { premultiplyAlpha: 'none', colorSpaceConversion: 'none' });
  const canvas = new OffscreenCanvas(bitmap.width, bitmap.height);
  canvas.getContext('2d', { willReadFrequently: true }).drawImage(bitmap, 0, 0);
  bitmap.close();
  return canvas;
}

const median = (values) => values.toSorted((a, b) => a - b)[values.length >> 1];

/** Times in ms, and sizes in bytes, of `repeat` turns after a first one. `run_ms`: our encoder's; others: medians. */
export async function run({ threads, repeat, format }) {
  await decal.init({ model: 'decal-default', threads, simd: 'relaxed', device: 'wasm' });
  const photo = await (await fetch('/photo.jpg')).blob();
  const times = { run: [], whole: [], decode: [], network: [], canvas: [] };
  const others = {};
  for (let i = -1; i < repeat; ++i) {
    const start = performance.now();
    const result = await decal.removeBackground(photo, { output: { format, quality: kQuality } });
    const whole = performance.now() - start;
    const { execution: { ms, threads: used }, blob } = result;
    if (used !== threads) return { failure: `ran on ${used} threads` };
    const canvas = await onCanvas(blob);
    const begin = performance.now();
    const written = await canvas.convertToBlob({ type: format, quality: kQuality });
    const canvasMs = performance.now() - begin;
    result.revoke();
    others.file_bytes = blob.size;
    others.canvas_bytes = written.size;
    if (i < 0) {
      others.first_ms = whole;
      continue;
    }
    times.run.push(ms.encode);
    times.whole.push(whole);
    times.decode.push(ms.decode);
    times.network.push(ms.preprocess + ms.inference + ms.postprocess);
    times.canvas.push(canvasMs);
  }
  const { run: run_ms, ...stages } = times;
  return { run_ms, ...Object.fromEntries(Object.entries(stages).map(([name, values]) => [`${name}_ms`, median(values)])), ...others };
}

/** What BiRefNet-lite at 1024 takes until it can run, from the first byte of its file on, and the call after that, in ms. */
export async function runLarge({ threads }) {
  const model = {
    name: 'birefnet-lite', url: '/model.onnx', input: { rule: 'stretch', width: 1024, height: 1024, multiple: 1 },
    mean: [0.485, 0.456, 0.406], std: [0.229, 0.224, 0.225], activation: 'none',
  };
  const start = performance.now();
  await decal.init({ model, threads, simd: 'relaxed', device: 'wasm' });
  const ready_ms = performance.now() - start;
  const result = await decal.removeBackground('/photo.jpg', { model });
  const whole_ms = performance.now() - start - ready_ms;
  result.revoke();
  if (result.execution.threads !== threads) return { failure: `ran on ${result.execution.threads} threads` };
  return { run_ms: [whole_ms], ready_ms, network_ms: result.execution.ms.inference };
}
