// The report's records: JSON lines, on disk as soon as something is known, so that a run cut off anywhere can be read.
//
// Copyright the Decal authors.
// SPDX-License-Identifier: MIT
import { appendFileSync, existsSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

export const recordsFile = (folder) => join(folder, 'records.jsonl');

/** Appends one record: an object with `step`, the id of the step it belongs to, and `kind`. */
export function append(folder, record) {
  appendFileSync(recordsFile(folder), `${JSON.stringify(record)}\n`);
}

/** All whole records of a folder; a last line cut off in the middle is left out. Throws where there are none. */
export function readRecords(folder) {
  const file = recordsFile(folder);
  if (!existsSync(file)) throw new Error(`${file}: no such file: is this the folder of a report?`);
  const records = [];
  const lines = readFileSync(file, 'utf8').split('\n');
  lines.forEach((line, i) => {
    if (line === '') return;
    try {
      records.push(JSON.parse(line));
    } catch {
      if (i < lines.length - 1) throw new Error(`${file}: line ${i + 1} is no JSON`);
    }
  });
  return records;
}

/** Writes beside, then renames: a reader never meets half a file. */
export function writeWhole(path, text) {
  writeFileSync(`${path}.part`, text);
  renameSync(`${path}.part`, path);
}
