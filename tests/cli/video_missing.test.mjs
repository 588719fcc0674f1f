// decal video in a build without FFmpeg's libraries: one clear error, and everything else as it was.
//
// Copyright the Decal authors.
// SPDX-License-Identifier: MIT
import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { decal, files, scratch } from './support.mjs';

test('it says what is missing, whatever it is given, and writes nothing', async (t) => {
  const folder = await scratch(t);
  await writeFile(join(folder, 'clip.mp4'), 'no video');
  for (const args of [['clip.mp4', '-o', 'out.webm'], ['missing.mp4', '-o', 'out.mp4', '--background', 'blur'], ['-', '--size', '4x4', '-o', '-']]) {
    const { status, stdout, stderr } = await decal(['video', ...args], { cwd: folder });
    assert.equal(status, 1);
    assert.equal(stdout.length, 0);
    assert.equal(stderr, 'decal: this build reads no video: install libavformat-dev, libavcodec-dev and libswscale-dev and build again (unsupported)\n');
    assert.deepEqual(await files(folder), ['clip.mp4']);
  }
});

test('pictures are cut out all the same', async (t) => {
  const folder = await scratch(t);
  await writeFile(join(folder, 'dot.ppm'), Buffer.concat([Buffer.from('P6 8 8 255\n'), Buffer.alloc(192, 200)]));
  const { status, stderr } = await decal(['dot.ppm', '-o', 'dot.png'], { cwd: folder });
  assert.equal(status, 0, stderr);
  assert.deepEqual(await files(folder), ['dot.png', 'dot.ppm']);
});
