// The choice of examples leaves none out.
// Copyright the Decal authors.
// SPDX-License-Identifier: MIT
import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { root } from '../support/models.mjs';
import { choose, clusters, kPerDay, pages, projects } from './choice.mjs';

test('every folder of examples/ is among those that the tests build or drive, and in the workspace', () => {
  const folders = readdirSync(join(root, 'examples'), { withFileTypes: true }).filter((entry) => entry.isDirectory() && entry.name !== 'node_modules');
  assert.deepEqual([...clusters, ...pages, ...projects].sort(), folders.map(({ name }) => name).sort());
  const { workspaces } = JSON.parse(readFileSync(join(root, 'examples/package.json'), 'utf8'));
  assert.deepEqual(workspaces, [...projects].sort());
});

test('the turn of each example comes within three days, whichever day is the first', () => {
  for (let day = 20_000; day < 20_000 + projects.length; ++day) {
    const chosen = [0, 1, 2].map((later) => choose('', (day + later) * 86_400_000 + 5));
    assert.deepEqual([...new Set(chosen.flat())].sort(), [...projects].sort(), `from day ${day}`);
    for (const names of chosen) assert.equal(new Set(names).size, kPerDay);
  }
});

test('DECAL_EXAMPLES names examples, or all', () => {
  assert.deepEqual(choose('all'), projects);
  assert.deepEqual(choose('nuxt,node'), ['nuxt', 'node']);
  assert.throws(() => choose('nuxt,nest'), /DECAL_EXAMPLES: no example nest; there are all, angular/);
});
