// The command's limits on the size of a result: checked before it is made.
//
// Copyright the Decal authors.
// SPDX-License-Identifier: MIT
import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { decal, disc, files, quickModel, scratch } from './support.mjs';

const kModel = ['--model', quickModel()];

test('--max-memory bounds what is made, too: of one picture, of the others, of batches', async (t) => {
  const cwd = await scratch(t);
  await writeFile(join(cwd, 'a.png'), await disc().png().toBuffer());
  const refused = [
    [['--size', '6000x6000'], /^decal: a\.png: a result of 6000 x 6000 pixels takes 144\.0 MB with its picture, over the limit of 1\d\.\d MB \(--max-memory\) \(limit-exceeded\)$/m],
    [['--size', '6000x'], /a result of 6000 x 4000 pixels takes 96\.0 MB/],
    [['--aspect-ratio', '1', '--size', '5000x'], /a result of 5000 x 5000 pixels/],
    [['--crop', '5', '--size', '3000x3000'], /a result of 3000 x 3000 pixels/],
    [['--crop', '5', '--size', 'x3000'], /a result of \d+ x 3000 pixels/], // known after the network alone
    [['--mask', '--size', '3000x3000'], /a result of 3000 x 3000 pixels/],
    [['--format', 'webp', '--size', '17000x20'], /WebP.*16383.*\(invalid-argument\)/],
  ];
  for (const [options, pattern] of refused) {
    const { status, stderr } = await decal(['a.png', '--max-memory', '10M', ...options, ...kModel], { cwd });
    assert.equal(status, 1, options.join(' '));
    assert.match(stderr, pattern);
  }
  assert.deepEqual(await files(cwd), ['a.png']);
  const batch = await decal(['batch', '--from', '-', '--to', 'cut', '--max-memory', '10M', '--size', '6000x6000', ...kModel], { cwd, stdin: 'a.png\n' });
  assert.equal(batch.status, 1);
  assert.match(batch.stderr, /a result of 6000 x 6000 pixels/);
  for (const options of [['--size', '1400x1400'], ['--crop', '5'], ['--scale', '8']]) {
    const { status, stderr } = await decal(['a.png', '-o', 'out.png', '--max-memory', '10M', ...options, ...kModel], { cwd });
    assert.equal(status, 0, stderr);
  }
});

test('a picture that --max-memory has room for may be cropped', async (t) => {
  const cwd = await scratch(t);
  await writeFile(join(cwd, 'a.png'), await disc({ width: 1000, height: 1000 }).png().toBuffer());
  // 3 + 4 bytes per pixel decoded; picture and result would be 8.
  const { status, stderr } = await decal(['a.png', '--max-memory', '7100000', '--size', '1000x1000', ...kModel], { cwd });
  assert.equal(status, 0, stderr);
});
