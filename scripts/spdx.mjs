// The licence of every source file, as one line that tools read: SPDX-License-Identifier: MIT. CONTRIBUTING.md has the rule.
//   node scripts/spdx.mjs --check [FILE...]   names the files without that line, exit status 1; without files, all that git knows
//   node scripts/spdx.mjs --add [FILE...]     adds it at the end of the comment that opens the file
// SPDX-License-Identifier: MIT
import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync, realpathSync, writeFileSync } from 'node:fs';
import { extname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const kLine = 'SPDX-License-Identifier: MIT';

/** How a line of comment begins, by the end of a file's name. Files of other kinds (data, documents, JSON) need no line. */
const kComments = {
  '.cc': '//', '.h': '//', '.S': '//', '.ts': '//', '.tsx': '//', '.js': '//', '.jsx': '//', '.mjs': '//', '.wgsl': '//',
  '.cmake': '#', '.sh': '#', '.py': '#',
};

/** Examples are to be copied into anybody's project; fixtures are what tests read. */
const kExempt = /^examples\/|\/fixtures\/|(^|\/)node_modules\//;

/** Null where a file needs no line. */
export function commentOf(file) {
  return kExempt.test(file) ? null : kComments[extname(file)] ?? null;
}

export function hasLicence(text) {
  return text.split('\n', 40).some((line) => /^(?:\/\/|#) SPDX-License-Identifier: \S+$/.test(line));
}

/**
 * The file with its licence: after the comment that opens it, which tells what the file is for. Where code comes first, or a text in
 * quotes as in Python, the line stands before it.
 */
export function withLicence(text, comment) {
  const lines = text.split('\n');
  let at = lines[0].startsWith('#!') ? 1 : 0;
  while (lines[at]?.startsWith(comment)) ++at;
  lines.splice(at, 0, `${comment} ${kLine}`);
  return lines.join('\n');
}

const root = fileURLToPath(new URL('..', import.meta.url));
if (process.argv[1] && realpathSync(process.argv[1]) === fileURLToPath(import.meta.url)) {
  const [command, ...named] = process.argv.slice(2);
  if (command !== '--check' && command !== '--add') {
    console.error('usage: node scripts/spdx.mjs --check|--add [FILE...]');
    process.exit(2);
  }
  const all = named.length > 0 ? named : execFileSync('git', ['ls-files'], { cwd: root, encoding: 'utf8' }).split('\n').filter(Boolean);
  const without = all.filter((file) =>
    commentOf(file) !== null && existsSync(join(root, file)) && !hasLicence(readFileSync(join(root, file), 'utf8')));
  if (command === '--add') {
    for (const file of without) writeFileSync(join(root, file), withLicence(readFileSync(join(root, file), 'utf8'), commentOf(file)));
    console.log(`spdx: added to ${without.length} files`);
  } else {
    for (const file of without) console.error(`${file}: no licence; add it with node scripts/spdx.mjs --add ${file}`);
    process.exit(without.length > 0 ? 1 : 0);
  }
}
