// The decal command for real: every flag, every way to hand it pictures, every kind of bad input.
// SPDX-License-Identifier: MIT
import assert from 'node:assert/strict';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { execFile, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { test } from 'node:test';
import { setTimeout } from 'node:timers/promises';
import sharp from 'sharp';
import { decal, disc, files, heeds, kDecal, kDefaultModel, kSanitized, pixels, quickModel, scratch } from './support.mjs';

// Where the network is not the subject: the default one takes seconds in a sanitized build.
const kQuick = quickModel();
const quick = (args, options) => decal([...args, '--model', kQuick], options);

// One line, naming command, file and code.
function assertError(result, status, pattern) {
  assert.equal(result.status, status, result.stderr);
  const lines = result.stderr.trimEnd().split('\n').filter((line) => line.startsWith('decal: '));
  assert.equal(lines.length, 1, result.stderr);
  assert.match(lines[0], pattern);
  assert.match(lines[0], /\([a-z-]+\)$/);
}

async function assertDone(promise) {
  const result = await promise;
  assert.equal(result.status, 0, result.stderr);
  return result;
}

test('writes a transparent PNG beside the photo and says how', async (t) => {
  const folder = await scratch(t);
  await disc().jpeg().toFile(join(folder, 'photo.jpg'));
  const { stdout, stderr } = await assertDone(decal(['photo.jpg', '--threads', '1'], { cwd: folder }));
  assert.deepEqual(await files(folder), ['photo.decal.png', 'photo.jpg']);
  assert.equal(stdout.length, 0);
  assert.match(stderr, /^photo\.jpg -> photo\.decal\.png \(96 x 64\): native cpu, \w+, 1 thread, decal-default, fp32: \d+ ms \(load [\d.]+, decode [\d.]+, preprocess [\d.]+, inference [\d.]+, postprocess [\d.]+, encode [\d.]+\), [\d.]+ MB\n$/);

  const { data, info } = await pixels(join(folder, 'photo.decal.png'));
  assert.deepEqual([info.width, info.height, info.channels], [96, 64, 4]);
  let cleared = 0;
  for (let i = 0; i < data.length; i += 4) {
    if (data[i + 3] !== 0) continue;
    assert.equal(data[i] | data[i + 1] | data[i + 2], 0, 'colour under full transparency');
    ++cleared;
  }
  assert.ok(cleared > 0, 'nothing was removed');
});

test('--json prints the execution on standard output', async (t) => {
  const folder = await scratch(t);
  await disc().png().toFile(join(folder, 'a.png'));
  const { stdout, stderr } = await assertDone(decal(['a.png', '--json', '--threads', '2'], { cwd: folder }));
  assert.equal(stderr, '');
  const { execution, coverage, boundingBox, ...rest } = JSON.parse(stdout);
  assert.deepEqual(rest, { input: 'a.png', output: 'a.decal.png', width: 96, height: 64, notes: [] });
  assert.ok(coverage > 0.05 && coverage < 0.9, `coverage ${coverage}`);
  const { x, y, width, height } = boundingBox;
  assert.ok(x >= 0 && y >= 0 && width > 0 && height > 0 && x + width <= 96 && y + height <= 64, JSON.stringify(boundingBox));
  assert.equal(execution.provider, 'native');
  assert.equal(execution.threads, 2);
  assert.equal(execution.model, 'decal-default');
  assert.equal(execution.passes, 1);
  assert.match(execution.simd, /^\w+$/);
  assert.deepEqual(Object.keys(execution.ms), ['load', 'decode', 'preprocess', 'inference', 'postprocess', 'encode']);
  assert.ok(execution.ms.inference > 0 && execution.memoryBytes > 1e6);
});

test('a picture without a subject is said to be one', async (t) => {
  const cwd = await scratch(t);
  await sharp({ create: { width: 96, height: 64, channels: 3, background: '#808080' } }).png().toFile(join(cwd, 'grey.png'));
  await disc().png().toFile(join(cwd, 'disc.png'));
  const warned = await assertDone(quick(['grey.png', '--quiet', '--json'], { cwd }));
  assert.equal(warned.stderr, 'decal: grey.png: no subject found\n');
  const { coverage, boundingBox, notes } = JSON.parse(warned.stdout);
  assert.ok(coverage < 0.001);
  assert.deepEqual([boundingBox, notes], [null, ['no subject found']]);
  assert.equal((await quick(['disc.png', 'grey.png', '--fail-if-empty', '--quiet'], { cwd })).status, 3);
  assert.equal((await quick(['disc.png', '--fail-if-empty', '--quiet'], { cwd })).status, 0);
  assert.equal((await quick(['missing.png', 'grey.png', '--fail-if-empty', '--quiet'], { cwd })).status, 1);
});

test('--refine, --keep-colours, --threshold, --background-only and --crop shape the result', async (t) => {
  const cwd = await scratch(t);
  await disc().png().toFile(join(cwd, 'a.png'));
  const cut = async (...options) => {
    await assertDone(quick(['a.png', '-o', 'out.png', '--quiet', ...options], { cwd }));
    return pixels(join(cwd, 'out.png'));
  };
  const alphas = ({ data }) => data.filter((_, i) => i % 4 === 3);
  const plain = await cut('--refine', 'off', '--keep-colours');
  const fast = await cut();
  assert.deepEqual(fast.data, (await cut('--refine', 'fast')).data);
  assert.notDeepEqual(fast.data, plain.data);
  assert.deepEqual(alphas(await cut('--refine', 'off')), alphas(plain));
  assert.ok(alphas(await cut('--threshold', '0.5')).every((value) => value === 0 || value === 255));
  const back = alphas(await cut('--background-only'));
  assert.ok(alphas(fast).every((value, i) => Math.abs(value + back[i] - 255) <= 1));
  const { info } = await cut('--crop', '0');
  assert.ok(info.width < 96 && info.width > 20 && info.height <= 64, `${info.width} x ${info.height}`);
  const reported = JSON.parse((await assertDone(quick(['a.png', '-o', 'out.png', '--crop', '0', '--json'], { cwd }))).stdout);
  assert.deepEqual([reported.width, reported.height], [info.width, info.height]);
  for (const wrong of [['--refine', 'better'], ['--threshold', '2'], ['--crop', '-1'], ['--fill-holes', 'x'], ['--remove-islands', '1.5']]) {
    assertError(await quick(['a.png', ...wrong], { cwd }), 2, new RegExp(wrong[0]));
  }
});

test('--smooth, --grow and --shadow change the outline, --aspect-ratio, --size and --scale the frame', async (t) => {
  const cwd = await scratch(t);
  await disc({ width: 192, height: 128 }).png().toFile(join(cwd, 'a.png'));
  const cut = async (...options) => {
    await assertDone(quick(['a.png', '-o', 'out.png', '--quiet', ...options], { cwd }));
    return pixels(join(cwd, 'out.png'));
  };
  const area = ({ data }) => data.reduce((sum, value, i) => sum + (i % 4 === 3 ? value / 255 : 0), 0);
  const plain = area(await cut());
  const outline = area(await cut('--grow', '1')) - plain;
  assert.ok(outline > 50, `${outline} pixels of outline`);
  const half = area(await cut('--grow', '0.5')) - plain;
  assert.ok(half > 0.3 * outline && half < 0.7 * outline, `${half} of ${outline}`);
  assert.ok(area(await cut('--grow=-2')) < plain - outline);
  assert.ok(Math.abs(area(await cut('--smooth', '3')) - plain) < 0.1 * plain);
  assert.ok(area(await cut('--shadow', '0.8')) > plain + 10);
  const size = async (...options) => {
    const { info } = await cut(...options);
    return [info.width, info.height];
  };
  assert.deepEqual(await size('--aspect-ratio', '1:1'), [192, 192]);
  assert.deepEqual(await size('--aspect-ratio', '3'), [384, 128]);
  assert.deepEqual(await size('--size', '50x'), [50, 33]);
  assert.deepEqual(await size('--size', 'x64'), [96, 64]);
  assert.deepEqual(await size('--crop', '5', '--size', '80x100', '--background', 'white'), [80, 100]);
  assert.deepEqual(await size('--scale', '0.5'), [96, 64]);
  const [width, height] = await size('--crop', '0', '--aspect-ratio', '4:5');
  assert.ok(Math.abs(width / height - 0.8) < 0.02, `${width} x ${height}`);
  const wrong = [
    ['--smooth', '51'], ['--grow', '-51'], ['--grow', 'nan'], ['--shadow', '2'], ['--crop', '101'], ['--aspect-ratio', '4:0'], ['--aspect-ratio', 'wide'],
    ['--size', '80'], ['--size', '0x5'], ['--size', 'x'], ['--size', '5x40000'], ['--scale', '0'], ['--scale', '2', '--size', '5x5'],
    ['--size', '5x5', '--aspect-ratio', '1'],
  ];
  for (const options of wrong) assertError(await quick(['a.png', ...options], { cwd }), 2, new RegExp(options.length > 2 ? 'size' : options[0]));
});

test('-o, --format, --quality and the extension choose file and format', async (t) => {
  const cwd = await scratch(t);
  await disc({ width: 300, height: 200 }).png().toFile(join(cwd, 'a.png'));
  const format = async (name) => (await readFile(join(cwd, name))).subarray(0, 12).toString('latin1');
  await assertDone(quick(['a.png', '-o', 'x.webp', '-q'], { cwd }));
  assert.match(await format('x.webp'), /^RIFF....WEBP/s);
  await assertDone(quick(['a.png', '-o', 'anything', '--format', 'WebP'], { cwd }));
  assert.match(await format('anything'), /^RIFF....WEBP/s);
  await assertDone(quick(['a.png', '--format', 'jpg', '-q'], { cwd }));
  assert.match(await format('a.decal.jpg'), /^\xff\xd8\xff/);
  await assertDone(quick(['a.png', '-o', 'low.jpeg', '--quality', '10', '-q'], { cwd }));
  await assertDone(quick(['a.png', '-o', 'high.jpeg', '--quality', '95', '-q'], { cwd }));
  assert.ok((await readFile(join(cwd, 'low.jpeg'))).length < (await readFile(join(cwd, 'high.jpeg'))).length);
  assertError(await quick(['a.png', '-o', 'x.bmp'], { cwd }), 2, /cannot write \.bmp files/);
});

test('JPEG gets a white background and says so; --background chooses', async (t) => {
  const cwd = await scratch(t);
  await disc().png().toFile(join(cwd, 'a.png'));
  const corner = async (name) => {
    const { data, info } = await pixels(join(cwd, name));
    assert.equal(info.channels, 3);
    return [...data.subarray(0, 3)];
  };
  const near = (got, want) => got.forEach((value, i) => assert.ok(Math.abs(value - want[i]) <= 24, `${got} is not ${want}`));
  assert.match((await assertDone(quick(['a.png', '-o', 'white.jpg'], { cwd }))).stderr, /background becomes white/);
  near(await corner('white.jpg'), [255, 255, 255]);
  for (const [i, colour] of ['#ff00ff', 'ff00ff', '#f0f', '255,0,255'].entries()) {
    const { stderr } = await assertDone(quick(['a.png', '-o', `${i}.png`, '--background', colour], { cwd }));
    assert.doesNotMatch(stderr, /white/);
    near(await corner(`${i}.png`), [255, 0, 255]);
  }
  for (const colour of ['reddish', '#ff00f', '256,0,0', '1,2', '1,2,3,4', '#ff00gg']) {
    assertError(await quick(['a.png', '--background', colour], { cwd }), 2, /is not a colour/);
  }
});

test('--mask writes the matte as a grey picture', async (t) => {
  const cwd = await scratch(t);
  await disc().png().toFile(join(cwd, 'a.png'));
  await assertDone(quick(['a.png', '--mask'], { cwd }));
  await assertDone(quick(['a.png'], { cwd }));
  const header = await readFile(join(cwd, 'a.decal-mask.png'));
  assert.equal(header[25], 0, 'PNG colour type: grey');
  const mask = await pixels(join(cwd, 'a.decal-mask.png'));
  const cutout = await pixels(join(cwd, 'a.decal.png'));
  const step = mask.info.channels;
  for (let i = 0; i < 96 * 64; ++i) assert.equal(mask.data[i * step], cutout.data[i * 4 + 3]);
});

test('several files and folders, into a folder or beside the pictures', async (t) => {
  const cwd = await scratch(t);
  await mkdir(join(cwd, 'in/deeper'), { recursive: true });
  await disc().jpeg().toFile(join(cwd, 'in/one.JPG'));
  await disc().png().toFile(join(cwd, 'in/one.png'));
  await disc().webp().toFile(join(cwd, 'in/two.webp'));
  await disc().png().toFile(join(cwd, 'in/deeper/three.png'));
  await writeFile(join(cwd, 'in/notes.txt'), 'no picture');
  await disc().png().toFile(join(cwd, 'four.png'));
  const outputs = ['four.decal.png', 'one.JPG.decal.png', 'one.png.decal.png', 'two.decal.png'];

  const { stderr } = await assertDone(quick(['four.png', 'in', 'in/two.webp', '-o', 'out/new'], { cwd }));
  assert.deepEqual(await files(join(cwd, 'out/new')), outputs);
  assert.equal(stderr.match(/->/g).length, 4, 'one line per picture if there is no terminal');
  assert.match(stderr, /^decal: in: 1 file skipped that decal does not read$/m);
  assert.match(stderr, /load 0\.0,|load 0\.\d,/, 'the model is loaded once');

  await assertDone(quick(['in'], { cwd }));
  await assertDone(quick(['in'], { cwd })); // its own outputs are no pictures to do
  assert.deepEqual(await files(join(cwd, 'in')),
    ['deeper', 'notes.txt', 'one.JPG', 'one.JPG.decal.png', 'one.png', 'one.png.decal.png', 'two.decal.png', 'two.webp']);
});

test('a failing input does not stop the others', async (t) => {
  const cwd = await scratch(t);
  await disc().png().toFile(join(cwd, 'good.png'));
  await writeFile(join(cwd, 'bad.png'), 'not a picture at all');
  await mkdir(join(cwd, 'empty'));
  const result = await quick(['bad.png', 'missing.png', 'empty', 'good.png', '--json'], { cwd });
  assert.equal(result.status, 1);
  assert.deepEqual(await files(cwd), ['bad.png', 'empty', 'good.decal.png', 'good.png']);
  const errors = result.stderr.trimEnd().split('\n');
  assert.equal(errors.length, 3, result.stderr);
  assert.equal(errors[0], 'decal: empty: no pictures directly in this folder (not-found)');
  assert.equal(errors[1], 'decal: bad.png: not a picture we can decode (corrupt-image)');
  assert.match(errors[2], /^decal: missing\.png: cannot open: No such file or directory \(not-found\)$/);
  const lines = result.stdout.toString().trimEnd().split('\n').map((line) => JSON.parse(line));
  assert.deepEqual(lines.map((line) => line.error?.code), ['corrupt-image', 'not-found', undefined]);
});

test('standard input and output', async (t) => {
  const cwd = await scratch(t);
  const stdin = await disc().jpeg().toBuffer();
  const piped = await assertDone(quick(['-'], { cwd, stdin }));
  assert.equal((await pixels(piped.stdout)).info.channels, 4);
  const masked = await assertDone(quick(['-', '-o', '-', '--mask', '--format', 'webp', '--json'], { cwd, stdin }));
  assert.equal(masked.stdout.subarray(0, 4).toString(), 'RIFF');
  assert.equal(JSON.parse(masked.stderr).output, '-');
  await assertDone(quick(['-', '-o', 'x.png'], { cwd, stdin }));
  assert.deepEqual(await files(cwd), ['x.png']);
  assertError(await quick(['-'], { cwd, stdin: 'junk' }), 1, /^decal: -: not a picture/);
  assertError(await quick(['a', 'b', '-o', '-'], { cwd }), 2, /several pictures/);
});

test('photos of every kind: turned, CMYK, 16 bits, grey, transparent', async (t) => {
  const cwd = await scratch(t);
  await disc().withMetadata({ orientation: 6 }).jpeg().toFile(join(cwd, 'turned.jpg'));
  await disc().toColourspace('cmyk').jpeg().toFile(join(cwd, 'cmyk.jpg'));
  await disc().toColourspace('rgb16').png().toFile(join(cwd, 'deep.png'));
  await disc().greyscale().png().toFile(join(cwd, 'grey.png'));
  await disc().ensureAlpha(0).png().toFile(join(cwd, 'clear.png'));
  await assertDone(decal(['turned.jpg', 'cmyk.jpg', 'deep.png', 'grey.png', 'clear.png', '-o', 'out'], { cwd }));
  const turned = await pixels(join(cwd, 'out/turned.decal.png'));
  assert.deepEqual([turned.info.width, turned.info.height], [64, 96]);
  for (const name of ['cmyk', 'deep', 'grey']) {
    const { data, info } = await pixels(join(cwd, `out/${name}.decal.png`));
    assert.deepEqual([info.width, info.height, info.channels], [96, 64, 4], name);
    assert.ok(data.some((value, i) => i % 4 === 3 && value > 0), `${name}: nothing left`);
  }
  const clear = await pixels(join(cwd, 'out/clear.decal.png'));
  assert.ok(clear.data.every((value) => value === 0), 'what was transparent stays so');
});

test('truncated photos are errors and leave no file', async (t) => {
  const cwd = await scratch(t);
  for (const name of ['jpeg', 'png', 'webp', 'tiff']) {
    const whole = await disc({ width: 400, height: 300 })[name]().toBuffer();
    await writeFile(join(cwd, 'cut'), whole.subarray(0, Math.floor(whole.length * 0.6)));
    assertError(await quick(['cut'], { cwd }), 1, /^decal: cut: .*\(corrupt-image\)$/);
  }
  await writeFile(join(cwd, 'cut'), '');
  assertError(await quick(['cut'], { cwd }), 1, /^decal: cut: the file is empty \(corrupt-image\)$/);
  assert.deepEqual(await files(cwd), ['cut']);
});

// AddressSanitizer reserves terabytes of address space for itself.
const limitable = { skip: kSanitized ? 'sanitizer build' : false };
test('no memory is an error, not a crash', limitable, async (t) => {
  const cwd = await scratch(t);
  const background = '#234';
  await sharp({ create: { width: 16000, height: 12000, channels: 3, background } }).png().toFile(join(cwd, 'big.png'));
  const { status, stderr } = await new Promise((resolve) => {
    // ulimit counts KiB of address space; the picture alone needs 768 MB.
    execFile('bash', ['-c', 'ulimit -v 700000; exec "$0" big.png', kDecal], { cwd },
      (error, _, text) => resolve({ status: error?.code ?? 0, stderr: text }));
  });
  assertError({ status, stderr }, 1, /^decal: big\.png: no memory for 16000 x 12000 pixels \(out-of-memory\)$/);
  assert.deepEqual(await files(cwd), ['big.png']);
});

test('outputs that cannot be written are errors and leave no file', async (t) => {
  const cwd = await scratch(t);
  await disc().png().toFile(join(cwd, 'a.png'));
  assertError(await quick(['a.png', '-o', 'missing/x.png'], { cwd }), 1, /missing\/x\.png: cannot write: No such file.*\(not-found\)$/);
  assertError(await quick(['a.png', '-o', 'a.png/x.png'], { cwd }), 1, /cannot write: Not a directory \(io\)$/);
  assertError(await quick(['a.png', 'a.png', '-o', 'a.png'], { cwd }), 2, /is a file/);
  assertError(await quick(['a.png', '-o', '/dev/full'], { cwd }), 1, /\/dev\/full: cannot write: No space left.*\(io\)$/);
  assertError(await quick(['a.png', '-o', 'a.png'], { cwd }), 2, /would overwrite the picture a\.png/);
  assert.deepEqual(await files(cwd), ['a.png']);
});

test('a result never takes the place of another picture of the run', async (t) => {
  const cwd = await scratch(t);
  await disc().png().toFile(join(cwd, 'a.png'));
  await disc({ width: 60, height: 90 }).png().toFile(join(cwd, 'a.decal.png'));
  const before = await readFile(join(cwd, 'a.decal.png'));
  for (const inputs of [['a.png', 'a.decal.png'], ['a.decal.png', './a.png']]) {
    assertError(await quick(inputs, { cwd }), 2, /the result of (\.\/)?a\.png would overwrite a\.decal\.png, another picture of this run: use -o FOLDER \(invalid-argument\)$/);
    assert.deepEqual(await readFile(join(cwd, 'a.decal.png')), before);
  }
  assert.deepEqual(await files(cwd), ['a.decal.png', 'a.png']);
  await assertDone(quick(['a.png', 'a.decal.png', '-o', 'out', '-q'], { cwd }));
  assert.deepEqual(await files(join(cwd, 'out')), ['a.decal.decal.png', 'a.decal.png']);
});

test('reports that cannot be written are an error, though the pictures are done', async (t) => {
  const cwd = await scratch(t);
  await disc().png().toFile(join(cwd, 'a.png'));
  for (const args of [`a.png --json -q --model "${kQuick}"`, 'models', '--version']) {
    assert.throws(() => execFileSync('sh', ['-c', `"${kDecal}" ${args} > /dev/full`], { cwd, stdio: ['ignore', 'ignore', 'pipe'] }),
      ({ status, stderr }) => status === 1 && /^decal: standard output: cannot write all of the output \(io\)\n$/.test(stderr), args);
  }
  assert.deepEqual(await files(cwd), ['a.decal.png', 'a.png']);
});

test('what a format can hold a side is asked of the result', async (t) => {
  const cwd = await scratch(t);
  await disc({ width: 17000, height: 8 }).png().toFile(join(cwd, 'wide.png'));
  assertError(await quick(['wide.png', '-o', 'wide.webp'], { cwd }), 1, /17000 x 8 pixels do not fit into WebP, which holds 16383 a side: choose png \(invalid-argument\)$/);
  await assertDone(quick(['wide.png', '-o', 'half.webp', '--scale', '0.5'], { cwd }));
  assert.equal((await pixels(join(cwd, 'half.webp'))).info.width, 8500);
  assertError(await quick(['wide.png', '-o', 'cut.webp', '--size', '16384x4'], { cwd }), 1, /16384 x 4 pixels do not fit into WebP.*\(invalid-argument\)$/);
  assert.deepEqual(await files(cwd), ['half.webp', 'wide.png']);
});

test('overwriting its own output replaces it as a whole', async (t) => {
  const cwd = await scratch(t);
  await disc().png().toFile(join(cwd, 'a.png'));
  await writeFile(join(cwd, 'a.decal.png'), 'old');
  await assertDone(quick(['a.png'], { cwd }));
  assert.equal((await pixels(join(cwd, 'a.decal.png'))).info.width, 96);
  assert.deepEqual(await files(cwd), ['a.decal.png', 'a.png']);
});

test('an interrupt ends cleanly after the picture that is done', async (t) => {
  const cwd = await scratch(t);
  const names = Array.from({ length: 200 }, (_, i) => `p${i}.png`);
  const picture = await disc({ width: 600, height: 400 }).png().toBuffer();
  await Promise.all(names.map((name) => writeFile(join(cwd, name), picture)));
  let sent = false; // a second interrupt would end the command the hard way
  const onStderr = (_, child) => {
    if (!sent) sent = child.kill('SIGINT');
  };
  const result = await quick([...names, '-o', 'out'], { cwd, onStderr });
  assert.equal(result.status, 130, result.stderr);
  assert.match(result.stderr, /\(cancelled\)\n$/);
  const written = await files(join(cwd, 'out'));
  assert.ok(written.length >= 1 && written.length < 200, `${written.length} written`);
  for (const name of written) assert.equal((await pixels(join(cwd, 'out', name))).info.width, 600);
});

test('an interrupt ends the wait for standard input', async (t) => {
  const child = spawn(kDecal, ['-'], { stdio: ['pipe', 'pipe', 'pipe'] });
  t.after(() => child.kill('SIGKILL'));
  let stderr = '';
  child.stderr.on('data', (piece) => (stderr += piece));
  child.stdin.write('\xff\xd8'); // the start of a JPEG, and then nothing
  await heeds(child.pid, 2);
  await setTimeout(500);  // now it reads
  child.kill('SIGINT');
  const [status] = await once(child, 'close');
  assert.equal(status, 130, stderr);
  assert.equal(stderr, 'decal: -: interrupted (cancelled)\n');
});

test('a terminal gets a progress bar instead of lines', async (t) => {
  const cwd = await scratch(t);
  await disc().png().toFile(join(cwd, 'a.png'));
  await disc().png().toFile(join(cwd, 'b.png'));
  const output = await new Promise((resolve) => {
    const child = spawn('script', ['-qec', `${kDecal} a.png b.png --model ${kQuick}`, '/dev/null'], { cwd, stdio: ['ignore', 'pipe', 'inherit'] });
    let text = '';
    child.stdout.on('data', (piece) => (text += piece));
    child.on('close', () => resolve(text));
  });
  assert.match(output, /\[#{12}\.{12}\] 1\/2 b\.png/);
  assert.match(output, /2 of 2 pictures done in [\d.]+ s/);
  assert.doesNotMatch(output, /->/);
});

test('usage: help, version and mistakes', async (t) => {
  const cwd = await scratch(t);
  const help = await assertDone(decal(['--help'], { cwd }));
  for (const word of ['Examples:', '--mask', '--threads', '--background', 'inspect', 'models', 'run', '--models-dir']) {
    assert.ok(help.stdout.includes(word), word);
  }
  assert.match((await assertDone(decal(['run', '--help'], { cwd }))).stdout.toString(), /--repeat/);
  assert.match((await assertDone(decal(['--version'], { cwd }))).stdout.toString(), /^decal \d+\.\d+\.\d+\n$/);
  assertError(await decal([], { cwd }), 2, /no pictures given/);
  assertError(await decal(['a.png', '--nonsense'], { cwd }), 2, /nonsense/);
  assertError(await decal(['a.png', '--quality', '0'], { cwd }), 2, /quality/);
  assertError(await decal(['a.png', '--threads', 'many'], { cwd }), 2, /threads/);
  assertError(await decal(['a.png', '--format', 'gif'], { cwd }), 2, /format/);
  assertError(await decal(['a.png', 'b.png', '-o', 'one.png'], { cwd }), 2, /one\.png names a picture file/);
  assertError(await decal(['a.png', 'models'], { cwd }), 2, /\.\/models/);
  assertError(await decal(['models', 'a.png'], { cwd }), 2, /a\.png/);
});

test('a picture named like a subcommand is reached as ./run', async (t) => {
  const cwd = await scratch(t);
  await disc().png().toFile(join(cwd, 'run'));
  await assertDone(quick(['./run'], { cwd }));
  assert.deepEqual(await files(cwd), ['run', 'run.decal.png']);
});

test('--model takes a name or a file; weights that are not embedded are asked for', async (t) => {
  const cwd = await scratch(t);
  await disc().png().toFile(join(cwd, 'a.png'));
  const weights = await readFile(kDefaultModel);
  await writeFile(join(cwd, 'mine.onnx'), await readFile(kQuick));
  const executed = async (...args) =>
    JSON.parse((await assertDone(decal(['a.png', '--json', ...args], { cwd }))).stdout).execution.model;
  assert.equal(await executed('--model', 'decal-default'), 'decal-default');
  assert.equal(await executed('--model', 'mine.onnx'), 'mine.onnx');
  assert.equal(await executed('--model', 'u2netp', '--model-file', 'mine.onnx'), 'u2netp');

  assertError(await decal(['a.png', '--model', 'mine.onnx', '--model-file', 'mine.onnx'], { cwd }), 1, /--model mine\.onnx is a file itself \(invalid-argument\)$/);
  assertError(await decal(['a.png', '--model', 'modnet'], { cwd }), 1, /^decal: modnet: .*--model-file.*https:\/\/.* \(not-found\)$/);
  assertError(await decal(['a.png', '--model', 'nosuch'], { cwd }), 1, /nosuch.*decal-default.*\(not-found\)$/);
  assertError(await decal(['a.png', '--model', 'missing.onnx'], { cwd }), 1, /^decal: missing\.onnx: cannot open.*\(not-found\)$/);
  await mkdir(join(cwd, 'models'));
  assertError(await decal(['a.png', '--model', 'modnet', '--models-dir', 'models'], { cwd }), 1, /models\/modnet\.onnx: no such file: fetch it from https/);
  await writeFile(join(cwd, 'models/modnet.onnx'), weights.subarray(0, 1000));
  assertError(await decal(['a.png', '--model', 'modnet'], { cwd, env: { DECAL_MODELS_DIR: 'models' } }), 1, /has 1000 bytes.*\(corrupt-model\)$/);
  await writeFile(join(cwd, 'cut.onnx'), weights.subarray(0, weights.length / 2));
  assertError(await decal(['a.png', '--model', 'cut.onnx', '-o', 'x.png'], { cwd }), 1, /cut\.onnx.*\(corrupt-model\)$/);
  assert.ok(!(await files(cwd)).includes('x.png'));
});
