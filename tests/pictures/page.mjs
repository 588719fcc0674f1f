// docs/formats.md: the table's files, what is right, and what every host gives.
// SPDX-License-Identifier: MIT
import { kKnown } from './browsers.mjs';
import { distance } from './support.mjs';

export const kBrowsers = ['Chromium', 'Firefox', 'WebKitGTK'];

const hex = (colour) => colour.slice(0, 3).join(',') + (colour[3] === 255 ? '' : ` (alpha ${colour[3]})`);
const inCell = (cell) => cell.trim().replaceAll('|', '\\|');
const rowKey = (kind, title) => `${kind}: ${inCell(title)}`;

/** What a host made of a file, in few words. */
export function cell(entry, report) {
  if (report.error) return report.error.code ? `\`${report.error.code}\`` : 'refused';
  const noted = report.notes.length > 0 ? ', noted' : '';
  if (entry.code) return `a picture${noted}`;
  if (`${report.size}` !== `${entry.size}`) return `${report.size.join(' x ')} pixels`;
  const off = distance(entry, report.patches);
  return off <= entry.tolerance ? `as right${noted}` : `off by ${off}${noted}`;
}

/** Cells by file, of one host. */
export const cellsOf = (entries, reports) => new Map(entries.filter(({ file }) => reports.has(file)).map((entry) => [entry.file, cell(entry, reports.get(entry.file))]));

/** The browsers' cells and versions that a page has already, so that it can be written anew without them. */
export function readBrowsers(page, entries) {
  const rows = new Map();
  let kind = '';
  for (const line of page.split('\n')) {
    if (line.startsWith('## ')) kind = line.slice(3);
    const cells = line.split(/(?<!\\)\|/).map((text) => text.trim());
    if (cells.length === 11) rows.set(`${kind}: ${cells[1]}`, cells.slice(7, 10));
  }
  const versions = kBrowsers.map((name) => new RegExp(`${name} ([\\d.]+)`).exec(page)?.[1] ?? '?');
  return Object.fromEntries(kBrowsers.map((name, i) => [name, {
    version: versions[i],
    cells: new Map(entries.map(({ file, kind, title }) => [file, rows.get(rowKey(kind, title))?.[i] ?? '?'])),
  }]));
}

/** `reports`: the command's. `node`, `browsers`: versions and cells. */
export function formatsPage(entries, reports, node, browsers) {
  const kinds = [...new Set(entries.map(({ kind }) => kind))];
  const lines = [
    '# What becomes of a file',
    '',
    'Made by `node tests/pictures/write_formats.mjs --browsers` from the table of files in `tests/pictures`; tests fail where it is not up to',
    'date. Every file shows eight flat patches, mostly red, green, blue, white, grey 128, dark 20,30,40, skin 200,150,120 and orange',
    '250,120,10. The right colours are computed from the standard named, not by any library that reads the files. "As right" is within the',
    'levels of 255 in parentheses, alpha included; "noted" is what `notes` tells of.',
    '',
    '| column | what reads the file |',
    '|---|---|',
    '| command | the native command: libvips 8.14, libtiff 4.5, libheif 1.15, libjxl 0.7 and Little CMS 2.14 of Debian 12; its notes are what it says on standard error and in `--json` |',
    `| Node | ${node.version}, as the [guide](guide.md#in-node) has it: the package takes pixels there, and what is wrong is sharp’s |`,
    ...kBrowsers.map((name) => `| ${name === 'WebKitGTK' ? 'WebKit' : name} | the package in ${name} ${browsers[name].version}: the browser’s decoder, what they disagree about done by the package |`),
    '',
    'In browsers a colour whose chunk or box the package converts (cICP, gAMA and cHRM, grey profiles, nclx; profiles of WebP and AVIF) is converted from 8 bits a',
    'channel. Files are refused with the same codes everywhere, so far as the browser reads their kind.',
  ];
  for (const kind of kinds) {
    lines.push('', `## ${kind}`, '', '| file | the first and seventh patch, if right | by | command | its notes | Node | Chromium | Firefox | WebKit |', '|---|---|---|---|---|---|---|---|---|');
    for (const entry of entries.filter((one) => one.kind === kind)) {
      const report = reports.get(entry.file);
      const right = entry.code ? 'refused' : `${hex(entry.right[0])} · ${hex(entry.right[6] ?? entry.right.at(-1))}`;
      const native = entry.code ? `\`${entry.code}\`: ${report.error.message}` : `as right (${entry.tolerance})`;
      const cells = [entry.title, right, entry.source, native, (report.notes ?? []).join('; '), node.cells.get(entry.file)];
      lines.push(`| ${[...cells, ...kBrowsers.map((name) => browsers[name].cells.get(entry.file))].map(inCell).join(' | ')} |`);
    }
  }
  lines.push('', '## Known differences of browsers', '', '| file | off by, of 255 | why |', '|---|---|---|');
  for (const [file, { off = {}, refuses = [], why }] of Object.entries(kKnown)) {
    const title = entries.find((entry) => entry.file === file);
    const differences = [...Object.entries(off).map(([name, value]) => `${name} ${value}`), ...refuses.map((name) => `${name} refuses it`)];
    lines.push(`| ${title.kind}: ${title.title} | ${differences.join(', ')} | ${why} |`);
  }
  return lines.join('\n') + '\n';
}
