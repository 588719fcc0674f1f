// Writes docs/formats.md. Refuses if any file of the table gives a wrong result.
//   node tests/pictures/write_formats.mjs              runs the command and Node; keeps the browsers' columns
//   node tests/pictures/write_formats.mjs --browsers   runs the three browsers too, which takes a minute or two
// SPDX-License-Identifier: MIT
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { engines } from '../browser/engines/engines.mjs';
import { browserFault, runBrowser } from './browsers.mjs';
import { kNodeVersion, runNode } from './node_host.mjs';
import { cellsOf, formatsPage, readBrowsers } from './page.mjs';
import { fault, makeTable, runTable } from './support.mjs';

const kPage = join(import.meta.dirname, '../../docs/formats.md');
const folder = await mkdtemp(join(tmpdir(), 'decal-formats-'));
let wrong = 0;
const blame = (host, { file }, what) => {
  if (!what) return;
  console.error(`${host}: ${file}: ${what}`);
  ++wrong;
};
try {
  const entries = await makeTable(folder);
  const { reports } = await runTable(entries, folder, 'out');
  for (const entry of entries) blame('command', entry, await fault(entry, reports.get(entry.file), folder));
  const browsers = readBrowsers(await readFile(kPage, 'utf8'), entries);
  for (const engine of process.argv.includes('--browsers') ? engines : []) {
    if (engine.missing) throw new Error(engine.missing);
    const run = await runBrowser(engine, entries, folder);
    for (const entry of entries) blame(engine.name, entry, browserFault(engine.name, entry, run.reports.get(entry.file)));
    browsers[engine.name] = { version: run.version, cells: cellsOf(entries, run.reports) };
  }
  const node = { version: kNodeVersion, cells: cellsOf(entries, await runNode(entries, folder)) };
  if (wrong > 0) process.exitCode = 1;
  else await writeFile(kPage, formatsPage(entries, reports, node, browsers));
} finally {
  await rm(folder, { recursive: true, force: true });
}
