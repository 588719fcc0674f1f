// Makes the table's files, runs the command over them and compares; writes docs/formats.md of what came out.
// SPDX-License-Identifier: MIT
import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { join, parse } from 'node:path';
import { promisify } from 'node:util';
import sharp from 'sharp';
import { decal } from '../cli/support.mjs';

const kPatch = 16;

/** Debian's Python has what make.py imports; another one first on the path may not. */
export const python = (...args) => promisify(execFile)('/usr/bin/python3', args, { maxBuffer: 1 << 24 });

/** The folder's files are made; the table's entries. */
export async function makeTable(folder) {
  await python(join(import.meta.dirname, 'make.py'), folder);
  return JSON.parse(await readFile(join(folder, 'table.json')));
}

/** What the command says of each file, by its name, after one run over all of them; cut-outs lie in `out`, whole, because the matte is 1. */
export async function runTable(entries, folder, out) {
  const args = [...entries.map(({ file }) => file), '--model', 'matte-one.onnx', '-o', out, '--json', '--threads', '2'];
  const { stdout, stderr } = await decal(args, { cwd: folder });
  const reports = stdout.toString().trimEnd().split('\n').filter(Boolean).map((line) => JSON.parse(line));
  return { stderr, reports: new Map(reports.map((report) => [parse(report.input).base, report])) };
}

/** The colours in the middle of each patch, and the size. */
export async function readPatches(file, cwd, count) {
  const { data, info } = await sharp(join(cwd, file)).ensureAlpha().raw().toBuffer({ resolveWithObject: true });
  const across = info.width / kPatch;
  const patches = Array.from({ length: count }, (_, i) => {
    const x = (i % across) * kPatch + kPatch / 2;
    const y = Math.floor(i / across) * kPatch + kPatch / 2;
    const at = 4 * (y * info.width + x);
    return [...data.subarray(at, at + 4)];
  });
  return { patches, size: [info.width, info.height] };
}

/** Empty where the command did with that file what is right, else what is wrong. */
export async function fault(entry, report, cwd) {
  if (!report) return 'not a word about it';
  if (entry.code) {
    if (report.error?.code !== entry.code) return `${entry.code} expected, not ${JSON.stringify(report)}`;
    return entry.message && !report.error.message.includes(entry.message) ? `its error does not name ${entry.message}: ${report.error.message}` : '';
  }
  if (report.error) return `refused: ${report.error.message} (${report.error.code})`;
  if (entry.note && !report.notes.some((note) => new RegExp(entry.note).test(note))) return `no note like ${entry.note}: ${JSON.stringify(report.notes)}`;
  const { patches, size } = await readPatches(report.output, cwd, entry.right.length);
  if (`${size}` !== `${entry.size}`) return `${size} pixels, not ${entry.size}`;
  for (const [i, right] of entry.right.entries()) {
    // Under alpha 0 there is no colour.
    const bad = right[3] === 0 ? patches[i][3] !== 0 : right.some((value, k) => Math.abs(value - patches[i][k]) > entry.tolerance);
    if (bad) return `patch ${i}: ${patches[i]} is not ${right} within ${entry.tolerance}`;
  }
  return '';
}

const hex = (colour) => colour.slice(0, 3).join(',') + (colour[3] === 255 ? '' : ` (alpha ${colour[3]})`);

/** docs/formats.md, from the table and the reports of a run that was right throughout. */
export function formatsPage(entries, reports) {
  const kinds = [...new Set(entries.map(({ kind }) => kind))];
  const lines = [
    '# What becomes of a file',
    '',
    'Made by `node tests/pictures/write_formats.mjs` from the table of files in `tests/pictures`; a test fails where it is not up to date.',
    'Every file shows eight flat patches, mostly red, green, blue, white, grey 128, dark 20,30,40, skin 200,150,120 and orange 250,120,10.',
    'The right colours are computed from the standard named, not by any library that reads the files. "As right" is within the levels of',
    '255 given, alpha included. `command` is the native command (libvips 8.14, libtiff 4.5, libheif 1.15, libjxl 0.7 and Little CMS 2.14 of',
    'Debian 12); notes are what it says on standard error and in `--json`.',
  ];
  for (const kind of kinds) {
    lines.push('', `## ${kind}`, '', '| file | the first and seventh patch, if right | by | command | its notes |', '|---|---|---|---|---|');
    for (const entry of entries.filter((one) => one.kind === kind)) {
      const report = reports.get(entry.file);
      const right = entry.code ? 'refused' : `${hex(entry.right[0])} · ${hex(entry.right[6] ?? entry.right.at(-1))}`;
      const native = entry.code ? `\`${entry.code}\`: ${report.error.message}` : `as right (${entry.tolerance})`;
      lines.push(`| ${[entry.title, right, entry.source, native, (report.notes ?? []).join('; ')].map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`);
    }
  }
  return lines.join('\n') + '\n';
}
