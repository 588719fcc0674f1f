// scripts/spdx.mjs: where the licence goes, and which files need one.
// SPDX-License-Identifier: MIT
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { commentOf, hasLicence, withLicence } from '../../scripts/spdx.mjs';

const kLine = 'SPDX-License-Identifier: MIT';

test('the line follows what the file is for', () => {
  assert.equal(withLicence('// What it is for,\n// and more.\n#pragma once\n', '//'),
    `// What it is for,\n// and more.\n// ${kLine}\n#pragma once\n`);
  assert.equal(withLicence('#!/bin/sh\n# What it is for.\nset -e\n', '#'), `#!/bin/sh\n# What it is for.\n# ${kLine}\nset -e\n`);
  assert.equal(withLicence('"""A docstring."""\n', '#'), `# ${kLine}\n"""A docstring."""\n`);
  assert.equal(withLicence('#!/usr/bin/env python3\n"""A docstring."""\n', '#'),
    `#!/usr/bin/env python3\n# ${kLine}\n"""A docstring."""\n`);
});

test('a file has its licence once', () => {
  const text = withLicence('// Something.\n', '//');
  assert.ok(hasLicence(text) && !hasLicence('// Something.\n'));
});

test('examples, fixtures and data need none', () => {
  for (const file of ['examples/plain/app.js', 'web/test/fixtures/react.ts', 'package.json', 'README.md']) {
    assert.equal(commentOf(file), null, file);
  }
  assert.equal(commentOf('engine/base/shape.h'), '//');
  assert.equal(commentOf('training/data.py'), '#');
});
