// Float16 and int8 versions of real models, as exporters and quantisers write them: each loads and stays close to the
// float32 model's own result, here and in onnxruntime-node.
//
// Without the folder of shared models every test here is skipped and says so.
// SPDX-License-Identifier: MIT
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { readNpy, writeNpy } from '../../web/tools/npy.mjs';
import { deviation, maxDifference, shareWithin } from '../support/compare.mjs';
import { missing, modelFile, models, photoTensor, root, work } from '../support/models.mjs';
import { onnxruntimeAnswer } from '../support/onnxruntime.mjs';

const decal = join(root, 'build/bin/decal');

// 11 bits of mantissa, and 8 bits of range: what both cost on outputs between 0 and 1.
const half = 5e-3;
const int8 = 5e-2;
const versions = [
  { name: 'float16 weights', args: ['--half-weights'], tolerance: half },
  { name: 'float16', args: ['--half'], tolerance: half },
  { name: 'int8 weights', args: ['--int8-weights', '--per-channel'], tolerance: int8 },
  { name: 'int8', args: ['--int8'], tolerance: int8 },
  { name: 'int8 by channel', args: ['--int8', '--per-channel'], tolerance: int8 },
];
// Through BiRefNet's 150 layers of random weights the 1 % that int8 weights cost each layer adds up, most where the photo
// is flat and its LayerNorms enlarge nothing but noise: there some pixels leave the tolerance.
const cases = [
  { find: (m) => m.name === 'u2netp_320', wasm: true, within: 1 },
  { find: (m) => m.variant === 'tamed' && m.size === 512, within: 0.98 },
];

function runNative(file, x, y) {
  execFileSync(decal, ['run', file, '--input', x, '--output', y, '--threads', '2'], { stdio: ['ignore', 'ignore', 'inherit'] });
  return readNpy(y).data;
}

function runWasm(file, x, y) {
  execFileSync(process.execPath, [join(root, 'web/tools/run-onnx.mjs'), file, x, y, '--threads', '2'], { stdio: ['ignore', 'ignore', 'inherit'] });
  return readNpy(y).data;
}

/** What the float32 model itself gives, ours and onnxruntime's: the same for all its versions. */
async function references(model, x) {
  const file = modelFile(model);
  const input = await photoTensor(model);
  writeNpy(x, input.shape, input.data);
  const expected = await onnxruntimeAnswer(file, input);
  return { file, expected, ours: runNative(file, x, x.replace('.x.npy', '.y.npy')) };
}

mkdirSync(work, { recursive: true });
for (const { find, wasm, within } of cases) {
  const model = models.find(find);
  const name = [model.name, model.variant].filter(Boolean).join('-');
  const x = join(work, `${name}-float32.x.npy`);
  let made;
  for (const version of versions) {
    // Slow by design: each version is a whole BiRefNet at 512.
    test(`${name} in ${version.name} stays close to float32`, { skip: missing(model) }, async (t) => {
      const { file, expected, ours } = await (made ??= references(model, x));
      const stem = join(work, `${name}${version.args.join('')}`);
      const [converted, y] = [`${stem}.onnx`, `${stem}.y.npy`];
      execFileSync('/usr/bin/python3', [join(root, 'tests/parity/convert.py'), ...version.args, file, converted]);
      const spread = deviation(expected);
      assert.ok(spread > version.tolerance, `outputs that vary by ${spread} prove nothing at ${version.tolerance}`);

      const native = runNative(converted, x, y);
      const own = maxDifference(native, ours);
      const theirs = maxDifference(native, expected);
      t.diagnostic(`max difference to float32: ${own.toExponential(2)} (ours), ${theirs.toExponential(2)} (onnxruntime); ` +
                   `${(100 * shareWithin(native, expected, version.tolerance)).toFixed(3)} % within ${version.tolerance}; outputs vary by ${spread.toExponential(2)}`);
      const enough = version.tolerance === int8 ? within : 1;
      assert.ok(shareWithin(native, ours, version.tolerance) >= enough, `differs from our float32 result by ${own}`);
      assert.ok(shareWithin(native, expected, version.tolerance) >= enough, `differs from onnxruntime's float32 result by ${theirs}`);
      if (wasm) {
        const max = maxDifference(runWasm(converted, x, y), native);
        assert.ok(max <= version.tolerance / 10, `wasm differs from native by ${max}`);
      }
    });
  }
}
