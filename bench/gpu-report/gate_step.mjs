// Step (b): the package's own checks before it uses a GPU, its self-test among them, and a first picture by the public call.
//   node bench/gpu-report/gate_step.mjs MODEL
//
// Copyright the Decal authors.
// SPDX-License-Identifier: MIT
import { create } from 'webgpu';
import { init, removeBackgroundRaw } from '../../web/dist/node.js';
import { photoKind, picture } from './photo.mjs';
import { publicModel } from './public_model.mjs';
import { dawnOptions, modelNamed, record, runStep } from './step.mjs';

await runStep(async () => {
  const model = modelNamed(process.argv[2]);
  const image = picture(640, 480);
  const start = performance.now();
  await init({ model: publicModel(model), device: 'webgpu', allowSoftwareAdapter: true, gpu: create(dawnOptions()) });
  const readyMs = performance.now() - start;
  const { execution: { provider, dtype, reasons, checked, maxStorageBuffers, gpu, ms } } = await removeBackgroundRaw(image);
  record('gate', { model: model.name, picture: photoKind, provider, dtype, reasons, checked, maxStorageBuffers, gpu, readyMs, ms });
  if (provider !== 'webgpu') throw new Error(`the picture did not run on WebGPU: ${reasons.join('; ')}`);
});
