// decal's WebGPU against onnxruntime-web's, both in Node on npm webgpu, in one run.
//   node bench/gpu.mjs [--models a,b] [--contenders A,B] [--rounds N] [--allow-software] ...   (--help)
// SPDX-License-Identifier: MIT
import { kPackage, needs } from '../tests/browser/support/site.mjs';
import { fitCases, nodeCaveats } from './adapter.mjs';
import { gpuCases } from './cases.mjs';
import { prepareProcesses } from './contenders.mjs';
import { environment, gpuWasmFiles, versionOf, wasmSizes } from './environment.mjs';
import { chooseCases } from './options.mjs';
import { keepResults, measureCases, printResults } from './suite.mjs';

const { note, output, ...chosen } = chooseCases('gpu', gpuCases);

function refuse(why) {
  console.log(`NOT MEASURED: ${why}`);
  process.exit(1);
}

needs(`${kPackage}/node.js`, 'run `npm run build`');
const { describeGpu } = await import('../web/dist/node.js');
const gpu = await describeGpu().catch((error) => refuse(error.message));
const { refusal, cases, caveats: ofAdapter } = fitCases(chosen.cases, gpu, chosen);
if (refusal) refuse(refusal);
const caveats = [...ofAdapter, ...nodeCaveats(process.versions.node)];
for (const line of caveats) console.log(line);

const results = {
  suite: 'gpu',
  ...(note ? { note } : {}),
  environment: { ...environment(), gpu: gpu.adapter, webgpu: versionOf('webgpu') },
  wasm: wasmSizes(gpuWasmFiles),
  caveats,
};
const { measured, complete } = await measureCases(cases, (model, file) =>
  prepareProcesses(model, file, { allowSoftware: chosen.allowSoftware }));
results.cases = measured;
printResults(results);
keepResults(results, output, complete);
