// The benchmark cases: models, contenders and repetitions; and the speed ratios that this project must reach.
// SPDX-License-Identifier: MIT

/** Who runs the models, in the order of the tables. */
export const contenders = {
  native: 'decal native',
  relaxed: 'decal wasm relaxed',
  simd128: 'decal wasm simd128',
  'ort-native': 'onnxruntime native',
  openvino: 'OpenVINO',
  ncnn: 'ncnn',
  'ort-web': 'onnxruntime web',
  litert: 'LiteRT.js',
  webgpu: 'decal WebGPU',
  'webgpu-half': 'decal WebGPU float16',
  'ort-webgpu': 'onnxruntime WebGPU',
};

/** Those of an environment of their own: scripts/python.sh peers. */
export const peerContenders = ['openvino', 'ncnn'];

/** Those that need a GPU. */
export const gpuContenders = ['webgpu', 'webgpu-half', 'ort-webgpu'];

/** Those that a browser can run on the CPU, each any model. */
export const webContenders = ['relaxed', 'simd128', 'ort-web'];

// In each round every contender gets a process (a browser) of its own, runs the model `warmUp` times and then `repeat`
// times with the clock. Short runs need more warming up: V8 replaces its quick code by its good code in the background,
// after about a second.
const all = ['native', 'relaxed', 'simd128', 'ort-native', ...peerContenders, 'ort-web'];
const common = { contenders: all, threads: [1, 2], rounds: 5 };
export const modelCases = [
  { ...common, model: 'isnet_1024', warmUp: 1, repeat: 1 },
  { ...common, model: 'u2netp_320', warmUp: 2, repeat: 3 },
  { ...common, model: 'modnet_512', warmUp: 2, repeat: 3 },
  { ...common, model: 'birefnet_lite_512', warmUp: 1, repeat: 1 },
  {
    ...common, model: 'birefnet_lite_1024', warmUp: 1, repeat: 1,
    contenders: ['native', 'ort-native', 'openvino', 'ort-web'], threads: [2], rounds: 3,
    remark: '3 samples and 2 threads alone, because onnxruntime takes half a minute and 12 GB for a run',
  },
  { ...common, model: 'decal-default', warmUp: 2, repeat: 3 },
  { ...common, model: 'first-default', warmUp: 20, repeat: 20, remark: 'for information, no bar' },
  { ...common, model: 'selfie_segmentation', warmUp: 20, repeat: 20 },
];

const inBrowser = { ...common, contenders: webContenders };
export const browserCases = [
  { ...inBrowser, model: 'isnet_1024', warmUp: 1, repeat: 1 },
  { ...inBrowser, model: 'u2netp_320', warmUp: 2, repeat: 3 },
  { ...inBrowser, model: 'modnet_512', warmUp: 2, repeat: 3 },
  { ...inBrowser, model: 'birefnet_lite_512', warmUp: 1, repeat: 1 },
  { ...inBrowser, model: 'decal-default', warmUp: 2, repeat: 3 },
  // LiteRT.js reads the same weights from the file that they are published in.
  { ...inBrowser, model: 'selfie_segmentation', warmUp: 20, repeat: 20, contenders: [...webContenders, 'litert'] },
  { ...inBrowser, model: 'first-default', warmUp: 20, repeat: 20, remark: 'for information, no bar' },
];

// onnxruntime-web's WebGPU uses no threads. GPUs raise their clocks under load, hence the warming up.
const onGpu = { contenders: gpuContenders, threads: [1], rounds: 5 };
export const gpuCases = [
  { ...onGpu, model: 'isnet_1024', warmUp: 5, repeat: 10 },
  { ...onGpu, model: 'u2netp_320', warmUp: 20, repeat: 20 },
  { ...onGpu, model: 'modnet_512', warmUp: 20, repeat: 20 },
  { ...onGpu, model: 'birefnet_lite_512', warmUp: 5, repeat: 10 },
  { ...onGpu, model: 'birefnet_lite_1024', warmUp: 3, repeat: 5 },
  { ...onGpu, model: 'first-default', warmUp: 20, repeat: 20 },
  { ...onGpu, model: 'selfie_segmentation', warmUp: 20, repeat: 20 },
];

/** The model inside the package, with which start-up is measured. */
export const defaultModel = 'decal-default';

/** So many milliseconds after the model's last byte has arrived it is to be ready, on two threads. */
export const startBarMs = 150;

const bar = (model, contender, peer, ratio, threads = [1, 2]) => ({ model, contender, peer, ratio, threads });
const three = (model, web, wasm, native) => [
  bar(model, 'relaxed', 'ort-web', web),
  bar(model, 'relaxed', 'ort-native', wasm),
  bar(model, 'native', 'ort-native', native),
  bar(model, 'simd128', 'relaxed', 0.65),
];

/** With that number of threads each, `contender` is to be at least `ratio` times as fast as `peer`. */
export const bars = [
  ...three('isnet_1024', 6, 1.3, 2.5),
  ...three('u2netp_320', 6, 1.3, 2.5),
  ...three('modnet_512', 4, 1, 2),
  ...three('birefnet_lite_512', 4, 1.8, 3),
  bar('birefnet_lite_1024', 'native', 'ort-native', 3, [2]),
  bar('decal-default', 'native', 'ort-native', 2),
  bar('decal-default', 'relaxed', 'ort-web', 5),
  bar('selfie_segmentation', 'native', 'ort-native', 1.4),
  // OpenVINO and ncnn are the fastest on processors that we know of.
  ...['isnet_1024', 'u2netp_320', 'modnet_512', 'birefnet_lite_512', 'decal-default', 'selfie_segmentation'].flatMap((model) =>
    peerContenders.map((peer) => bar(model, 'native', peer, 1))),
  bar('birefnet_lite_1024', 'native', 'openvino', 1, [2]),
];

/** The same in Chromium, beside those of `bars` that its contenders take part in. */
export const browserBars = [bar('selfie_segmentation', 'relaxed', 'litert', 1.4)];

/** The same of runs on the GPU. */
export const gpuBars = ['isnet_1024', 'birefnet_lite_1024'].map((model) => bar(model, 'webgpu', 'ort-webgpu', 2, [1]));
