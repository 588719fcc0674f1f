// Picture files before a browser decodes them: what they are, what they say, and whether they are whole.
// SPDX-License-Identifier: MIT
import assert from 'node:assert/strict';
import { randomBytes as noiseBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { crc32 as zlibCrc, deflateSync } from 'node:zlib';
import sharp from 'sharp';
import { importSource, randomBytes, rejectsWith, samplePicture } from './helpers.mjs';

const { converter, crc32, edited, inspect, sniffKind, applyProfile } = await importSource(
  'pictures/bytes.ts', 'pictures/checksum.ts', 'pictures/colour.ts', 'pictures/icc.ts', 'pictures/inspect.ts', 'pictures/kind.ts');

const bytesOf = (buffer) => new Uint8Array(buffer);
const never = new AbortController().signal;

/** All that is checked of a file. */
async function check(buffer, signal = never) {
  const file = bytesOf(buffer);
  const facts = await inspect(file, sniffKind(file).name);
  await facts.verify?.(signal);
  return facts;
}

const { data, width, height } = samplePicture(90, 60);
const picture = () => sharp(data, { raw: { width, height, channels: 4 } });
const photo = () => picture().flatten({ background: '#888' });
const whole = {
  'baseline JPEG': await photo().jpeg().toBuffer(),
  'JPEG without subsampling': await photo().jpeg({ chromaSubsampling: '4:4:4', quality: 100 }).toBuffer(),
  'progressive JPEG': await photo().jpeg({ progressive: true }).toBuffer(),
  'progressive JPEG of many scans': await photo().jpeg({ mozjpeg: true }).toBuffer(),
  'grey JPEG': await photo().greyscale().jpeg().toBuffer(),
  'CMYK JPEG': await photo().toColourspace('cmyk').jpeg().toBuffer(),
  PNG: await picture().png().toBuffer(),
  'interlaced PNG': await picture().png({ progressive: true }).toBuffer(),
  'PNG with a palette': await picture().png({ palette: true, colours: 7 }).toBuffer(),
  'PNG of 16 bits': await picture().toColourspace('rgb16').png().toBuffer(),
  'lossy WebP': await picture().webp().toBuffer(),
  'lossless WebP': await picture().webp({ lossless: true }).toBuffer(),
  GIF: await picture().gif().toBuffer(),
  AVIF: await picture().avif({ quality: 60, effort: 0 }).toBuffer(),
};
const image = (name) => /JPEG|PNG|WebP|GIF|AVIF/.exec(name)[0];

for (const [name, file] of Object.entries(whole)) {
  test(`${name}: whole, also with something behind its end`, async () => {
    const facts = await check(file);
    assert.deepEqual([facts.width, facts.height, facts.orientation], [width, height, 1]);
    if (image(name) === 'AVIF') return;  // its boxes go to the end of the file
    await check(Buffer.concat([file, Buffer.alloc(1000, 0x77)]));
    await check(Buffer.concat([file, file]));
  });

  test(`${name}: cut off anywhere`, async () => {
    // GIF may lack its trailer, WebP the byte that pads its chunk.
    const end = file.length - ({ GIF: 2, WebP: 1 }[image(name)] ?? 0);
    for (let length = 40; length < end; length += Math.max(1, Math.floor((end - length) / 40))) {
      await rejectsWith('corrupt-image', () => check(file.subarray(0, length)));
    }
  });
}

for (const name of Object.keys(whole).filter((name) => image(name) === 'JPEG')) {
  test(`${name}: cut off anywhere and closed with an end marker`, async () => {
    const file = whole[name];
    const scan = file.indexOf(Buffer.from([0xff, 0xda]));
    for (const share of [0, 0.1, 0.3, 0.5, 0.7, 0.9, 0.97]) {
      const cut = file.subarray(0, Math.floor(scan + 20 + share * (file.length - scan - 24)));
      const { message } = await rejectsWith('corrupt-image', () => check(Buffer.concat([cut, Buffer.from([0xff, 0xd9])])));
      assert.match(message, /^damaged picture: [^\n]*$/);
    }
  });
}

test('JPEG: restart markers that are missing, or out of turn', async () => {
  // 16 grey blocks, two bits each: no change of brightness, end of block. Four are a byte.
  const segment = (marker, ...body) => [0xff, marker, 0, body.length + 2, ...body];
  const codes = (place) => segment(0xc4, place, 1, ...new Array(15).fill(0), 0);
  const jpeg = (...data) => Buffer.from([
    0xff, 0xd8, ...segment(0xdb, 0, ...new Array(64).fill(1)), ...segment(0xc0, 8, 0, 8, 0, 128, 1, 1, 0x11, 0), ...codes(0), ...codes(0x10),
    ...segment(0xdd, 0, 4), ...segment(0xda, 1, 1, 0, 0, 63, 0), ...data, 0xff, 0xd9,
  ]);
  const whole = jpeg(0, 0xff, 0xd0, 0, 0xff, 0xd1, 0, 0xff, 0xd2, 0);
  assert.equal((await sharp(whole).metadata()).width, 128);
  await check(whole);
  for (const data of [
    [0, 0, 0, 0], [0, 0xff, 0xd0, 0, 0xff, 0xd1, 0], [0, 0xff, 0xd1, 0, 0xff, 0xd0, 0, 0xff, 0xd2, 0], [0, 0xff, 0xd0, 0xff, 0xd1, 0, 0xff, 0xd2, 0],
  ]) await rejectsWith('corrupt-image', () => check(jpeg(...data)));
});

const kMutations = 200;
/** What one mutation may take on a busy machine; whole files take a few milliseconds. */
const kMostMs = 5000;

// Slow by design: every file some hundred times.
test('mutated files have facts or a typed error, soon', async () => {
  const words = new Map();
  const random = randomBytes(20261129);
  const next = (below) => (random.next().value * 65536 + random.next().value * 256 + random.next().value) % below;
  const bmp = Buffer.concat([Buffer.from('BM'), Buffer.alloc(12), Buffer.from([40, 0, 0, 0, 4, 0, 0, 0, 4, 0, 0, 0, 1, 0, 32]), Buffer.alloc(25 + 64)]);
  for (const [name, file] of [...Object.entries(whole), ['BMP', bmp]]) {
    for (let i = 0; i < kMutations; ++i) {
      const mutant = Buffer.from(file);
      // Headers are where sizes stand.
      for (let n = 1 + next(4); n > 0; --n) mutant[4 + next(next(2) === 0 ? Math.min(400, file.length - 4) : file.length - 4)] = [0, 255, next(256)][next(3)];
      const since = performance.now();
      try {
        const kind = sniffKind(bytesOf(mutant));
        const facts = kind && await inspect(bytesOf(mutant), kind.name);
        if (facts && facts.width * facts.height < 1e7) {
          await facts.verify?.(never);
          facts.rows?.(0, Math.min(facts.height, 10));
          edited(bytesOf(mutant), facts.edits);
        }
      } catch (error) {
        if (error.name !== 'DecalError' || !['corrupt-image', 'unsupported'].includes(error.code)) throw new Error(`${name}, mutation ${i}`, { cause: error });
        assert.doesNotMatch(error.message, /\n/);
        words.set(error.message, 1 + (words.get(error.message) ?? 0));
      }
      const ms = performance.now() - since;
      assert.ok(ms < kMostMs, `${name}, mutation ${i}: ${ms} ms`);
    }
  }
  assert.ok(words.size > 15, [...words.keys()].join('; '));
});

test('what takes long ends soon after an abort', async () => {
  // Noise: what is flat is read before the first look at the signal.
  const noise = { type: 'gaussian', mean: 128, sigma: 60 };
  const large = await sharp({ create: { width: 2400, height: 1600, channels: 3, noise } }).jpeg({ quality: 95 }).toBuffer();
  for (const file of [large, await sharp(large).png({ compressionLevel: 1 }).toBuffer()]) {
    const stop = new AbortController();
    const checking = check(file, stop.signal);
    setTimeout(() => stop.abort(), 1);
    await assert.rejects(checking, { name: 'AbortError' });
  }
});

test('the checksum is zlib’s, whatever the place and length', () => {
  const bytes = bytesOf(noiseBytes(4096));
  for (const [from, to] of [[0, 0], [0, 1], [3, 10], [5, 13], [1, 4096], [8, 4088]]) {
    assert.equal(crc32(bytes, from, to), zlibCrc(bytes.subarray(from, to)));
  }
});

test('edits leave one piece, in order', () => {
  const file = Uint8Array.of(0, 1, 2, 3, 4, 5, 6, 7);
  const edits = [{ from: 6, to: 7 }, { from: 1, to: 3, bytes: Uint8Array.of(9) }, { from: 4, to: 4, bytes: Uint8Array.of(8, 8) }];
  assert.deepEqual([...edited(file, edits)], [0, 9, 3, 8, 8, 4, 5, 7]);
  assert.deepEqual([...edited(file, [])], [...file]);
});

/** The command's own list, from its source. */
const kSignatures = readFileSync(new URL('../../cli/pictures/kind.cc', import.meta.url), 'utf8');

test('kinds are those of the command, by the same bytes', () => {
  const lines = [...kSignatures.matchAll(/Signature\{(\d+), "((?:[^"\\]|\\.)*)"sv, (kNo|PictureKind::k\w+), "([^"]+)"\}/g)];
  assert.ok(lines.length > 40, `${lines.length} signatures`);
  for (const [, at, escaped, kind, name] of lines) {
    const text = escaped.replace(/\\x([0-9a-f]{2})|\\0|\\r|\\n/g, (all, hex) => (hex ? String.fromCharCode(parseInt(hex, 16)) : { '\\0': '\0', '\\r': '\r', '\\n': '\n' }[all]));
    const file = new Uint8Array(200);
    if (name === 'WebP') file.set(Buffer.from('RIFF'));
    if (name === 'Canon CR2 camera raw') file.set(Buffer.from('II*\0'));
    file.set(Buffer.from(text, 'latin1'), Number(at));
    assert.deepEqual(sniffKind(file), { name, read: kind !== 'kNo' }, name);
  }
  const kindOf = (text) => sniffKind(bytesOf(Buffer.from(text, 'latin1')))?.name ?? null;
  for (const [text, kind] of [
    ['', null], ['not a picture at all', null], ['RIFF0000WAVEfmt ', null], ['P6\n1 1\n255\n...', 'PNM'], ['P8 no', null],
    ['\0\0\0\x18ftypavif\0\0\0\0mif1miaf', 'AVIF'], ['\0\0\0\x18ftypmif1\0\0\0\0mif1heic', 'HEIC'], ['\0\0\0\x14ftypisom\0\0\0\0mp42', 'MP4 or QuickTime film'],
    ['\xef\xbb\xbf<?xml version="1.0"?>\n<!-- a > b -->\n<!DOCTYPE svg [<!ENTITY a "b">]>\n<svg:svg>', 'SVG'],
    ['<!doctype html><svg>', 'SVG'], ['<html><svg>', 'HTML'], ['<svgx>', null], ['BM nothing of the kind', null],
  ]) assert.equal(kindOf(text), kind, JSON.stringify(text));
});

// Chunks by hand: what no library writes.
const chunk = (name, ...parts) => {
  const body = Buffer.concat([Buffer.from(name), ...parts.map((part) => Buffer.from(part))]);
  const framed = Buffer.alloc(body.length + 8);
  framed.writeUInt32BE(body.length - 4);
  body.copy(framed, 4);
  framed.writeUInt32BE(zlibCrc(body), body.length + 4);
  return framed;
};
const png = (header, ...chunks) => Buffer.concat([Buffer.from('\x89PNG\r\n\x1a\n', 'latin1'), chunk('IHDR', header), ...chunks, chunk('IEND')]);
const kHeader = [0, 0, 0, 4, 0, 0, 0, 4, 8, 2, 0, 0, 0];
const kData = deflateSync(Buffer.alloc(4 * 13));

test('PNG: checksums, order, data: each its own reason', async () => {
  await check(png(kHeader, chunk('IDAT', kData)));
  const wrong = chunk('IDAT', kData);
  wrong[wrong.length - 1] ^= 1;
  const filter = Buffer.alloc(4 * 13);
  filter[13] = 5;
  for (const [file, reason] of [
    [png(kHeader, wrong), /checksum of its data/],
    [png(kHeader), /no header or no data/],
    [png(kHeader, chunk('ABCD'), chunk('IDAT', kData)), /chunk, ABCD/],
    [png([0, 0, 0, 4, 0, 0, 0, 4, 8, 5, 0, 0, 0], chunk('IDAT', kData)), /header makes no sense/],
    [png(kHeader, chunk('IDAT', deflateSync(Buffer.alloc(51)))), /end after 51 of 52 bytes/],
    [png(kHeader, chunk('IDAT', kData.subarray(0, 6))), /cannot be inflated/],
    [png(kHeader, chunk('IDAT', deflateSync(filter))), /filter/],
  ]) assert.match((await rejectsWith('corrupt-image', () => check(file))).message, reason);
  // More than there is room for, and something behind: as every decoder has it.
  await check(png(kHeader, chunk('IDAT', deflateSync(Buffer.alloc(99)))));
  await check(png(kHeader, chunk('IDAT', kData, [1, 2, 3])));
});

test('PNG: what the browser gets is the picture without what it may misread', async () => {
  const names = (file) => {
    const found = [];
    for (let at = 8; at + 8 <= file.length; at += 12 + file.readUInt32BE(at)) found.push(file.toString('latin1', at + 4, at + 8));
    return found.join(' ');
  };
  const left = async (...chunks) => {
    const file = bytesOf(png(kHeader, ...chunks, chunk('IDAT', kData)));
    const facts = await inspect(file, 'PNG');
    return [names(Buffer.from(edited(file, facts.edits))), facts];
  };
  const exif = (orientation) => chunk('eXIf', [0x4d, 0x4d, 0, 42, 0, 0, 0, 8, 0, 1, 1, 0x12, 0, 3, 0, 0, 0, 1, 0, orientation, 0, 0, 0, 0, 0, 0]);
  assert.deepEqual((await left(exif(1)))[0], 'IHDR eXIf IDAT IEND');
  const [turned, { orientation }] = await left(exif(8));
  assert.deepEqual([turned, orientation], ['IHDR IDAT IEND', 8]);
  const gamma = (value) => chunk('gAMA', [value >> 24, value >> 16 & 255, value >> 8 & 255, value & 255]);
  const [linear, { colour }] = await left(gamma(100000));
  assert.equal(linear, 'IHDR IDAT IEND');
  assert.ok(Math.abs(colour.light(0.25) - 0.25) < 1e-9);
  // sRGB wins over gAMA; cICP over both, and says sRGB.
  assert.equal((await left(chunk('sRGB', [0]), gamma(100000)))[1].colour, null);
  assert.equal((await left(chunk('cICP', [1, 13, 0, 1]), gamma(100000)))[1].colour, null);
  assert.deepEqual((await left(chunk('acTL', [0, 0, 0, 2, 0, 0, 0, 0]), chunk('fcTL', Buffer.alloc(26))))[0], 'IHDR IDAT IEND');
});

test('grey profiles: every kind of curve', () => {
  /** A profile with one tag. */
  const profile = (tag, space = 'GRAY') => {
    const bytes = Buffer.alloc(144 + tag.length);
    bytes.writeUInt32BE(bytes.length);
    bytes.write(space, 16, 'latin1');
    bytes.write('acsp', 36);
    bytes.writeUInt32BE(1, 128);
    bytes.write('kTRC', 132);
    bytes.writeUInt32BE(144, 136);
    bytes.writeUInt32BE(tag.length, 140);
    tag.copy(bytes, 144);
    return bytesOf(bytes);
  };
  const curve = (...values) => Buffer.concat([Buffer.from('curv\0\0\0\0'), Buffer.from([0, 0, 0, values.length]), ...values.map((v) => Buffer.from([v >> 8, v & 255]))]);
  const parametric = (kind, ...values) => {
    const tag = Buffer.alloc(12 + 4 * values.length);
    tag.write('para');
    tag.writeUInt16BE(kind, 8);
    values.forEach((value, i) => tag.writeInt32BE(Math.round(value * 65536), 12 + 4 * i));
    return tag;
  };
  const srgb = (x) => (x <= 0.04045 ? x / 12.92 : ((x + 0.055) / 1.055) ** 2.4);
  for (const [tag, expected] of [
    [curve(), (x) => x],
    [curve(2.2 * 256), (x) => x ** (Math.floor(2.2 * 256) / 256)],
    [curve(0, 0x4000, 0xffff), (x) => (x < 0.5 ? x * 2 * 0x4000 / 65535 : 0x4000 / 65535 + (x - 0.5) * 2 * (1 - 0x4000 / 65535))],
    [parametric(0, 1.8), (x) => x ** 1.8],
    [parametric(3, 2.4, 1 / 1.055, 0.055 / 1.055, 1 / 12.92, 0.04045), srgb],
  ]) {
    const { ignored, colour } = applyProfile(profile(tag), 'grey', true);
    assert.equal(ignored, null);
    for (const x of [0, 0.02, 0.3, 0.5, 0.77, 1]) assert.ok(Math.abs(colour.light(x) - expected(x)) < 1e-4, `${tag.subarray(0, 4)} at ${x}`);
  }
  assert.match(applyProfile(profile(Buffer.from('none')), 'grey', true).ignored, /no table/);
  assert.match(applyProfile(profile(curve()), 'RGB', true).ignored, /for grey, the picture is RGB/);
  assert.match(applyProfile(profile(curve()).subarray(0, 100), 'grey', true).ignored, /damaged/);
});

test('sRGB through the converter stays what it is', () => {
  const rows = Uint8ClampedArray.from({ length: 4 * 256 }, (_, i) => (i % 4 === 3 ? 77 : i >> 2));
  const before = rows.slice();
  const light = (x) => (x <= 0.04045 ? x / 12.92 : ((x + 0.055) / 1.055) ** 2.4);
  converter({ primaries: [0.64, 0.33, 0.3, 0.6, 0.15, 0.06, 0.3127, 0.329], light, range: 'standard' })(rows);
  assert.deepEqual(rows, before);
  assert.equal(converter({ primaries: [0.3, 0.3, 0.3, 0.3, 0.3, 0.3, 0.3, 0.3], light, range: 'standard' }), null);
});

test('JPEG XL: high dynamic range is said to be the browser’s to tone-map', async () => {
  const pq = 'ff0ac705fc00e4d1230e07000000800802010058014b386998ca83f7', hlg = 'ff0ac705fc00e41908f41800000000020802010058014b386998ca83';
  const notes = async (hex) => (await inspect(new Uint8Array(Buffer.from(hex, 'hex')), 'JPEG XL')).notes.join();
  const inBox = (hex) => `0000000c4a584c200d0a870a${(hex.length / 2 + 8).toString(16).padStart(8, '0')}6a786c63${hex}`;
  for (const [hex, name] of [[pq, 'PQ'], [hlg, 'HLG'], [inBox(pq), 'PQ']]) assert.match(await notes(hex), new RegExp(`^high dynamic range \\(${name}\\) tone-mapped by the browser`));
  // Display P3, sRGB with alpha, a power of grey, a profile; cut; nothing.
  for (const hex of ['ff0ac74140263702080201000c014b386898', 'ff0ac7c182e2420808100030014b3840', 'ff0ac74118dd1f90300f80d65c0a0fcd', pq.slice(0, 14), 'ff0a']) assert.equal(await notes(hex), '', hex);
});

test('profiles of three colours and one curve are applied where browsers may not; sRGB’s own is left alone', () => {
  const tag = (text, body) => Buffer.concat([Buffer.from(text), Buffer.alloc(4), body]);
  const number = (...values) => Buffer.concat(values.map((value) => { const four = Buffer.alloc(4); four.writeInt32BE(Math.round(65536 * value)); return four; }));
  const make = (columns, gamma) => {
    const curve = Buffer.alloc(8);
    curve.writeUInt32BE(1);
    curve.writeUInt16BE(Math.round(256 * gamma), 4);
    const tags = ['r', 'g', 'b'].flatMap((c, i) => [[`${c}XYZ`, tag('XYZ ', number(...columns[i]))], [`${c}TRC`, tag('curv', curve)]]);
    const head = Buffer.alloc(132 + 12 * tags.length);
    head.write('mntrRGB XYZ ', 12);
    head.write('acsp', 36);
    head.writeUInt32BE(tags.length, 128);
    let at = head.length;
    tags.forEach(([name, body], i) => {
      head.write(name, 132 + 12 * i);
      head.writeUInt32BE(at, 136 + 12 * i);
      head.writeUInt32BE(body.length, 140 + 12 * i);
      at += body.length;
    });
    head.writeUInt32BE(at);
    return new Uint8Array(Buffer.concat([head, ...tags.map(([, body]) => body)]));
  };
  // ICC's columns of Display P3 and of sRGB, adapted to D50.
  const p3 = [[0.5151, 0.2412, -0.0011], [0.2920, 0.6922, 0.0419], [0.1571, 0.0666, 0.7841]];
  const srgb = [[0.4361, 0.2225, 0.0139], [0.3851, 0.7169, 0.0971], [0.1431, 0.0606, 0.7141]];
  const use = (profile, model = 'RGB', trusted = false) => applyProfile(profile, model, trusted);
  const row = Uint8ClampedArray.of(200, 150, 120, 255);
  converter(use(make(p3, 2.2)).colour)(row);
  [210, 149, 116].forEach((value, k) => assert.ok(Math.abs(row[k] - value) <= 1, `${row}`));
  assert.equal(use(make(p3, 2.2), 'RGB', true).colour, null, 'the browser’s to apply');
  assert.notEqual(use(make(p3, 2.2), 'grey', true).colour, null, 'of grey pictures Firefox and WebKit ignore it');
  assert.notEqual(use(make(srgb, 1.8)).colour, null);
});
