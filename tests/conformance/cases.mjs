// Where the conformance cases are, for the scripts; case_files.cc is the same for C++.
// SPDX-License-Identifier: MIT
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, readdirSync, renameSync, rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

export const root = join(dirname(fileURLToPath(import.meta.url)), '../..');
const archives = join(process.env.DECAL_SHARED ?? join(root, '../shared'), 'onnx-tests');
const archive = join(archives, 'node-v1.20.1.tar.gz');
const unpacked = join(root, 'build/onnx-tests');

/** Why nothing can be tested here, or false. */
export const absent = !existsSync(archive) && 'NOT TESTED: no archive of conformance cases (onnx-tests/node-v1.20.1.tar.gz)';

/** The promised cases by operator. */
export const readSubset = () => JSON.parse(readFileSync(join(archives, 'subset_cases.json'), 'utf8'));

/** Names of all cases; unpacks the archive on first use. */
export function allCases() {
  if (!existsSync(join(unpacked, 'node'))) {
    rmSync(`${unpacked}.part`, { recursive: true, force: true });
    mkdirSync(`${unpacked}.part`, { recursive: true });
    execFileSync('tar', ['xzf', archive, '-C', `${unpacked}.part`]);
    rmSync(unpacked, { recursive: true, force: true });
    renameSync(`${unpacked}.part`, unpacked);
  }
  return readdirSync(join(unpacked, 'node')).sort();
}

/** The data sets of a case: {model, inputs, outputs}, each a file's bytes. */
export function dataSets(name) {
  const folder = join(unpacked, 'node', name);
  const model = readFileSync(join(folder, 'model.onnx'));
  const sets = [];
  for (let n = 0; existsSync(join(folder, `test_data_set_${n}`)); ++n) {
    const files = (prefix) => {
      const found = [];
      for (; ;) {
        const path = join(folder, `test_data_set_${n}`, `${prefix}_${found.length}.pb`);
        if (!existsSync(path)) return found;
        found.push(readFileSync(path));
      }
    };
    sets.push({ model, inputs: files('input'), outputs: files('output') });
  }
  return sets;
}

/** [{pattern, reason}] of exceptions.txt. */
export function readExceptions() {
  const exceptions = [];
  let reason = '';
  for (const line of readFileSync(join(root, 'tests/conformance/exceptions.txt'), 'utf8').split('\n')) {
    if (line.startsWith('# ')) reason = line.slice(2);
    else if (line) exceptions.push({ pattern: new RegExp(`^${line.replaceAll('*', '.*')}$`), reason });
  }
  return exceptions;
}

/** One outcome a line: name, outcome, bound inputs, operators, message. */
export function readResults(path) {
  const results = new Map();
  for (const line of readFileSync(path, 'utf8').split('\n')) {
    const [name, outcome, bound, operators, message] = line.split('\t');
    if (name) results.set(name, { outcome, bound, operators: operators.split(',').filter(Boolean), message });
  }
  return results;
}
