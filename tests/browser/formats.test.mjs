// The table of files in the three browsers: right colours and notes, or the right refusal; docs/formats.md says the same.
// SPDX-License-Identifier: MIT
import assert from 'node:assert/strict';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, suite, test } from 'node:test';
import { browserFault, runBrowser } from '../pictures/browsers.mjs';
import { cell, readBrowsers } from '../pictures/page.mjs';
import { makeTable } from '../pictures/support.mjs';
import { engines } from './engines/engines.mjs';

/** Of kinds that no browser here reads, one file stands for all: write_formats.mjs --browsers tries the others. */
const kOneOf = { TIFF: 'tiff-plain.tif', HEIC: 'heic-plain.heic', PNM: 'binary.ppm' };

suite('the table of files in browsers', () => {
  let folder, entries, some, page;
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'decal-formats-'));
    entries = await makeTable(folder);
    some = entries.filter(({ kind, file }) => (kOneOf[kind] ?? file) === file);
    page = await readFile(join(import.meta.dirname, '../../docs/formats.md'), 'utf8');
  });
  after(() => rm(folder, { recursive: true, force: true }));

  for (const engine of engines) {
    test(engine.name, { skip: engine.missing }, async (t) => {
      const { reports, version } = await runBrowser(engine, some, folder);
      t.diagnostic(`${some.length} files in ${engine.name} ${version}`);
      const faults = some.flatMap((entry) => {
        const wrong = browserFault(engine.name, entry, reports.get(entry.file));
        return wrong ? [`${entry.file}: ${wrong}`] : [];
      });
      assert.deepEqual(faults, []);
      const { cells } = readBrowsers(page, entries)[engine.name];
      const stale = some.filter((entry) => cells.get(entry.file) !== cell(entry, reports.get(entry.file)));
      assert.deepEqual(stale.map(({ file }) => file), [], 'docs/formats.md is out of date: node tests/pictures/write_formats.mjs --browsers');
    });
  }
});
