// The WebAssembly modules as files: size, imports, exports.
// SPDX-License-Identifier: MIT
import assert from 'node:assert/strict';
import { readFileSync, statSync } from 'node:fs';
import { test } from 'node:test';
import { setFlagsFromString } from 'node:v8';
import { readBorder } from '../../border/typescript.mjs';
import { distPath, importSource } from './helpers.mjs';

const { kGuestTable } = await importSource('engine/instance.ts');
const kMaxBytes = 600_000;
/** What the cut-out module has of an engine. */
const kOfEngine = ['decal_alloc', 'decal_free', 'decal_run_tasks', 'decal_thread_count', 'decal_set_error'];

setFlagsFromString('--experimental-wasm-relaxed-simd');

const kinds = { 'decal-simd128.wasm': 'engine', 'decal-relaxed.wasm': 'engine', 'decal-planner.wasm': 'planner', 'decal-cutout.wasm': 'cutout' };

for (const [name, kind] of Object.entries(kinds)) {
  test(`${name} is at most ${kMaxBytes} bytes`, () => {
    const { size } = statSync(distPath(name));
    assert.ok(size <= kMaxBytes, `${size} bytes`);
  });

  test(`${name} exports its functions of border/functions.json and what starts it, nothing else`, () => {
    const declared = readBorder('functions').functions
      .filter((entry) => entry.in === kind || (entry.in === 'both' && kind !== 'cutout')).map((entry) => entry.name);
    assert.ok(declared.length >= 4, String(declared.length));
    if (kind === 'engine') declared.push('__indirect_function_table');
    if (kind === 'cutout') declared.push('__heap_base');
    const module = new WebAssembly.Module(readFileSync(distPath(name)));
    const exported = WebAssembly.Module.exports(module).map((entry) => entry.name);
    assert.deepEqual(exported.sort(), [...declared, '__stack_pointer', '_initialize'].sort());
  });

  test(`${name} imports nothing but its memory and WASI`, () => {
    const module = new WebAssembly.Module(readFileSync(distPath(name)));
    const imports = WebAssembly.Module.imports(module).filter((entry) => entry.module !== 'wasi_snapshot_preview1');
    const memory = { module: 'env', name: 'memory', kind: 'memory' };
    if (kind !== 'cutout') return assert.deepEqual(imports, [memory]);
    const ofEngine = [...kOfEngine.map((name) => ({ module: 'env', name, kind: 'function' })), memory,
      { module: 'env', name: '__indirect_function_table', kind: 'table' }];
    const sorted = (list) => list.map((entry) => JSON.stringify(entry, ['module', 'name', 'kind'])).sort();
    assert.deepEqual(sorted(imports), sorted(ofEngine));
  });
}

test('the cut-out module fits into the gaps that engines leave in their memory and in their table', () => {
  const shared = (name, extra) => {
    const module = new WebAssembly.Module(readFileSync(distPath(name)));
    const nothing = new Proxy({}, { get: () => () => 0 });
    const memory = new WebAssembly.Memory({ initial: 64, maximum: 65536, shared: true });
    return new WebAssembly.Instance(module, { wasi_snapshot_preview1: nothing, env: { memory, ...extra } }).exports;
  };
  for (const name of ['decal-simd128.wasm', 'decal-relaxed.wasm']) {
    const { __indirect_function_table: table } = shared(name);
    assert.ok(table.length <= kGuestTable.begin, `${name} has ${table.length} functions in its table`);
    table.grow(kGuestTable.begin + kGuestTable.room - table.length);
    const before = Array.from({ length: kGuestTable.begin }, (_, i) => table.get(i));
    const { __heap_base: end } = shared('decal-cutout.wasm', {
      __indirect_function_table: table, ...Object.fromEntries(kOfEngine.map((name) => [name, () => 0])),
    });
    assert.ok(before.every((entry, i) => table.get(i) === entry), "functions of the engine's were replaced");
    // Engines' data begins 32 kB above their stack of 1 MB (wasm/CMakeLists.txt).
    assert.ok(end.value > 1 << 20 && end.value <= (1 << 20) + (32 << 10), String(end.value));
  }
});

test('engines leave that gap: no data of theirs lies in it', () => {
  for (const name of ['decal-simd128.wasm', 'decal-relaxed.wasm']) {
    const memory = new WebAssembly.Memory({ initial: 64, maximum: 65536, shared: true });
    const nothing = new Proxy({}, { get: () => () => 0 });
    const module = new WebAssembly.Module(readFileSync(distPath(name)));
    new Uint8Array(memory.buffer, 1 << 20, 32 << 10).fill(7);
    const { exports } = new WebAssembly.Instance(module, { wasi_snapshot_preview1: nothing, env: { memory } });
    exports._initialize();
    assert.ok(new Uint8Array(memory.buffer, 1 << 20, 32 << 10).every((byte) => byte === 7), name);
    assert.equal(exports.__stack_pointer.value, 1 << 20);
  }
});

test('only the relaxed build needs relaxed SIMD', () => {
  // f32x4.relaxed_madd, as bytes: present in one, absent from the other.
  const madd = Buffer.from([0xfd, 0x85, 0x02]);
  assert.ok(readFileSync(distPath('decal-relaxed.wasm')).includes(madd));
  assert.ok(!readFileSync(distPath('decal-simd128.wasm')).includes(madd));
});
