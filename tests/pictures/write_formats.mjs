// Writes docs/formats.md; refuses where a file of the table is not right.
// SPDX-License-Identifier: MIT
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fault, formatsPage, makeTable, runTable } from './support.mjs';

const folder = await mkdtemp(join(tmpdir(), 'decal-formats-'));
try {
  const entries = await makeTable(folder);
  const { reports } = await runTable(entries, folder, 'out');
  let wrong = 0;
  for (const entry of entries) {
    const what = await fault(entry, reports.get(entry.file), folder);
    if (what) console.error(`${entry.file}: ${what}`);
    if (what) ++wrong;
  }
  if (wrong > 0) process.exitCode = 1;
  else await writeFile(join(import.meta.dirname, '../../docs/formats.md'), formatsPage(entries, reports));
} finally {
  await rm(folder, { recursive: true, force: true });
}
