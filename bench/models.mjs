// Whole models: decal natively and in WebAssembly against onnxruntime natively and in WebAssembly, in one run.
//   node bench/models.mjs [--models a,b] [--threads 1,2] [--rounds N] ...   (--help)
// SPDX-License-Identifier: MIT
import { modelCases } from './cases.mjs';
import { prepareProcesses } from './contenders.mjs';
import { environment, wasmSizes } from './environment.mjs';
import { chooseCases } from './options.mjs';
import { keepResults, measureCases, printResults } from './suite.mjs';

const { cases, note, output } = chooseCases('models', modelCases);
const results = { suite: 'models', ...(note ? { note } : {}), environment: environment(), wasm: wasmSizes() };
const { measured, complete } = await measureCases(cases, prepareProcesses);
results.cases = measured;
printResults(results);
keepResults(results, output, complete);
