// Every file of the table through the command: right colours and notes, or the right refusal; docs/formats.md says the same, and what
// Node gives. Browsers: tests/browser/formats.test.mjs.
// SPDX-License-Identifier: MIT
import assert from 'node:assert/strict';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { kNodeVersion, runNode } from './node_host.mjs';
import { cellsOf, formatsPage, readBrowsers } from './page.mjs';
import { fault, makeTable, runTable } from './support.mjs';

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

  // A sanitized build's command has been compared above; Node's part is the same in every build.
  const sanitized = process.env.DECAL_SANITIZE ? 'sanitizer build' : false;
  test('docs/formats.md is up to date: node tests/pictures/write_formats.mjs', { skip: sanitized }, async () => {
    const page = await readFile(join(import.meta.dirname, '../../docs/formats.md'), 'utf8');
    const node = { version: kNodeVersion, cells: cellsOf(entries, await runNode(entries, folder)) };
    const browsers = readBrowsers(page, entries);
    for (const [name, { cells }] of Object.entries(browsers)) {
      assert.deepEqual([...cells].filter(([, text]) => text === '?'), [], `${name}: node tests/pictures/write_formats.mjs --browsers`);
    }
    assert.equal(page, formatsPage(entries, reports, node, browsers));
  });
});
