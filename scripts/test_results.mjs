// Reads what test runners write of their tests: JUnit files of node:test, ctest and GoogleTest, and Python's unittest.
// SPDX-License-Identifier: MIT
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

const decodeEntities = (text) =>
  text.replace(/&(lt|gt|quot|apos|amp|#(\d+));/g, (_, name, code) =>
    code ? String.fromCodePoint(Number(code)) : { lt: '<', gt: '>', quot: '"', apos: "'", amp: '&' }[name]);

/** The tests of a JUnit file: {name, time in seconds, skipped: false, true or why}. */
export function readJunit(file) {
  const text = readFileSync(file, 'utf8');
  const tests = [];
  for (const [, attributes, empty, body] of text.matchAll(/<testcase\b((?:\s+[\w:]+="[^"]*")*)\s*(?:(\/)>|>([\s\S]*?)<\/testcase>)/g)) {
    const { name, time, classname, result, status } =
      Object.fromEntries([...attributes.matchAll(/([\w:]+)="([^"]*)"/g)].map(([, key, value]) => [key, decodeEntities(value)]));
    const skip = empty ? null : /<skipped\b(?:[^>]*?\bmessage="([^"]*)")?/.exec(body);
    const skipped = skip ? decodeEntities(skip[1] ?? '') || true : result === 'skipped' || status === 'disabled' || status === 'notrun';
    const scope = classname && !/^(test|suite)$/.test(classname) && classname !== name ? `${classname}.` : '';
    tests.push({ name: `${scope}${name}`, time: Number(time ?? 0), skipped });
  }
  return tests;
}

/** The tests of a C++ build: GoogleTest's files, one for each program and shard, and from ctest's own what is not among them. */
export function readGtest(folder) {
  if (!existsSync(folder)) return [];
  const files = readdirSync(folder).filter((name) => name.endsWith('.xml') && name !== 'ctest.xml');
  const programs = new Set(files.map((name) => name.slice(0, -'.xml'.length)));
  const others = readJunit(join(folder, 'ctest.xml')).filter(({ name }) => !programs.has(name));
  return [...files.flatMap((name) => readJunit(join(folder, name))), ...others];
}

/** The tests of `python3 -m unittest -v`, which does not tell their times. */
export function readUnittest(log) {
  return [...readFileSync(log, 'utf8').matchAll(/^(test_\w+) \(.*?\)(?: \.\.\. |[\s\S]*?)(ok|skipped '(.*)')$/gm)]
    .map(([, name, , why]) => ({ name, time: 0, skipped: why ?? false }));
}
