// What outputs keep of their sources: density; metadata with --keep-metadata; colours with --profile keep.
// SPDX-License-Identifier: MIT
import assert from 'node:assert/strict';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import sharp from 'sharp';
import { decal } from '../cli/support.mjs';
import { distance, patchesOf, python } from './support.mjs';

const kFormats = ['png', 'webp', 'jpeg'];
const kColours = [[255, 0, 0], [0, 255, 0], [0, 0, 255], [255, 255, 255], [128, 128, 128], [20, 30, 40], [200, 150, 120], [250, 120, 10]];

let cwd;
before(async () => {
  cwd = await mkdtemp(join(tmpdir(), 'decal-kept-'));
  await python(join(import.meta.dirname, 'kept.py'), cwd);
});
after(() => rm(cwd, { recursive: true, force: true }));

/** The cut-outs of `names`, whole; by name the file's bytes and the report. */
async function cut(names, format, ...args) {
  const folder = `out-${format}`;
  const run = await decal([...names, '--model', 'one.onnx', '-o', folder, '--format', format, '--json', ...args], { cwd });
  const lines = run.stdout.toString().trimEnd().split('\n').map((line) => JSON.parse(line));
  assert.equal(run.status, 0, run.stderr);
  return new Map(await Promise.all(lines.map(async (line) => [line.input, { file: await readFile(join(cwd, line.output)), notes: line.notes }])));
}

test('the density is the source’s, and none where it has none', async () => {
  const dense = ['avif', 'heic', 'jxl', 'jp2', 'bmp', 'tif', 'webp', 'jpg'].map((kind) => `dense.${kind}`).concat('dense-exif.png');
  const none = ['avif', 'heic', 'jxl', 'jp2', 'bmp', 'tif', 'webp'].map((kind) => `none.${kind}`).concat('plain.png');
  for (const format of ['png', 'jpeg']) {
    for (const [name, { file }] of await cut([...dense, ...none], format)) {
      const known = dense.includes(name);
      if (format === 'png') assert.equal(file.includes('pHYs'), known, name);
      else assert.equal(file[13], known ? 1 : 0, `${name}: JFIF's unit`);
      if (known) assert.equal((await sharp(file).metadata()).density, 300, `${name} as ${format}`);
    }
  }
});

/** IPTC in a text chunk of a PNG. */
const iptcText = (file) => {
  const at = file.indexOf('Raw profile type iptc');
  return at < 0 ? '' : file.subarray(at - 8);
};

test('--keep-metadata keeps EXIF, XMP and IPTC upright and without thumbnails, off by default', async () => {
  const all = ['meta-tag.tif', 'meta-longs.tif', 'meta-resources.tif', 'meta-thumbnail.tif', 'meta.jpg', 'meta.png', 'meta.jxl', 'dense.jp2'];
  for (const format of kFormats) {
    for (const [name, { file }] of await cut(all, format)) assert.ok(!file.includes('Somebody'), `${name} as ${format} tells nothing`);
    for (const [name, { file, notes }] of await cut(all, format, '--keep-metadata')) {
      const what = `${name} as ${format}`;
      const { exif, xmp, iptc, orientation, width, height } = await sharp(file).metadata();
      assert.ok(exif?.includes('Somebody'), `${what}: EXIF`);
      assert.ok(xmp?.includes('tiff:Copyright="Somebody"'), `${what}: XMP`);
      assert.ok(!file.includes('/9j//9j/'), `${what}: no thumbnail`);
      assert.ok(!/tiff:Orientation="[2-8]"/.test(xmp), `${what}: XMP's orientation`);
      assert.ok(orientation === undefined || orientation === 1, `${what}: ${orientation}`);
      assert.deepEqual([width, height].sort(), [32, 64], what);
      if (name.endsWith('.tif')) assert.ok(!exif.includes('notes of the maker'), `${what}: maker notes`);
      // JPEG XL has no place for IPTC.
      const has = name !== 'meta.jxl';
      if (format === 'jpeg') assert.equal(iptc?.includes('Somebody') ?? false, has, `${what}: IPTC`);
      if (format === 'png') assert.equal(iptcText(file).length > 0, has, `${what}: IPTC`);
      if (format === 'webp') assert.equal(notes.some((note) => /^IPTC left out: WebP/.test(note)), has, `${what}: ${notes}`);
    }
  }
});

test('EXIF out of a TIFF is one that others read: a camera’s numbers and a place', async () => {
  const names = ['meta-tag.tif', 'meta-resources.tif'];  // both byte orders
  await cut(names, 'png', '--keep-metadata');
  const script = `import sys
from PIL import Image
for name in sys.argv[1:]:
    exif = Image.open(name).getexif()
    print(exif[0x8298], exif.get_ifd(0x8769)[0x8827], exif.get_ifd(0x8825)[1], *exif.get_ifd(0x8825)[2], exif[0x112])`;
  const { stdout } = await python('-c', script, ...names.map((name) => join(cwd, 'out-png', name.replace(/\.tif$/, '.decal.png'))));
  assert.deepEqual(stdout.trim().split('\n'), Array(2).fill('Somebody 400 N 51.0 30.0 0.0 1'));
});

test('IPTC and XMP come back from a PNG of ours; BigTIFF has its tags too', async () => {
  await cut(['meta-tag.tif'], 'png', '--keep-metadata');
  const again = await cut(['out-png/meta-tag.decal.png', 'meta-big.tif'], 'jpeg', '--keep-metadata');
  for (const [name, { file }] of again) {
    const { iptc, xmp } = await sharp(file).metadata();
    assert.ok(iptc?.includes('Somebody') && xmp?.includes('Somebody'), name);
  }
});

test('a block that JPEG cannot hold is said to be left out', async () => {
  const { file, notes } = (await cut(['large.png'], 'jpeg', '--keep-metadata')).get('large.png');
  assert.deepEqual(notes, ['XMP left out: larger than the 64 KiB that JPEG holds']);
  assert.ok(!file.includes('Somebody'));
  assert.deepEqual((await cut(['large.png'], 'png', '--keep-metadata')).get('large.png').notes, []);
});

/** The patches through the profile, by Little CMS (sharp's own); `own`: the numbers themselves. */
async function patches(file, own) {
  const picture = sharp(file).ensureAlpha();
  return patchesOf(await (own ? picture.keepIccProfile() : picture.toColourspace('srgb')).raw().toBuffer({ resolveWithObject: true }), 8).patches;
}

test('--profile keep writes the picture’s own colours with their profile, or says why not', async () => {
  const wide = /Display P3, with its profile$/;
  const kinds = new Map([
    // Whether there is a profile, what is noted, whether the numbers stay.
    ['rgb.png', [true, null, true]], ['cicp.png', [true, null, true]], ['linear.png', [true, null, false]], ['srgb.png', [false, null, true]],
    ['one-way.png', [true, wide, false]], ['lab.tif', [true, wide, false]], ['cmyk.tif', [true, wide, false]],
    ['naive.tif', [false, /^CMYK without/, false]], ['grey.png', [false, /^own colours of grey: written as sRGB/, false]],
    ['pq.png', [false, /^own colours of high dynamic range: tone-mapped/, false]],
  ]);
  const names = [...kinds.keys()];
  for (const format of kFormats) {
    const usual = await cut(names, format, '--quality', '100');
    const kept = await cut(names, format, '--quality', '100', '--profile', 'keep');
    const tolerance = format === 'png' ? 3 : 16;  // of lossy formats in saturated colours
    for (const [name, [profile, note, numbers]] of kinds) {
      const { file, notes } = kept.get(name);
      const { icc, space } = await sharp(file).metadata();
      const what = `${name} as ${format}`;
      assert.equal(icc !== undefined, profile, what);
      assert.equal(space, 'srgb', `${what}: RGB`);
      assert.equal(notes.some((one) => note?.test(one)), note !== null, `${what}: ${notes}`);
      assert.ok(!usual.get(name).notes.some((one) => one.startsWith('own colours')), what);
      if (numbers) assert.ok(distance({ right: kColours.map((c) => [...c, 255]) }, await patches(file, true)) <= tolerance, what);
      // Through its profile it is the same picture, as far as sRGB holds it.
      const [right, got] = [await patches(usual.get(name).file), await patches(file)];
      const off = distance({ right }, got);
      assert.ok(off <= tolerance, `${what}: off by ${off}: ${JSON.stringify(got)}, not ${JSON.stringify(right)}`);
    }
    // The second patch of the Lab picture is Display P3's green, which sRGB does not hold: kept it is more than sRGB's own.
    const [, green] = await patches(kept.get('lab.tif').file, true);
    assert.ok(green[0] < 60 && green[1] > 245, `${format}: ${green}`);
  }
});

test('--profile keep turns the background into the same colours', async () => {
  for (const [name, expected] of [['rgb.png', true], ['one-way.png', true], ['grey.png', false]]) {
    await cut([name], 'png', '--profile', 'keep');
    const args = [name, '--model', 'one.onnx', '-o', 'x.png', '--profile', 'keep', '-q', '--background', '#28c850', '--background-only'];
    assert.equal((await decal(args, { cwd })).status, 0);
    const file = await readFile(join(cwd, 'x.png'));
    assert.equal(file.includes('iCCP'), expected, name);
    const [corner] = await patches(file);
    [40, 200, 80].forEach((value, k) => assert.ok(Math.abs(corner[k] - value) <= 2, `${name}: ${corner}`));
  }
});
