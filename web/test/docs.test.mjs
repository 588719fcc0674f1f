// The documentation: its snippets compile against the declarations, and its links lead somewhere.
// SPDX-License-Identifier: MIT
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join, relative, resolve } from 'node:path';
import { test } from 'node:test';
import { root } from './helpers.mjs';

const docs = ['docs', 'docs/design'].flatMap((folder) =>
  readdirSync(join(root, folder)).filter((file) => file.endsWith('.md')).map((file) => `${folder}/${file}`));
const pages = [
  'README.md', 'ARCHITECTURE.md', 'CONTRIBUTING.md', 'HACKING.md', 'SECURITY.md', 'CODE_OF_CONDUCT.md', 'models/README.md',
  'training/README.md', ...docs,
];

function snippets(page) {
  const text = readFileSync(join(root, page), 'utf8');
  return [...text.matchAll(/^```(tsx?)\n(.*?)^```$/gms)].map(([, language, code]) => ({ page, language, code }));
}

test('snippets compile', () => {
  const folder = join(root, 'build/docs-snippets');
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  const all = pages.flatMap(snippets);
  assert(all.length > 10, `${all.length} snippets`);
  const files = all.map(({ page, language, code }, i) => {
    const file = join(folder, `${page.replaceAll(/[^a-z]+/gi, '-')}-${i}.m${language}`.replace('.mtsx', '.tsx'));
    writeFileSync(file, `${code}\nexport {};\n`);
    return file;
  });
  const tsc = join(dirname(createRequire(import.meta.url).resolve('typescript/package.json')), 'bin/tsc');
  const options = ['--noEmit', '--strict', '--target', 'es2022', '--module', 'nodenext', '--lib',
    'es2024,dom,dom.iterable', '--types', 'node', '--jsx', 'react-jsx', '--skipLibCheck'];
  const { status, stdout } = spawnSync(process.execPath, [tsc, '--ignoreConfig', ...options, ...files],
    { cwd: root, encoding: 'utf8' });
  assert.equal(status, 0, stdout);
});

test('links lead somewhere', () => {
  const dead = [];
  for (const page of pages) {
    const text = readFileSync(join(root, page), 'utf8');
    for (const [, target] of text.matchAll(/\]\(([^)\s]+)\)/g)) {
      if (/^(https?:|#)/.test(target)) continue;
      const file = resolve(join(root, dirname(page)), target.split('#')[0]);
      if (!existsSync(file)) dead.push(`${page}: ${relative(root, file)}`);
    }
  }
  assert.deepEqual(dead, []);
});

test('the documentation site has every page', () => {
  const { projectDocuments } = JSON.parse(readFileSync(join(root, 'docs/site/typedoc.json'), 'utf8'));
  const listed = projectDocuments.map((page) => relative(root, resolve(join(root, 'docs/site'), page)));
  // The site's own front page.
  assert.deepEqual(docs.filter((page) => page !== 'docs/README.md' && !listed.includes(page)), []);
});

test('the architecture and the design notes name what there is', (t) => {
  const described = ['ARCHITECTURE.md', 'HACKING.md', ...docs.filter((page) => page.startsWith('docs/design/'))];
  const tracked = spawnSync('git', ['ls-files', '--cached', '--others', '--exclude-standard'], { cwd: root, encoding: 'utf8' });
  if (tracked.status !== 0) return t.skip('not a git checkout');
  const files = tracked.stdout.split('\n').filter(Boolean);
  const sources = files.filter((file) => /\.(cc|h|ts|tsx|mjs|js|wgsl|cmake|sh|py|json)$|CMakeLists|Makefile/.test(file));
  const words = new Set(sources.filter((file) => existsSync(join(root, file)))
    .flatMap((file) => readFileSync(join(root, file), 'utf8').match(/[A-Za-z_]\w{3,}/g) ?? []));
  for (const word of files.join('/').match(/[A-Za-z_]\w{3,}/g)) words.add(word);
  // The suffixes of files, and an operator that is a task for newcomers because it is missing.
  const known = new Set(['_cpu', '_gpu', 'Softsign']);
  const missing = [];
  for (const page of described) {
    const spans = readFileSync(join(root, page), 'utf8').matchAll(/`([^`\n]+)`/g);
    for (const [, span] of spans) {
      for (const word of span.match(/[A-Za-z_]\w{3,}/g) ?? []) if (!words.has(word) && !known.has(word)) missing.push(`${page}: ${word}`);
      // A path of a file stands from the root, or from the folder that the text is about.
      if (!/^[\w./-]+\/[\w.-]+\.\w+$/.test(span)) continue;
      if (!['', 'engine', 'web/src'].some((folder) => existsSync(join(root, folder, span)))) missing.push(`${page}: ${span}`);
    }
  }
  assert.deepEqual(missing, []);
  assert.ok(readFileSync(join(root, 'ARCHITECTURE.md'), 'utf8').split('\n').length <= 120, 'ARCHITECTURE.md is one page');
});
