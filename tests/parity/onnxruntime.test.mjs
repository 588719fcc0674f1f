// Whole models against onnxruntime-node on a real photo: the native engine, and the wasm engine against the native one.
//
// The models are not part of the project. They are looked for in $DECAL_SHARED, or ../shared beside the checkout;
// without them every test here is skipped and says so.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { gunzipSync } from 'node:zlib';
import ort from 'onnxruntime-node';
import sharp from 'sharp';
import { readNpy, writeNpy } from '../../web/tools/npy.mjs';

const root = join(dirname(fileURLToPath(import.meta.url)), '../..');
const shared = process.env.DECAL_SHARED ?? join(root, '../shared');
const work = join(root, 'build/parity');
const decal = join(root, 'build/bin/decal');
const photo = '/usr/share/matplotlib/mpl-data/sample_data/grace_hopper.jpg';

// `tolerance` is absolute, at the first output. The trained models carry a real picture's structure; the skeletons have
// random weights. `input(rgb 0..255, channel)` is the normalisation that each was trained with.
const half = (v) => (v / 255 - 0.5) / 0.5;
const models = [
  { name: 'first-default', path: 'models/first-default/first-default.onnx', size: 256, input: (v) => (v / 255 - 0.5) / 0.25, tolerance: 1e-4 },
  { name: 'selfie_segmentation', path: 'models/real/selfie_segmentation.onnx', size: 256, channelsLast: true, input: (v) => v / 255, tolerance: 1e-4 },
  {
    name: 'SINet', path: 'models/real/SINet_Softmax_simple.onnx', size: 320, tolerance: 1e-4,
    input: (v, c) => (v - [126.91, 111.25, 102.89][c]) / [66.12, 62.82, 62.93][c] / 255,
  },
  { name: 'u2netp_320', skeleton: true, size: 320, input: half, tolerance: 1e-3 },
  { name: 'modnet_512', skeleton: true, size: 512, input: half, tolerance: 1e-3 },
  { name: 'isnet_1024', skeleton: true, size: 1024, input: half, tolerance: 1e-3, peakMegabytes: 800 },
];

function missing(model) {
  if (!existsSync(shared)) return 'NOT TESTED: the folder of shared models is absent';
  if (!existsSync(photo)) return 'NOT TESTED: no sample photo (package python-matplotlib-data)';
  if (model.skeleton) {
    try {
      execFileSync('/usr/bin/python3', ['-c', 'import onnx'], { stdio: 'ignore' });
    } catch {
      return 'NOT TESTED: filling skeletons needs the package python3-onnx';
    }
  }
  return false;
}

// The model file itself; skeletons are unpacked and filled once.
function modelFile(model) {
  if (!model.skeleton) return join(shared, model.path);
  const file = join(work, `${model.name}.onnx`);
  if (existsSync(file)) return file;
  const skeleton = join(work, `${model.name}.skeleton.onnx`);
  writeFileSync(skeleton, gunzipSync(readFileSync(join(shared, 'models', `${model.name}.skeleton.onnx.gz`))));
  execFileSync('/usr/bin/python3', [join(shared, 'models/fill.py'), skeleton, `${file}.part`]);
  execFileSync('mv', [`${file}.part`, file]);
  rmSync(skeleton);
  return file;
}

async function photoTensor({ size, channelsLast, input }) {
  const { data } = await sharp(photo).resize(size, size, { fit: 'fill' }).removeAlpha().raw().toBuffer({ resolveWithObject: true });
  const values = new Float32Array(3 * size * size);
  for (let i = 0; i < size * size; ++i)
    for (let c = 0; c < 3; ++c) values[channelsLast ? 3 * i + c : c * size * size + i] = input(data[3 * i + c], c);
  return { shape: channelsLast ? [1, size, size, 3] : [1, 3, size, size], data: values };
}

// One line of JSON, and the tensor that was written.
function runEngine(command, args, output) {
  const line = execFileSync(command, args, { encoding: 'utf8', maxBuffer: 1 << 20 });
  return { report: JSON.parse(line), tensor: readNpy(output) };
}

function differences(a, b) {
  assert.equal(a.length, b.length);
  let max = 0;
  for (let i = 0; i < a.length; ++i) {
    const d = Math.abs(a[i] - b[i]);
    if (!(d <= max)) max = d; // a NaN becomes the maximum and fails every bound
  }
  return max;
}

const deviation = (values) => {
  const mean = values.reduce((sum, v) => sum + v, 0) / values.length;
  return Math.sqrt(values.reduce((sum, v) => sum + (v - mean) ** 2, 0) / values.length);
};

mkdirSync(work, { recursive: true });
for (const model of models) {
  test(`${model.name} agrees with onnxruntime-node`, { skip: missing(model) }, async (t) => {
    const file = modelFile(model);
    const input = await photoTensor(model);
    const x = join(work, `${model.name}.x.npy`);
    writeNpy(x, input.shape, input.data);

    const session = await ort.InferenceSession.create(file, { intraOpNumThreads: 2, logSeverityLevel: 3 });
    const feeds = { [session.inputNames[0]]: new ort.Tensor('float32', input.data, input.shape) };
    const expected = Float32Array.from((await session.run(feeds))[session.outputNames[0]].data);
    await session.release();
    assert.ok(deviation(expected) > 1e-4, 'a constant output would prove nothing');

    const y = join(work, `${model.name}.y.npy`);
    const native = runEngine(decal, ['run', file, '--input', x, '--output', y, '--threads', '2'], y);
    const nativeMax = differences(native.tensor.data, expected);
    t.diagnostic(`native: max difference ${nativeMax.toExponential(2)}, ${native.report.run_ms.min} ms, peak ${Math.round(native.report.memory_bytes.peak / 1e6)} MB`);
    assert.ok(nativeMax <= model.tolerance, `native differs from onnxruntime by ${nativeMax}`);

    for (const simd of ['relaxed', 'baseline']) {
      const tool = join(root, 'web/tools/run-onnx.mjs');
      const wasm = runEngine(process.execPath, [tool, file, x, y, '--threads', '2', '--simd', simd], y);
      const max = differences(wasm.tensor.data, native.tensor.data);
      const peak = wasm.report.memory_bytes.peak / 1e6;
      t.diagnostic(`wasm ${simd}: max difference to native ${max.toExponential(2)}, ${wasm.report.run_ms.min} ms, peak ${Math.round(peak)} MB`);
      assert.ok(max <= 1e-4, `wasm (${simd}) differs from native by ${max}`);
      if (model.peakMegabytes) assert.ok(peak < model.peakMegabytes, `peak of ${peak} MB`);
    }
  });
}
