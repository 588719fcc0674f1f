// The project's version and URL, which several files state: checks that they agree, and sets them in all files.
//   node scripts/release.mjs check          names every file that disagrees, exit status 1
//   node scripts/release.mjs set 0.2.0      writes a version everywhere
//   node scripts/release.mjs repository     writes kRepository everywhere
// docs/releasing.md tells when.
// SPDX-License-Identifier: MIT
import { existsSync, readFileSync, realpathSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** Where the project is hosted, such as 'https://github.com/OWNER/decal'. Empty: nowhere yet, and no file may name an address. */
export const kRepository = '';

/** Where the version is stated. `pattern` has three groups: the text before it, the version, the text after. */
const kVersions = [
  { file: 'CMakeLists.txt', pattern: /^(project\(decal VERSION )(\d+\.\d+\.\d+)( )/m },
  { file: 'package.json', pattern: /^( {2}"version": ")([^"]+)(",)$/m },
  { file: 'package-lock.json', pattern: /^( {2}"version": ")([^"]+)(",)$/m },
  { file: 'package-lock.json', pattern: /^( {4}"": \{\n {6}"name": "decal",\n {6}"version": ")([^"]+)(",)$/m },
  { file: 'CITATION.cff', pattern: /^(version: )(\S+)()$/m },
  // "(unreleased)" or the date follows.
  { file: 'CHANGELOG.md', pattern: /^(## )(\d+\.\d+\.\d+)( \()/m },
];

/** What is wrong with the version of the Python package, which has to be read from CMakeLists.txt; empty if it is. */
function pythonDisagreement(root) {
  const text = readFileSync(join(root, 'pyproject.toml'), 'utf8');
  if (!/^dynamic = \[.*"version".*\]$/m.test(text)) return 'pyproject.toml: "version" is not dynamic';
  const read = /^\[\[tool\.dynamic-metadata\]\]\nfield = "version"\n(?:.+\n)*?input = "([^"]+)"\nregex = '(.+)'$/m.exec(text);
  if (read?.[1] !== 'CMakeLists.txt') return 'pyproject.toml: does not read its version from CMakeLists.txt';
  const cmake = readFileSync(join(root, 'CMakeLists.txt'), 'utf8');
  const found = new RegExp(read[2].replace('(?P<', '(?<')).exec(cmake)?.groups?.value;
  const wanted = kVersions[0].pattern.exec(cmake)?.[2];
  return found === wanted ? '' : `pyproject.toml: reads ${found} from CMakeLists.txt, which has ${wanted}`;
}

/**
 * What disagrees, a line each; empty where all is well. `root`: of the sources.
 */
export function disagreements(root, repository = kRepository) {
  const found = [];
  let wanted = null;
  for (const { file, pattern } of kVersions) {
    const path = join(root, file);
    const version = existsSync(path) ? pattern.exec(readFileSync(path, 'utf8'))?.[2] : undefined;
    if (version === undefined) found.push(`${file}: no version found`);
    else if (wanted === null) wanted = version;
    else if (version !== wanted) found.push(`${file}: version ${version}, where CMakeLists.txt has ${wanted}`);
  }
  const python = pythonDisagreement(root);
  if (python) found.push(python);
  const description = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
  for (const [field, value] of Object.entries(addresses(repository))) {
    if (JSON.stringify(description[field]) !== JSON.stringify(value)) {
      found.push(`package.json: "${field}" is ${JSON.stringify(description[field])}, kRepository asks for ${JSON.stringify(value)}`);
    }
  }
  const cited = /^repository-code: "?([^"\n]*)"?$/m.exec(readFileSync(join(root, 'CITATION.cff'), 'utf8'))?.[1];
  if ((cited ?? '') !== repository) found.push(`CITATION.cff: repository-code is "${cited ?? ''}", kRepository is "${repository}"`);
  return found;
}

/** package.json's fields, undefined if there is no address. */
function addresses(repository) {
  if (!repository) return { repository: undefined, bugs: undefined, homepage: undefined };
  return { repository: { type: 'git', url: `git+${repository}.git` }, bugs: `${repository}/issues`, homepage: `${repository}#readme` };
}

/** Writes a version into every file but the changelog, whose heading a person writes. */
export function setVersion(root, version) {
  if (!/^\d+\.\d+\.\d+$/.test(version ?? '')) throw new Error(`not a version: ${version}; write MAJOR.MINOR.PATCH`);
  for (const { file, pattern } of kVersions) {
    const path = join(root, file);
    if (file === 'CHANGELOG.md') continue;
    writeFileSync(path, readFileSync(path, 'utf8').replace(pattern, (_, before, __, after) => `${before}${version}${after}`));
  }
}

/** Writes the address into every file that has one; '' removes it. */
export function setRepository(root, repository) {
  const path = join(root, 'package.json');
  const { repository: _, bugs: __, homepage: ___, ...description } = JSON.parse(readFileSync(path, 'utf8'));
  const fields = Object.entries(description);
  const at = fields.findIndex(([name]) => name === 'license') + 1;
  fields.splice(at, 0, ...Object.entries(addresses(repository)).filter(([, value]) => value !== undefined));
  writeFileSync(path, `${JSON.stringify(Object.fromEntries(fields), null, 2)}\n`);
  const citation = join(root, 'CITATION.cff');
  const lines = readFileSync(citation, 'utf8').split('\n').filter((line) => !line.startsWith('repository-code:'));
  if (repository) lines.splice(lines.findIndex((line) => line.startsWith('license:')) + 1, 0, `repository-code: "${repository}"`);
  writeFileSync(citation, lines.join('\n'));
}

const root = fileURLToPath(new URL('..', import.meta.url));
if (process.argv[1] && realpathSync(process.argv[1]) === fileURLToPath(import.meta.url)) {
  const [command, argument] = process.argv.slice(2);
  if (command === 'set') setVersion(root, argument);
  else if (command === 'repository') setRepository(root, kRepository);
  else if (command !== 'check') {
    console.error('usage: node scripts/release.mjs check | set VERSION | repository');
    process.exit(2);
  }
  const wrong = disagreements(root);
  for (const line of wrong) console.error(`release: ${line}`);
  if (wrong.length > 0) process.exit(1);
}
