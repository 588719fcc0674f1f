// The WebAssembly modules as files: size, imports, exports.
// SPDX-License-Identifier: MIT
import assert from 'node:assert/strict';
import { readFileSync, statSync } from 'node:fs';
import { test } from 'node:test';
import { setFlagsFromString } from 'node:v8';
import { readBorder } from '../../border/typescript.mjs';
import { distPath } from './helpers.mjs';

const kMaxBytes = 600_000;

setFlagsFromString('--experimental-wasm-relaxed-simd');

const kinds = { 'decal-simd128.wasm': 'engine', 'decal-relaxed.wasm': 'engine', 'decal-planner.wasm': 'planner' };

for (const [name, kind] of Object.entries(kinds)) {
  test(`${name} is at most ${kMaxBytes} bytes`, () => {
    const { size } = statSync(distPath(name));
    assert.ok(size <= kMaxBytes, `${size} bytes`);
  });

  test(`${name} exports its functions of border/functions.json and what starts it, nothing else`, () => {
    const declared = readBorder('functions').functions.filter((entry) => ['both', kind].includes(entry.in)).map((entry) => entry.name);
    assert.ok(declared.length >= 13, String(declared.length));
    const module = new WebAssembly.Module(readFileSync(distPath(name)));
    const exported = WebAssembly.Module.exports(module).map((entry) => entry.name);
    assert.deepEqual(exported.sort(), [...declared, '__stack_pointer', '_initialize'].sort());
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
