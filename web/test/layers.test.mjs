// The folders of web/src: each sees only those below it. What a folder may use of its host, its tsconfig says.
// SPDX-License-Identifier: MIT
import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, normalize, sep } from 'node:path';
import { test } from 'node:test';
import { root } from './helpers.mjs';

/** From the ground up; those of one row do not see each other. */
const kLayers = [['border'], ['shared'], ['engine', 'pictures'], ['download', 'gpu'], ['host'], ['adapters/worker', 'adapters/node'], ['page'], ['entries']];
const source = join(root, 'web/src');

const layerOf = (folder) => kLayers.findIndex((row) => row.includes(folder));
const files = readdirSync(source, { recursive: true }).map((file) => file.split(sep).join('/')).filter((file) => file.endsWith('.ts'));

test('every file is in a layer and imports only from those below', () => {
  const wrong = [];
  for (const file of files) {
    const folder = dirname(file);
    if (layerOf(folder) < 0) wrong.push(`${file}: in no layer`);
    for (const [, target] of readFileSync(join(source, file), 'utf8').matchAll(/(?:from |import |import\()'(\.[^']+\.js)'/g)) {
      const other = dirname(normalize(join(folder, target))).split(sep).join('/');
      if (other !== folder && layerOf(other) >= layerOf(folder)) wrong.push(`${file}: ${target}`);
    }
  }
  assert.ok(files.length > 60, `${files.length} files`);
  assert.deepEqual(wrong, []);
});
