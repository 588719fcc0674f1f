// Whole models: decal natively and in WebAssembly against onnxruntime natively and in WebAssembly, in one run.
//   node bench/models.mjs [--models a,b] [--threads 1,2] [--rounds N] ...   (--help)
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { photoTensor, work } from '../tests/support/models.mjs';
import { writeNpy } from '../web/tools/npy.mjs';
import { modelCases } from './cases.mjs';
import { measure } from './contenders.mjs';
import { environment, wasmSizes } from './environment.mjs';
import { chooseCases } from './options.mjs';
import { keepResults, measureCases, printResults } from './suite.mjs';

const { cases, note, output } = chooseCases('models', modelCases);
mkdirSync(work, { recursive: true });
const results = { suite: 'models', ...(note ? { note } : {}), environment: environment(), wasm: wasmSizes() };
const { measured, complete } = await measureCases(cases, async (model, file) => {
  const files = {
    model: file,
    input: join(work, `${model.name}.x.npy`),
    output: join(work, `${model.name}.bench.npy`),
  };
  const tensor = await photoTensor(model);
  writeNpy(files.input, tensor.shape, tensor.data);
  return (contender, job) => measure(contender, { ...files, ...job });
});
results.cases = measured;
printResults(results);
keepResults(results, output, complete);
