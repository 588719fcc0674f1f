// The declarations in web/dist, seen from a project that uses the package.
// SPDX-License-Identifier: MIT
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { test } from 'node:test';
import { distPath, root } from './helpers.mjs';

/** The package's declarations that one of the projects below has read. */
const read = new Set();

for (const [what, fixture, libraries = 'es2024,dom'] of [
  ['code written for rembg-webgpu, and for decal', 'drop-in'],
  ['the entry for rembg-webgpu', 'rembg-webgpu'],
  ['code written for @imgly/background-removal', 'imgly'],
  ['code with React', 'react'],
  ['code with a camera', 'video'],
  ['code of a server, without the DOM,', 'node', 'es2024'],
]) {
  test(`${what} compiles against the declarations`, () => {
    const tsc = join(dirname(createRequire(import.meta.url).resolve('typescript/package.json')), 'bin/tsc');
    const options = ['--noEmit', '--listFiles', '--strict', '--target', 'es2022', '--module', 'nodenext', '--lib', libraries, '--types', 'node'];
    const { status, stdout } = spawnSync(
      process.execPath, [tsc, '--ignoreConfig', ...options, join(root, `web/test/fixtures/${fixture}.ts`)],
      { cwd: root, encoding: 'utf8' },
    );
    assert.equal(status, 0, stdout);
    for (const path of stdout.split('\n')) if (path.startsWith(distPath(''))) read.add(path);
  });
}

test('the package holds the declarations that such projects read, and no others', () => {
  const held = readdirSync(distPath(''), { recursive: true }).filter((name) => name.endsWith('.d.ts')).map((name) => distPath(name));
  assert.deepEqual(held.sort(), [...read].sort());
});
