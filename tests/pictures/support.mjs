// Makes the table's files, runs the command over them and compares.
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
  return patchesOf(await sharp(join(cwd, file)).ensureAlpha().raw().toBuffer({ resolveWithObject: true }), count);
}

/** Of RGBA pixels, as sharp gives them. */
export function patchesOf({ data, info }, count) {
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
  if (entry.code || report.error) return refusalFault(entry, report);
  return pictureFault(entry, { ...report, ...(await readPatches(report.output, cwd, entry.right.length)) }, entry.tolerance);
}

/** Of a file that was refused, or should have been. */
export function refusalFault(entry, report) {
  if (!entry.code) return `refused: ${report.error.message} (${report.error.code})`;
  if (report.error?.code !== entry.code) return `${entry.code} expected, not ${JSON.stringify(report)}`;
  return entry.message && !report.error.message.includes(entry.message) ? `its error does not name ${entry.message}: ${report.error.message}` : '';
}

/** Of a picture; `report` has its size, patches and notes. */
export function pictureFault(entry, report, tolerance) {
  const { notes, patches, size } = report;
  if (entry.note && !notes.some((note) => new RegExp(entry.note).test(note))) return `no note like ${entry.note}: ${JSON.stringify(notes)}`;
  if (`${size}` !== `${entry.size}`) return `${size} pixels, not ${entry.size}`;
  const worst = distance(entry, patches);
  return worst <= tolerance ? '' : `${worst} levels off ${JSON.stringify(entry.right)}: ${JSON.stringify(patches)}`;
}

/** The largest difference from what is right, in levels of 255. */
export function distance(entry, patches) {
  let worst = 0;
  for (const [i, right] of entry.right.entries()) {
    // Under alpha 0 there is no colour.
    const off = right[3] === 0 ? [patches[i][3]] : right.map((value, k) => Math.abs(value - patches[i][k]));
    worst = Math.max(worst, ...off);
  }
  return worst;
}
