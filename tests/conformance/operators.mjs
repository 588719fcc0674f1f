// Makes docs/operators.md from the outcomes that the native and the WebAssembly conformance tests left in the build
// folders. `make operators` runs both and then this; the WebAssembly test checks that the committed file is the same.
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { readExceptions, readResults, readSubset, root } from './cases.mjs';

// The operator set that introduced an operator, where that is after the oldest that the engine reads.
const introduced = {
  BitShift: 11, Celu: 12, ConstantOfShape: 9, ConvInteger: 10, CumSum: 11, DeformConv: 19, DequantizeLinear: 10,
  DynamicQuantizeLinear: 11, Einsum: 12, Erf: 9, Expand: 8, GatherElements: 11, GatherND: 11, Gelu: 20,
  GreaterOrEqual: 12, GridSample: 16, HardSwish: 14, IsInf: 10, IsNaN: 9, LayerNormalization: 17, LessOrEqual: 12,
  MatMulInteger: 10, Mish: 18, Mod: 10, NonZero: 9, QLinearConv: 10, QLinearMatMul: 10, QuantizeLinear: 10, Range: 11,
  Resize: 10, Round: 11, ScatterElements: 11, ScatterND: 11, Sign: 9, ThresholdedRelu: 10, Trilu: 14, Where: 9,
};
const lastOpset = { Upsample: 9, Scatter: 10 };

/** The oldest and newest operator set, from the header that the importer checks against. */
function opsetRange() {
  const header = readFileSync(join(root, 'engine/onnx/importer.h'), 'utf8');
  const [, first, last] = /kMinOpset = (\d+), kMaxOpset = (\d+)/.exec(header);
  return [Number(first), Number(last)];
}

/** The whole text of docs/operators.md. */
export function operatorsTable() {
  const native = readResults(join(root, 'build/native/conformance.tsv'));
  const wasm = ['simd128', 'relaxed'].map((simd) => readResults(join(root, `build/wasm32/conformance-${simd}.tsv`)));
  const passes = (name) => native.get(name)?.outcome === 'passed';
  const passesInWasm = (name) => wasm.every((results) => results.get(name)?.outcome === 'passed');
  const subset = readSubset();
  const promised = Object.values(subset).flat();
  const [first, last] = opsetRange();
  const count = (names, test) => `${names.filter(test).length} of ${names.length}`;

  // An operator counts as ours when no case that has it says otherwise.
  const usable = [...native].filter(([, result]) => result.outcome !== 'not-applicable');
  const ours = new Set(usable.flatMap(([, result]) => result.operators));
  const exceptions = readExceptions();
  const rows = [...new Set([...ours, ...Object.keys(subset)])].sort().map((op) => {
    const listed = subset[op] ?? [];
    const using = usable.filter(([, result]) => result.operators.includes(op)).map(([name]) => name);
    const bound = using.filter((name) => passes(name) && native.get(name).bound).length;
    const opsets = ours.has(op) ? `${Math.max(first, introduced[op] ?? 0)} to ${lastOpset[op] ?? last}` : 'none';
    const notes = bound === 0 ? '' : bound === using.filter(passes).length ? 'constant shapes' : `constant shapes in ${bound}`;
    const inSubset = listed.length ? [count(listed, passes), count(listed, passesInWasm)] : ['', ''];
    return `| ${[op, opsets, ...inSubset, count(using, passes), count(using, passesInWasm), notes].join(' | ')} |`;
  });

  const reasons = new Map();
  const unexplained = [];
  for (const [name, result] of native) {
    if (result.outcome === 'passed' || (result.outcome === 'not-applicable' && !promised.includes(name))) continue;
    const exception = exceptions.find(({ pattern }) => pattern.test(name));
    if (exception) reasons.set(exception.reason, [...(reasons.get(exception.reason) ?? []), name]);
    else unexplained.push(name);
  }
  const missing = [...reasons].map(([reason, names]) => `- ${reason}: ${names.map((name) => `\`${name}\``).join(', ')}`);
  if (unexplained.length > 0) missing.push(`- Not there yet: ${unexplained.length} cases`);

  return `# Operators

Made by \`make operators\` from the outcomes of ONNX's own conformance cases (the node tests of ONNX 1.20.1), each run through
the whole engine: import, passes, memory plan, kernels; natively and in both WebAssembly modules. \`make test\` fails when this
file is not up to date. Tolerances are those of ONNX's test runner: relative 1e-3, absolute 1e-7, integers exact.

Of the ${promised.length} cases that this project promises, ${promised.filter(passes).length} pass natively and ${promised.filter(passesInWasm).length} in WebAssembly. Of the archive's ${native.size},
${usable.length} use no other operators than ours; ${usable.filter(([name]) => passes(name)).length} of those pass natively and ${usable.filter(([name]) => passesInWasm(name)).length} in WebAssembly.

"Promised" counts the cases chosen for the operator, "all" every case that uses it with no other operators than ours. Constant
shapes: a case's inputs that decide a shape are given before the plan is made, because plans have static shapes.

| operator | opsets | promised, native | promised, wasm | all, native | all, wasm | notes |
|---|---|---|---|---|---|---|
${rows.join('\n')}

## Cases of our operators that do not pass

${missing.length > 0 ? missing.join('\n') : 'None.'}
`;
}

if (import.meta.url === pathToFileURL(process.argv[1]).href) writeFileSync(join(root, 'docs/operators.md'), operatorsTable());
