// A catalogue for measurements of many pictures, and commands with their time on the clock and on the processors.
//
// Copyright the Decal authors.
// SPDX-License-Identifier: MIT
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import sharp from 'sharp';

export const kDecal = fileURLToPath(new URL('../build/bin/decal', import.meta.url));
export const kPhoto = '/usr/share/matplotlib/mpl-data/sample_data/grace_hopper.jpg';

/** A folder that is gone when the process ends. */
export function workFolder(name) {
  const folder = mkdtempSync(join(tmpdir(), `decal-bench-${name}-`));
  process.on('exit', () => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

/** `count` photos of 600 to 1,200 pixels across, JPEG as they come from shops, in `folder`; their bytes. */
export async function makePhotos(folder, count, photo = kPhoto) {
  mkdirSync(folder, { recursive: true });
  const sides = [600, 800, 1000, 1200];
  const files = [];
  for (let i = 0; i < count; ++i) {
    const file = await sharp(photo).resize({ width: sides[i % sides.length] + i % 50 }).jpeg({ quality: 88 }).toBuffer();
    files.push(file);
    writeFileSync(join(folder, `${String(i).padStart(5, '0')}.jpg`), file);
  }
  return files;
}

/** Seconds of processor time of a running process, and of those it has waited for, user and system. */
export function processorSeconds(pid) {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').replace(/^.*\) /s, '').split(' ');
  return fields.slice(11, 15).reduce((sum, ticks) => sum + Number(ticks), 0) / 100;
}

/** Runs a command to its end: seconds on the clock, and of processors, those of its children included. Throws where it fails. */
export async function timed(command, args, { env, accept = [0] } = {}) {
  const child = spawn('bash', ['-c', 'TIMEFORMAT="%R %U %S"; time "$@"', 'bash', command, ...args], {
    stdio: ['ignore', 'ignore', 'pipe'], env: { ...process.env, ...env },
  });
  let stderr = '';
  child.stderr.on('data', (piece) => (stderr += piece));
  const [status] = await once(child, 'close');
  if (!accept.includes(status)) throw new Error(`${command} ${args.join(' ')} ended with ${status}: ${stderr.slice(-2000)}`);
  const [seconds, user, system] = stderr.trimEnd().split('\n').at(-1).split(' ').map(Number);
  return { seconds, processor: user + system };
}
