// The conformance cases in WebAssembly, both modules, against the natively computed outcomes; then the table made of both.
// SPDX-License-Identifier: MIT
import assert from 'node:assert/strict';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { setFlagsFromString } from 'node:v8';
import { importSource } from '../../web/test/helpers.mjs';
import { absent, allCases, dataSets, readResults, root } from './cases.mjs';
import { operatorsTable } from './operators.mjs';

setFlagsFromString('--experimental-wasm-relaxed-simd');
const nativeResults = join(root, 'build/native/conformance.tsv');

for (const simd of ['simd128', 'relaxed']) {
  test(`wasm-${simd}: every case ends as it does natively`, { skip: absent }, async (t) => {
    const { compileModule } = await importSource('engine/module.ts');
    const { decodeText, instantiate } = await importSource('engine/instance.ts');
    const bytes = new Uint8Array(readFileSync(join(root, `build/wasm32/tests/conformance/wasm/conformance-${simd}.wasm`)));
    let instance;
    // After a trap nothing in the module's memory can be trusted.
    const start = async () => {
      const { module, memory } = await compileModule(bytes, false);
      const exports = instantiate(module, memory);
      exports._initialize();
      instance = { exports, memory };
    };
    await start();

    const run = async ({ model, inputs, outputs }) => {
      const files = [model, ...inputs, ...outputs];
      const head = Uint32Array.from([inputs.length, outputs.length, ...files.map((file) => file.length)]);
      const packed = Buffer.concat([new Uint8Array(head.buffer), ...files]);
      const { exports, memory } = instance;
      try {
        const pointer = exports.conformance_alloc(packed.length) >>> 0;
        assert.notEqual(pointer, 0);
        new Uint8Array(memory.buffer).set(packed, pointer);
        const answer = exports.conformance_run(pointer) >>> 0;
        const text = decodeText(memory, answer, new Uint8Array(memory.buffer).indexOf(0, answer) - answer);
        exports.conformance_free(pointer);
        return text;
      } catch (error) {
        await start();
        return `failed\t\t\t${error}`;
      }
    };

    const lines = [];
    for (const name of allCases()) {
      let answer = 'failed\t\t\tno data';
      for (const data of dataSets(name)) {
        answer = await run(data);
        if (!answer.startsWith('passed')) break;
      }
      lines.push(`${name}\t${answer.replaceAll('\n', ' ')}`);
    }
    const path = join(root, `build/wasm32/conformance-${simd}.tsv`);
    writeFileSync(path, `${lines.join('\n')}\n`);

    assert.ok(existsSync(nativeResults), 'run the native conformance test first');
    const native = readResults(nativeResults);
    const different = [];
    let passed = 0;
    for (const [name, { outcome, message }] of readResults(path)) {
      if (outcome === 'passed') ++passed;
      const there = native.get(name)?.outcome;
      if (outcome !== there) different.push(`${name}: ${outcome} here, ${there} natively; ${message}`);
    }
    t.diagnostic(`${passed} of ${lines.length} cases pass`);
    assert.deepEqual(different, []);
  });
}

test('docs/operators.md is what `make operators` writes', { skip: absent }, () => {
  assert.equal(readFileSync(join(root, 'docs/operators.md'), 'utf8'), operatorsTable());
});
