// The command without decal-video beside it: one clear error for videos, and everything else as it was.
//
// Copyright the Decal authors.
// SPDX-License-Identifier: MIT
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { chmod, copyFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { promisify } from 'node:util';
import { files, kDecal, scratch } from './support.mjs';

const run = promisify(execFile);

/** A folder with the command alone, and what it does there. */
async function alone(t) {
  const folder = await scratch(t);
  await copyFile(kDecal, join(folder, 'decal'));
  return { folder, start: (...args) => run('./decal', args, { cwd: folder }).then((ended) => ({ code: 0, ...ended }), (error) => error) };
}

test('it says what is missing, whatever it is given, and writes nothing', async (t) => {
  const { folder, start } = await alone(t);
  await writeFile(join(folder, 'clip.mp4'), 'no video');
  for (const args of [['clip.mp4', '-o', 'out.webm'], ['missing.mp4', '-o', 'out.mp4', '--background', 'blur'], ['-', '--size', '4x4', '-o', '-']]) {
    const { code, stdout, stderr } = await start('video', ...args);
    assert.equal(code, 1);
    assert.equal(stdout, '');
    assert.equal(stderr, 'decal: no video without the program decal-video: install the package decal-video, or libavformat-dev, libavcodec-dev and libswscale-dev and build again (unsupported)\n');
    assert.deepEqual(await files(folder), ['clip.mp4', 'decal']);
  }
});

test('wrong usage and questions for help are answered all the same', async (t) => {
  const { start } = await alone(t);
  const { code, stderr } = await start('video', 'clip.mp4');
  assert.equal(code, 2);
  assert.match(stderr, /^decal: --output is required; see decal --help/);
  assert.match((await start('video', '--help')).stdout, /frames\/%05d\.png/);
});

test('pictures are cut out all the same', async (t) => {
  const { folder, start } = await alone(t);
  await writeFile(join(folder, 'dot.ppm'), Buffer.concat([Buffer.from('P6 8 8 255\n'), Buffer.alloc(192, 200)]));
  const { code, stderr } = await start('dot.ppm', '-o', 'dot.png');
  assert.equal(code, 0, stderr);
  assert.deepEqual(await files(folder), ['decal', 'dot.png', 'dot.ppm']);
});

test('a program of that name that does not start is an error of its own', async (t) => {
  const { folder, start } = await alone(t);
  await writeFile(join(folder, 'decal-video'), 'no program');
  await chmod(join(folder, 'decal-video'), 0o644);
  const { code, stderr } = await start('video', 'clip.mp4', '-o', 'clip.webm');
  assert.equal(code, 1);
  assert.match(stderr, /^decal: .*\/decal-video: cannot be started: Permission denied \(io\)\n$/);
});
