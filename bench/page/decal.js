// decal as an application uses it: the package in the page, the engine in its worker.
// SPDX-License-Identifier: MIT
import * as decal from '/decal/index.js';

export async function run({ contender, threads, warmUp, repeat, size, ownModel }) {
  const simd = contender === 'relaxed' ? 'relaxed' : 'baseline';
  // How pictures are normalised makes no difference to the time; `inference` is the network alone.
  const model = ownModel ? 'decal-default' : {
    name: 'bench', url: '/model.onnx', input: { rule: 'stretch', width: size, height: size, multiple: 1 },
    mean: [0.5, 0.5, 0.5], std: [0.5, 0.5, 0.5], activation: 'none',
  };
  const loadStart = performance.now();
  await decal.init({ model, threads, simd });
  const ready = performance.now();
  const ms = [];
  for (let i = -warmUp; i < repeat; ++i) {
    const result = await decal.removeBackground('/photo.jpg');
    const { execution } = result;
    result.revoke();
    if (execution.threads !== threads || execution.simd !== simd) {
      return { failure: `ran on ${execution.threads} threads, ${execution.simd}` };
    }
    if (i >= 0) ms.push(execution.ms.inference);
  }
  // Times since navigation count from the moment the page was asked for.
  return { run_ms: ms, load_ms: ready - loadStart, ready_ms: ready };
}
