// What this machine's GPU adapter and Node can run of the WebGPU suite, whether the results count, and remarks on them.
// SPDX-License-Identifier: MIT
import { contenders } from './cases.mjs';

/**
 * Fits cases to an adapter.
 *
 * @param {{adapter: string, software: string | null, half: boolean}} gpu what WebGPU runs on
 * @returns {{refusal: string} | {cases: object[], caveats: string[]}} why nothing can be measured; or what can be, and
 * what cannot, a line each
 */
export function fitCases(cases, gpu, { allowSoftware, rounds }) {
  if (gpu.software && !allowSoftware) {
    return { refusal: `${gpu.software}: that says nothing about GPUs (--allow-software tries the suite all the same)` };
  }
  const without = gpu.half ? [] : ['webgpu-half'];
  const caveats = without.filter((name) => cases.some((one) => one.contenders.includes(name)))
    .map((name) => `${contenders[name]} is not measured: the adapter has no shader-f16`);
  // A software adapter takes seconds, or minutes, for what takes a GPU milliseconds.
  const often = gpu.software ? { warmUp: 1, repeat: 1, rounds: rounds ?? 1 } : {};
  const fitting = cases.map((one) =>
    ({ ...one, ...often, contenders: one.contenders.filter((name) => !without.includes(name)) }));
  return { cases: fitting, caveats };
}

/** What a reader must know of results of this version of Node. */
export function nodeCaveats(version) {
  // Measured with selfie_segmentation on onnxruntime-web 1.30.0: a session takes 75 s and 2.1 GB in Node 20.20, with
  // 64 s in V8's optimising compiler for a single function, and 3 to 4 s and 0.5 GB in Node 22 and 24.
  return Number(version.split('.')[0]) >= 22 ? [] : [
    `Node ${version} takes minutes to compile onnxruntime's module, during loading and the first runs: only Node 22 and ` +
      'later tell how long those take',
  ];
}
