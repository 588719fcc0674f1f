// scripts/release.mjs: the files that carry the version agree, and a disagreement is found.
// SPDX-License-Identifier: MIT
import assert from 'node:assert/strict';
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, beforeEach, test } from 'node:test';
import { disagreements, setRepository, setVersion } from '../../scripts/release.mjs';
import { root } from './helpers.mjs';

const files = ['CMakeLists.txt', 'package.json', 'package-lock.json', 'CITATION.cff', 'CHANGELOG.md', 'pyproject.toml'];
const copy = mkdtempSync(join(tmpdir(), 'decal-release-'));
after(() => rmSync(copy, { recursive: true, force: true }));
beforeEach(() => {
  for (const file of files) cpSync(join(root, file), join(copy, file));
});

function edit(file, from, to) {
  const path = join(copy, file);
  const text = readFileSync(path, 'utf8');
  assert.ok(text.includes(from), `${file} has no ${from}`);
  writeFileSync(path, text.replace(from, to));
}

test('the versions of this tree agree', () => assert.deepEqual(disagreements(root), []));

test('another version in any one file is found', () => {
  const version = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')).version;
  const places = [
    ['package.json', `"version": "${version}"`, '"version": "9.9.9"'], ['CITATION.cff', `version: ${version}`, 'version: 9.9.9'],
    ['package-lock.json', `"version": "${version}"`, '"version": "9.9.9"'], ['CHANGELOG.md', `## ${version}`, '## 9.9.9'],
  ];
  for (const [file, from, to] of places) {
    edit(file, from, to);
    assert.deepEqual(disagreements(copy), [`${file}: version 9.9.9, where CMakeLists.txt has ${version}`]);
    edit(file, to, from);
  }
});

test('Python reads its version from CMakeLists.txt', () => {
  const version = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')).version;
  edit('pyproject.toml', 'dynamic = ["version"]', 'version = "9.9.9"');
  assert.deepEqual(disagreements(copy), ['pyproject.toml: "version" is not dynamic']);
  edit('pyproject.toml', 'version = "9.9.9"', 'dynamic = ["version"]');
  edit('pyproject.toml', 'input = "CMakeLists.txt"', 'input = "NOTICE"');
  assert.deepEqual(disagreements(copy), ['pyproject.toml: does not read its version from CMakeLists.txt']);
  edit('pyproject.toml', 'input = "NOTICE"', 'input = "CMakeLists.txt"');
  edit('pyproject.toml', 'project\\(decal VERSION (?P<value>[0-9.]+)', 'project\\(decal VERSION (?P<value>[0-9])');
  assert.deepEqual(disagreements(copy), [`pyproject.toml: reads ${version[0]} from CMakeLists.txt, which has ${version}`]);
});

test('an address stands where the constant says, and nowhere else', () => {
  const address = 'https://example.com/owner/decal';
  setRepository(copy, '');
  const before = readFileSync(join(copy, 'package.json'), 'utf8');
  assert.equal(disagreements(copy, address).length, 4);
  edit('package.json', '  "type": "module",', `  "bugs": "${address}/issues",\n  "type": "module",`);
  assert.equal(disagreements(copy, '').length, 1);
  setRepository(copy, address);
  assert.deepEqual(disagreements(copy, address), []);
  setRepository(copy, '');
  assert.deepEqual(disagreements(copy, ''), []);
  assert.equal(readFileSync(join(copy, 'package.json'), 'utf8'), before);
});

test('a new version is written everywhere but into the changelog, whose heading a person writes', () => {
  setVersion(copy, '9.9.9');
  assert.match(disagreements(copy).join('\n'), /^CHANGELOG\.md: version \S+, where CMakeLists\.txt has 9\.9\.9$/);
  assert.throws(() => setVersion(copy, '1.2'), /not a version/);
});
