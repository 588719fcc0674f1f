// What the package weighs: for who installs it, and for who opens a page that uses it.
// SPDX-License-Identifier: MIT
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { brotliCompressSync, gzipSync } from 'node:zlib';
import { distPath, root } from './helpers.mjs';

const kMaxPackedBytes = 8e6;
const kMaxFirstLoadBytes = 1.5e6;

test('the packed package, its models included, is at most 8 MB', (t) => {
  const report = JSON.parse(execFileSync('npm', ['pack', '--dry-run', '--json'], { cwd: root, encoding: 'utf8' }));
  const [{ size, unpackedSize, files }] = Array.isArray(report) ? report : Object.values(report);
  t.diagnostic(`${size} bytes packed, ${unpackedSize} unpacked, ${files.length} files`);
  for (const model of ['decal-default', 'people-live']) {
    assert.ok(files.some(({ path }) => path === `web/dist/models/${model}.onnx`), `${model} is missing`);
  }
  assert.ok(size <= kMaxPackedBytes, `${size} bytes`);
});

for (const module of ['decal-relaxed.wasm', 'decal-simd128.wasm']) {
  test(`what a page loads before its first result, with ${module}, is at most 1.5 MB compressed`, (t) => {
    const sizes = ['index.js', 'worker.js', module, 'decal-cutout.wasm'].map((name) => {
      const bytes = readFileSync(distPath(name));
      return { name, raw: bytes.length, gzip: gzipSync(bytes).length, brotli: brotliCompressSync(bytes).length };
    });
    const total = (key) => sizes.reduce((sum, size) => sum + size[key], 0);
    for (const { name, raw, gzip, brotli } of sizes) t.diagnostic(`${name}: ${raw} bytes, gzip ${gzip}, brotli ${brotli}`);
    t.diagnostic(`together: ${total('raw')} bytes, gzip ${total('gzip')}, brotli ${total('brotli')}`);
    assert.ok(total('gzip') <= kMaxFirstLoadBytes, `${total('gzip')} bytes`);
  });
}
