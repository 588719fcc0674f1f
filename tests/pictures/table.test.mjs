// Every file of the table through the command: right colours and notes, or the right refusal; docs/formats.md says the same.
// SPDX-License-Identifier: MIT
import assert from 'node:assert/strict';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { fault, formatsPage, makeTable, runTable } from './support.mjs';

describe('the table of files', () => {
  let folder, entries, reports;
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'decal-pictures-'));
    entries = await makeTable(folder);
    ({ reports } = await runTable(entries, folder, 'out'));
  });
  after(() => rm(folder, { recursive: true, force: true }));

  test('every file gives what is right', async () => {
    const faults = [];
    for (const entry of entries) {
      const wrong = await fault(entry, reports.get(entry.file), folder);
      if (wrong) faults.push(`${entry.file}: ${wrong}`);
    }
    assert.deepEqual(faults, []);
    assert.ok(entries.length > 100, 'the table is whole');
  });

  test('docs/formats.md is up to date: node tests/pictures/write_formats.mjs', async () => {
    const page = await readFile(join(import.meta.dirname, '../../docs/formats.md'), 'utf8');
    assert.equal(page, formatsPage(entries, reports));
  });
});
