// The WebAssembly modules as files: size, imports, exports.
import assert from 'node:assert/strict';
import { readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { setFlagsFromString } from 'node:v8';
import { distPath, root } from './helpers.mjs';

const kMaxBytes = 600_000;

setFlagsFromString('--experimental-wasm-relaxed-simd');

// The engine has all but the plans for WebGPU, the planner those and what reads a model.
const forPlans = /^decal_(gpu_plan_|alloc|free|error|stream_|session_(from_stream|free|info))/;
const parts = {
  'decal-simd128.wasm': (entry) => !entry.startsWith('decal_gpu_plan_'),
  'decal-relaxed.wasm': (entry) => !entry.startsWith('decal_gpu_plan_'),
  'decal-planner.wasm': (entry) => forPlans.test(entry),
};

for (const [name, isPart] of Object.entries(parts)) {
  test(`${name} is at most ${kMaxBytes} bytes`, () => {
    const { size } = statSync(distPath(name));
    assert.ok(size <= kMaxBytes, `${size} bytes`);
  });

  test(`${name} exports its part of the C interface and the stack pointer`, () => {
    const header = readFileSync(join(root, 'wasm/decal_wasm.h'), 'utf8');
    const declared = [...header.matchAll(/DECAL_EXPORT\((decal_\w+)\)/g)].map((match) => match[1]).filter(isPart);
    assert.ok(declared.length >= 13, String(declared.length));
    const module = new WebAssembly.Module(readFileSync(distPath(name)));
    const exported = WebAssembly.Module.exports(module).map((entry) => entry.name);
    assert.deepEqual(declared.filter((entry) => !exported.includes(entry)), []);
    assert.ok(exported.includes('__stack_pointer'));
    assert.ok(exported.includes('_initialize'));
  });

  test(`${name} imports nothing but its memory and WASI`, () => {
    const module = new WebAssembly.Module(readFileSync(distPath(name)));
    const imports = WebAssembly.Module.imports(module).filter((entry) => entry.module !== 'wasi_snapshot_preview1');
    assert.deepEqual(imports, [{ module: 'env', name: 'memory', kind: 'memory' }]);
  });
}

test('only the relaxed build needs relaxed SIMD', () => {
  // f32x4.relaxed_madd, as bytes: present in one, absent from the other.
  const madd = Buffer.from([0xfd, 0x85, 0x02]);
  assert.ok(readFileSync(distPath('decal-relaxed.wasm')).includes(madd));
  assert.ok(!readFileSync(distPath('decal-simd128.wasm')).includes(madd));
});
