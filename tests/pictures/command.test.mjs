// What the command does around its pictures: limits from the header, folders, density, metadata, profiles, names that are no text.
// SPDX-License-Identifier: MIT
import assert from 'node:assert/strict';
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { setTimeout } from 'node:timers/promises';
import sharp from 'sharp';
import { decal as run, disc, files, heeds, kDecal, pixels, quickModel, scratch } from '../cli/support.mjs';

// The network is not the subject: the default one takes seconds in a sanitized build, and a picture of 2000:1 takes it many times.
const kQuick = quickModel();
const decal = (args, options) => run([...args, '--model', kQuick], options);

const errorOf = (result) => result.stderr.trimEnd().split('\n').at(-1);

/** A file of tests/pictures/writers.py: the Python expression's bytes. */
const written = (expression) =>
  execFileSync('/usr/bin/python3', ['-c', `import sys, struct, zlib; sys.path.insert(0, ${JSON.stringify(import.meta.dirname)})
from writers import *
sys.stdout.buffer.write(${expression})`], { maxBuffer: 1 << 26 });

test('pictures over the limit of memory are refused from their header', async (t) => {
  const cwd = await scratch(t);
  // 13 kB that would take 4 GB: 16,000 x 16,000 float RGBA, all of it one compressed row.
  await writeFile(join(cwd, 'float.tif'), written("tiff([{256: ('I', [16000]), 257: ('I', [16000]), 258: ('H', [32] * 4), 259: ('H', [8]), 262: ('H', [2]), 277: ('H', [4]), 278: ('I', [1]), 339: ('H', [3] * 4), 'data': [zlib.compress(bytes(256000), 9)] * 16}])"));
  await writeFile(join(cwd, 'deep.png'), written("png(16000, 16000, [bytes(128000)], bits=16, kind=6)"));
  for (const name of ['float.tif', 'deep.png']) {
    const result = await decal([name, '--json', '--max-memory', '2GiB'], { cwd });
    assert.equal(result.status, 1);
    assert.equal(JSON.parse(result.stdout).error.code, 'limit-exceeded', result.stderr);
    assert.match(result.stderr, /16000 x 16000 pixels take \d\.\d GB decoded, over the limit of 2\.1 GB \(--max-memory\)/);
  }
  await disc({ width: 600, height: 400 }).png().toFile(join(cwd, 'small.png'));
  assert.equal((await decal(['small.png', '--max-memory', '2M', '-q'], { cwd })).status, 0);
  assert.match(errorOf(await decal(['small.png', '--max-memory', '1M'], { cwd })), /over the limit of 1\.0 MB.*\(limit-exceeded\)$/);
  assert.match(errorOf(await decal(['small.png', '--max-memory', 'much'], { cwd })), /max-memory.*\(invalid-argument\)$/);
});

test('a device that never ends is refused by its first bytes', async (t) => {
  const cwd = await scratch(t);
  assert.match(errorOf(await decal(['/dev/zero', '-o', 'x.png'], { cwd })), /^decal: \/dev\/zero: not a picture we can decode \(corrupt-image\)$/);
});

test('a picture too large for its output format is refused before the work', async (t) => {
  const cwd = await scratch(t);
  await sharp({ create: { width: 16400, height: 8, channels: 3, background: '#234' } }).png().toFile(join(cwd, 'wide.png'));
  assert.match(errorOf(await decal(['wide.png', '--format', 'webp'], { cwd })), /16400 x 8 pixels do not fit into WebP, which holds 16383 a side.*\(invalid-argument\)$/);
  assert.equal((await decal(['wide.png', '-q'], { cwd })).status, 0);
});

test('an interrupt during decoding is heeded at once', async (t) => {
  const cwd = await scratch(t);
  // A second or more of decoding.
  await sharp({ create: { width: 15000, height: 15000, channels: 3, background: '#234' } }).png({ compressionLevel: 1 }).toFile(join(cwd, 'long.png'));
  const child = spawn(kDecal, ['long.png', '-q', '--model', kQuick], { cwd, stdio: ['ignore', 'ignore', 'pipe'] });
  t.after(() => child.kill('SIGKILL'));
  let stderr = '';
  child.stderr.on('data', (piece) => (stderr += piece));
  await heeds(child.pid, 2);
  await setTimeout(200);  // now it decodes
  child.kill('SIGINT');
  const [status] = await once(child, 'close');
  assert.equal(status, 130, stderr);
  assert.match(stderr, /\(cancelled\)\n$/);
  assert.deepEqual(await files(cwd), ['long.png']);
});

test('folders go by the first bytes of their files and say what they leave out', async (t) => {
  const cwd = await scratch(t);
  await mkdir(join(cwd, 'in'));
  const jpeg = await disc().jpeg().toBuffer();
  for (const name of ['a.jfif', 'b.JPE', 'c.hif', 'without', 'wrong.txt']) await writeFile(join(cwd, 'in', name), jpeg);
  await writeFile(join(cwd, 'in/layers.psd'), '8BPS\0\x01' + '\0'.repeat(30));
  await writeFile(join(cwd, 'in/notes.txt'), 'no picture');
  const { status, stderr } = await decal(['in', '-o', 'out'], { cwd });
  assert.equal(status, 0, stderr);
  assert.deepEqual(await files(join(cwd, 'out')), ['a.decal.png', 'b.decal.png', 'c.decal.png', 'without.decal.png', 'wrong.decal.png']);
  assert.match(stderr, /^decal: in: 2 files skipped that decal does not read \(1 PSD, 1 others\)$/m);
  await writeFile(join(cwd, 'in/damaged.jpg'), 'no picture');
  const damaged = await decal(['in', '-o', 'out'], { cwd });
  assert.equal(damaged.status, 1);
  assert.match(damaged.stderr, /in\/damaged\.jpg: not a picture/);
});

test('equal names are numbered; --keep-tree keeps the folders', async (t) => {
  const cwd = await scratch(t);
  await mkdir(join(cwd, 'one/deep'), { recursive: true });
  await mkdir(join(cwd, 'two'));
  for (const name of ['one/a.png', 'two/a.png', 'one/deep/a.png']) await disc().png().toFile(join(cwd, name));
  await disc().jpeg().toFile(join(cwd, 'two/b.jpg'));
  await disc().png().toFile(join(cwd, 'two/b.png'));
  assert.equal((await decal(['one', 'two', '-o', 'flat', '-q'], { cwd })).status, 0);
  assert.deepEqual(await files(join(cwd, 'flat')), ['a-2.decal.png', 'a.decal.png', 'b.jpg.decal.png', 'b.png.decal.png']);
  assert.equal((await decal(['one', 'two', '-o', 'tree', '-q', '--keep-tree'], { cwd })).status, 0);
  assert.deepEqual(await files(join(cwd, 'tree')), ['one', 'two']);
  assert.deepEqual(await files(join(cwd, 'tree/one')), ['a.decal.png', 'deep']);
  assert.deepEqual(await files(join(cwd, 'tree/one/deep')), ['a.decal.png']);
  assert.deepEqual(await files(join(cwd, 'tree/two')), ['b.jpg.decal.png', 'b.png.decal.png', 'a.decal.png'].sort());
  assert.equal((await decal(['one', '-o', 'single', '-q', '--keep-tree'], { cwd })).status, 0);
  assert.deepEqual(await files(join(cwd, 'single')), ['a.decal.png', 'deep']);
});

test('--svg-size draws at that size', async (t) => {
  const cwd = await scratch(t);
  await writeFile(join(cwd, 'a.svg'), '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 40 20"><rect width="40" height="20" fill="red"/></svg>');
  const report = JSON.parse((await decal(['a.svg', '--svg-size', '200', '--json'], { cwd })).stdout);
  assert.deepEqual([report.width, report.height], [200, 100]);
});

test('--json is valid whatever a file is called', async (t) => {
  const cwd = await scratch(t);
  const name = Buffer.concat([Buffer.from(`${cwd}/caf`), Buffer.from([0xe9, 0xff]), Buffer.from('-ü.png')]);
  await writeFile(name, await disc().png().toBuffer());
  const { stdout } = await decal(['.', '--json'], { cwd });
  const text = new TextDecoder('utf-8', { fatal: true }).decode(stdout);
  const report = JSON.parse(text);
  assert.equal(report.input, './caf\\xe9\\xff-ü.png');
});

test('--background takes #rrggbbaa and names', async (t) => {
  const cwd = await scratch(t);
  await writeFile(join(cwd, 'clear.png'), written("png(8, 8, [bytes(32)] * 8, kind=6)"));
  const corner = async (colour, ...more) => {
    const result = await decal(['clear.png', '-o', 'x.png', '-q', '--background', colour, ...more], { cwd });
    assert.equal(result.status, 0, result.stderr);
    const { data, info } = await pixels(join(cwd, 'x.png'));
    return [...data.subarray(0, info.channels)];
  };
  assert.deepEqual(await corner('RebeccaPurple'), [102, 51, 153]);
  assert.deepEqual(await corner('#33669980'), [51, 102, 153, 128]);
  assert.deepEqual(await corner('#369c'), [51, 102, 153, 204]);
  assert.deepEqual(await corner('transparent'), [0, 0, 0, 0]);
  const jpeg = await corner('#ff000080', '--format', 'jpeg');
  jpeg.forEach((value, k) => assert.ok(Math.abs(value - [255, 127, 127][k]) <= 2, `${jpeg}`));
});
