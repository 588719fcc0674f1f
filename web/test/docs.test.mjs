// The documentation: its snippets compile against the declarations, and its links lead somewhere.
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
