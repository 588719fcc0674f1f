// Whole models: decal natively and in WebAssembly against onnxruntime natively and in WebAssembly, in one run.
//   node bench/models.mjs [--models a,b] [--threads 1,2] [--rounds N] ...   (--help)
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { missing, modelFile, models, photoTensor, work } from '../tests/support/models.mjs';
import { writeNpy } from '../web/tools/npy.mjs';
import { modelCases } from './cases.mjs';
import { measure } from './contenders.mjs';
import { environment, wasmSizes } from './environment.mjs';
import { chooseCases } from './options.mjs';
import { writeResults } from './results.mjs';
import { takeTurns } from './rounds.mjs';
import { barRows, failures, loadRows, peakRows, textTable, timeRows } from './tables.mjs';

const { cases, note, output } = chooseCases('models', modelCases);
mkdirSync(work, { recursive: true });
const results = { suite: 'models', ...(note ? { note } : {}), environment: environment(), wasm: wasmSizes(), cases: [] };
let absent = 0;
for (const { model: name, threads: counts, contenders, rounds, warmUp, repeat, remark } of cases) {
  const model = models.find((one) => one.name === name && !one.variant && !one.lastLayer) ??
    { ...models.find((one) => one.name === name), lastLayer: undefined, scales: undefined };
  const why = missing(model);
  if (why) {
    console.log(`${name}: ${why.replace('TESTED', 'MEASURED')}`);
    ++absent;
    continue;
  }
  const file = modelFile(model);
  const [input, result] = [join(work, `${name}.x.npy`), join(work, `${name}.bench.npy`)];
  const tensor = await photoTensor(model);
  writeNpy(input, tensor.shape, tensor.data);
  for (const threads of counts) {
    console.log(`${name}, ${threads} thread${threads === 1 ? '' : 's'}: ${rounds} round${rounds === 1 ? '' : 's'} of ` +
      `${contenders.length} contenders, ${repeat} run${repeat === 1 ? '' : 's'} each after ${warmUp} to warm up`);
    const outcomes = await takeTurns(contenders, rounds, (contender) =>
      measure(contender, { model: file, input, output: result, threads, warmUp, repeat }));
    results.cases.push({ model: name, threads, rounds, warm_up: warmUp, repeat, ...(remark ? { remark } : {}), contenders: outcomes });
  }
}

const section = (title, rows) => console.log(`\n${title}\n${textTable(rows)}`);
if (results.cases.length > 0) {
  section('median of all runs, ms', timeRows(results));
  section('until the model can run, ms', loadRows(results));
  section('peak memory of the process, MB', peakRows(results));
  if (barRows(results, { known: true }).length > 1) section('bars', barRows(results, { known: true }));
  for (const failure of failures(results)) console.log(`fails: ${failure}`);
}
for (const [name, { bytes, gzip_bytes }] of Object.entries(results.wasm)) console.log(`${name}.wasm: ${bytes} bytes, ${gzip_bytes} with gzip`);
if (output && absent === 0) writeResults(output, results);
else console.log(absent > 0 && output ? 'not all of it could be measured: no results written' : 'a part of the suite: no results written');
