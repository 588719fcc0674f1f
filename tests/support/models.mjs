// The real models that parity tests and benchmarks run: where they are and what a picture looks like to each.
//
// They are not part of the project. They are looked for in $DECAL_SHARED, or ../shared beside the checkout.
// SPDX-License-Identifier: MIT
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { gunzipSync } from 'node:zlib';
import sharp from 'sharp';
import { defaultEntry, defaultModelFile, defaultModelSide } from './default_model.mjs';

export const root = join(dirname(fileURLToPath(import.meta.url)), '../..');
const shared = process.env.DECAL_SHARED ?? join(root, '../shared');
/** Filled skeletons and tensors. */
export const work = join(root, 'build/parity');
const photo = '/usr/share/matplotlib/mpl-data/sample_data/grace_hopper.jpg';

// `tolerance` is absolute, at the first output. The trained models carry a real picture's structure; the skeletons have
// random weights. `input(rgb 0..255, channel)` is the normalisation that each was trained with.
//
// Random weights drive BiRefNet's logits to ±100, where the sigmoid is flat, and make it ill-conditioned: onnxruntime's own
// optimised and unoptimised graphs differ by up to 3.5e-2. `lastLayer` scales the last layer's weights, for both
// engines, so that the output lies where the sigmoid tells differences apart. `scales` tames what amplifies rounding:
// attention that picks single tokens, and sampling offsets of many pixels. At 1024, where two orders of summation end
// 1e-3 apart even behind a last layer scaled by 0.005, and where a coarser format is compared, nothing else says much.
const half = (v) => (v / 255 - 0.5) / 0.5;
const imageNet = (v, c) => (v / 255 - [0.485, 0.456, 0.406][c]) / [0.229, 0.224, 0.225][c];
const tamed = {
  variant: 'tamed', skeleton: true, input: imageNet, tolerance: 1e-3, wasmTolerance: 1e-3, lastLayer: 0.1,
  scales: ['onnx::MatMul=0.25', 'offset_conv=0.02'],
};
export const models = [
  { name: 'first-default', path: 'models/first-default/first-default.onnx', size: 256, input: (v) => (v / 255 - 0.5) / 0.25, tolerance: 1e-4 },
  { name: 'selfie_segmentation', path: 'models/real/selfie_segmentation.onnx', size: 256, channelsLast: true, input: (v) => v / 255, tolerance: 1e-4 },
  {
    name: 'SINet', path: 'models/real/SINet_Softmax_simple.onnx', size: 320, tolerance: 1e-4,
    input: (v, c) => (v - [126.91, 111.25, 102.89][c]) / [66.12, 62.82, 62.93][c] / 255,
  },
  { name: 'u2netp_320', skeleton: true, size: 320, input: half, tolerance: 1e-3 },
  { name: 'modnet_512', skeleton: true, size: 512, input: half, tolerance: 1e-3 },
  { name: 'isnet_1024', skeleton: true, size: 1024, input: half, tolerance: 1e-3, peakMegabytes: 800 },
  { name: 'birefnet_lite_512', skeleton: true, size: 512, input: imageNet, tolerance: 1e-3, wasmTolerance: 1e-3 },
  { name: 'birefnet_lite_512', skeleton: true, size: 512, input: imageNet, tolerance: 1e-3, wasmTolerance: 1e-3, lastLayer: 0.01 },
  { name: 'birefnet_lite_512_split', skeleton: true, size: 512, input: imageNet, tolerance: 1e-3, wasmTolerance: 1e-3, lastLayer: 0.01 },
  { name: 'birefnet_lite_1024', ...tamed, size: 1024, peakMegabytes: 1600 },
  { name: 'birefnet_lite_512', ...tamed, size: 512 },
];

// Sizes that a software GPU can take. `resized`: the exported size is another. `larger`: see resize.py.
const sized = (name, size, also) => ({ ...models.find((model) => model.name === name), size, ...also });
export const smallModels = [
  sized('selfie_segmentation', 256),
  sized('u2netp_320', 96, { resized: true }),
  sized('modnet_512', 128, { resized: true }),
  sized('birefnet_lite_512', 128, { ...tamed, resized: true, larger: 'birefnet_lite_1024' }),
];

/**
 * Our own model, which every build embeds; not of the list, as it is always there. Its matte is steep where it is in doubt, as
 * it adds two networks' logits, one of them doubled: onnxruntime's own optimised and unoptimised graphs differ by 7e-5 there.
 */
export const defaultModel = {
  ...models[0], name: 'decal-default', path: undefined, size: defaultModelSide, file: defaultModelFile, tolerance: 5e-4, wasmTolerance: 5e-4,
};

/** The same at a size that a software GPU can take. */
export const smallDefaultModel = { ...defaultModel, size: 192, resized: true };

/** That one as a page is to be told of it, whose site has its file at `url`. */
export function smallDefaultFor(url) {
  const { size } = smallDefaultModel;
  return {
    ...defaultEntry, name: 'small-default', url, sha256: undefined, bytes: undefined,
    input: { rule: 'stretch', width: size, height: size, multiple: 1 },
  };
}

/** `model` as it was exported, with none of its weights scaled. */
export const unscaled = (model) => ({ ...model, lastLayer: undefined, scales: undefined, variant: undefined });

/** Why `model` cannot be run here, or false. */
export function missing(model) {
  if (!existsSync(photo)) return 'NOT TESTED: no sample photo (package python-matplotlib-data)';
  return missingFile(model);
}

/** Why there is no file of `model` here, or false. */
export function missingFile(model) {
  if (model.file && !model.resized) return false;
  if (!model.file && !existsSync(shared)) return 'NOT TESTED: the folder of shared models is absent';
  if (model.skeleton || model.resized) {
    try {
      execFileSync('/usr/bin/python3', ['-c', 'import onnx'], { stdio: 'ignore' });
    } catch {
      return 'NOT TESTED: filling skeletons needs the package python3-onnx';
    }
  }
  return false;
}

/** The file of `model` with `property` applied to that without. */
function converted(model, property, args) {
  const to = join(work, `${model.name}.${property}-${String(model[property]).replace(/[^\w.]+/g, '-')}${model.variant ?? ''}.onnx`);
  if (existsSync(to)) return to;
  const from = modelFile({ ...model, [property]: undefined });
  execFileSync('/usr/bin/python3', [join(root, 'tests/parity/convert.py'), ...args, from, `${to}.part`]);
  renameSync(`${to}.part`, to);
  return to;
}

/** The file of `model` for its size, which it was not exported for. */
function resized(model) {
  // Our own model changes now and then.
  const version = model.file ? `-${createHash('sha256').update(readFileSync(model.file)).digest('hex').slice(0, 12)}` : '';
  const to = join(work, `${model.name}.at-${model.size}${model.variant ?? ''}${version}.onnx`);
  if (existsSync(to)) return to;
  mkdirSync(work, { recursive: true });
  const larger = model.larger ? [modelFile({ name: model.larger, skeleton: true })] : [];
  const from = modelFile({ ...model, resized: false });
  execFileSync('/usr/bin/python3', [join(root, 'tests/parity/resize.py'), String(model.size), from, ...larger, `${to}.part`]);
  renameSync(`${to}.part`, to);
  return to;
}

/** The model's file; skeletons are unpacked and filled once. */
export function modelFile(model) {
  if (model.resized) return resized(model);
  if (model.file) return model.file;
  if (!model.skeleton) return join(shared, model.path);
  if (model.lastLayer) return converted(model, 'lastLayer', ['--scale-last', String(model.lastLayer)]);
  if (model.scales) return converted(model, 'scales', ['--scale', ...model.scales, '--']);
  const file = join(work, `${model.name}.onnx`);
  if (existsSync(file)) return file;
  mkdirSync(work, { recursive: true });
  const skeleton = join(work, `${model.name}.skeleton.onnx`);
  writeFileSync(skeleton, gunzipSync(readFileSync(join(shared, 'models', `${model.name}.skeleton.onnx.gz`))));
  execFileSync('/usr/bin/python3', [join(shared, 'models/fill.py'), skeleton, `${file}.part`]);
  renameSync(`${file}.part`, file);
  rmSync(skeleton);
  return file;
}

/** The sample photo as the model's input tensor. */
export async function photoTensor({ size, channelsLast, input }) {
  const data = await sharp(photo).resize(size, size, { fit: 'fill' }).removeAlpha().raw().toBuffer();
  const values = new Float32Array(3 * size * size);
  for (let i = 0; i < size * size; ++i)
    for (let c = 0; c < 3; ++c) values[channelsLast ? 3 * i + c : c * size * size + i] = input(data[3 * i + c], c);
  return { shape: channelsLast ? [1, size, size, 3] : [1, 3, size, size], data: values };
}
