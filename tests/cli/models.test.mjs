// Models of one's own on the command line: every kind of input and output, options, weights in other files, and errors.
//
// Copyright the Decal authors.
// SPDX-License-Identifier: MIT
import assert from 'node:assert/strict';
import { mkdir, open, readFile, symlink, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { test } from 'node:test';
import sharp from 'sharp';
import { casePicture, externalFiles, externalModel, kHeight, kWidth, modelCases } from '../support/model_cases.mjs';
import { kWrongJson } from '../support/model_json.mjs';
import { kFloat, kUint8, onnxModel } from '../support/onnx.mjs';
import { decal, pixels, scratch } from './support.mjs';

const picture = casePicture();

async function writeCase(cwd, { name, onnx, files = {} }) {
  await writeFile(join(cwd, `${name}.onnx`), onnx);
  for (const [path, bytes] of Object.entries(files)) {
    await mkdir(dirname(join(cwd, path)), { recursive: true });
    await writeFile(join(cwd, path), bytes);
  }
}

async function withPicture(t) {
  const cwd = await scratch(t);
  await sharp(picture.data, { raw: { width: kWidth, height: kHeight, channels: 4 } }).png().toFile(join(cwd, 'a.png'));
  return cwd;
}

const plain = ['--refine', 'off', '--keep-colours', '--mask'];
const model = (name) => modelCases.find((one) => one.name === name);

test('every kind of model gives the right matte', async (t) => {
  const cwd = await withPicture(t);
  for (const one of modelCases) {
    await writeCase(cwd, one);
    const { status, stderr } = await decal(['a.png', '--model', `${one.name}.onnx`, ...(one.args ?? []), ...plain, '-o', `${one.name}.png`], { cwd });
    assert.equal(status, 0, `${one.name}: ${stderr}`);
    const { data, info } = await pixels(join(cwd, `${one.name}.png`));
    for (let i = 0; i < kWidth * kHeight; ++i) {
      const expected = 255 * one.matte(...picture.data.subarray(4 * i, 4 * i + 3));
      assert.ok(Math.abs(data[info.channels * i] - expected) <= 1.01, `${one.name}: pixel ${i}: ${data[info.channels * i]}, not ${expected}`);
    }
  }
});

test('u2net_cloth_seg of the registry: one class of four, the first kind of clothes unless another is named', async (t) => {
  const cwd = await scratch(t);
  await sharp(Buffer.from([250, 5, 5, 5, 5, 250]), { raw: { width: 2, height: 1, channels: 3 } }).resize(64, 32, { kernel: 'nearest' }).png().toFile(join(cwd, 'a.png'));
  // Class 1 is what is red, class 2 what is blue.
  await writeFile(join(cwd, 'four.onnx'), onnxModel({
    nodes: [['Conv', ['x', 'w'], ['y']]], tensors: [{ name: 'w', shape: [4, 3, 1, 1], data: Float32Array.of(0, 0, 0, 9, 0, -9, -9, 0, 9, -9, -9, -9) }],
    inputs: [{ name: 'x', shape: [1, 3, 32, 64] }], outputs: [{ name: 'y', shape: [1, 4, 32, 64] }],
  }));
  const matte = async (...args) => {
    const { status, stderr } = await decal(['a.png', '--model', 'u2net_cloth_seg', '--model-file', 'four.onnx', ...args, ...plain, '-o', 'x.png'], { cwd });
    assert.equal(status, 0, stderr);
    const { data, info } = await pixels(join(cwd, 'x.png'));
    return [data[0], data[63 * info.channels]];
  };
  assert.deepEqual(await matte(), [255, 0]);
  assert.deepEqual(await matte('--foreground-class', '2'), [0, 255]);
});

test('two passes: with --refine best the surroundings of a small subject are seen again, closer', async (t) => {
  const cwd = await scratch(t);
  const square = { input: Buffer.alloc(20 * 20 * 3, 255), raw: { width: 20, height: 20, channels: 3 }, left: 130, top: 50 };
  await sharp({ create: { width: 200, height: 160, channels: 3, background: 'black' } }).composite([square]).png().toFile(join(cwd, 'a.png'));
  // The matte is the picture's red, of cells of 12.5 by 10 pixels.
  await writeFile(join(cwd, 'red.onnx'), onnxModel({
    nodes: [['Conv', ['x', 'w'], ['y']]], tensors: [{ name: 'w', shape: [1, 3, 1, 1], data: Float32Array.of(1, 0, 0) }],
    inputs: [{ name: 'x', shape: [1, 3, 16, 16] }], outputs: [{ name: 'y', shape: [1, 1, 16, 16] }],
  }));
  const run = async (...args) => {
    const { status, stdout, stderr } = await decal(['a.png', '--model', 'red.onnx', '--mask', '--json', '-o', 'x.png', ...args], { cwd });
    assert.equal(status, 0, stderr);
    const { execution, boundingBox } = JSON.parse(stdout);
    return { passes: execution.passes, boundingBox };
  };
  assert.equal((await run('--passes', '2')).passes, 1);
  assert.equal((await run('--refine', 'best')).passes, 1);
  const { passes, boundingBox: { x, y, width, height } } = await run('--refine', 'best', '--passes', '2');
  assert.equal(passes, 2);
  for (const [found, is] of [[x, 130], [y, 50], [x + width, 150], [y + height, 70]]) assert.ok(Math.abs(found - is) <= 12.5, `${found} instead of ${is}`);
  const { stderr } = await decal(['a.png', '--model', 'red.onnx', '-o', 'x.png', '--refine', 'best', '--passes', '2'], { cwd });
  assert.match(stderr, /, fp32, 2 passes: /);
});

test('a matte that is none is an error that says which option to give', async (t) => {
  const cwd = await withPicture(t);
  for (const [name, word] of [['logits', 'sigmoid'], ['bytes', 'bytes'], ['softmax', 'softmax']]) {
    await writeCase(cwd, model(name));
    const extra = name === 'softmax' ? ['--foreground-class', '2', '--mean', '0.5,0.5,0.5'] : [];
    const { status, stderr } = await decal(['a.png', '--model', `${name}.onnx`, ...extra, '-o', 'x.png'], { cwd });
    assert.equal(status, 1, stderr);
    assert.match(stderr, new RegExp(`^decal: ${name}\\.onnx: activation: .*set activation to ${word}.*\\(invalid-argument\\)$`, 'm'));
    assert.equal(await readFile(join(cwd, 'x.png')).catch(() => null), null);
  }
});

test('errors of the model name it and are told once for a run of many pictures', async (t) => {
  const cwd = await withPicture(t);
  await writeCase(cwd, model('logits'));
  for (const name of ['b.png', 'c.png']) await writeFile(join(cwd, name), await readFile(join(cwd, 'a.png')));
  const { status, stderr, stdout } = await decal(
    ['a.png', 'b.png', 'c.png', '--model', 'logits.onnx', '-o', 'out', '--json'], { cwd });
  assert.equal(status, 1);
  assert.equal(stderr.match(/activation/g).length, 2, stderr);  // "activation: ... set activation to"
  assert.match(stderr, /^decal: the same for 2 more pictures$/m);
  assert.doesNotMatch(stderr, /[abc]\.png/);
  const lines = String(stdout).trim().split('\n').map((line) => JSON.parse(line));
  assert.deepEqual(lines.map(({ input }) => input), ['a.png', 'b.png', 'c.png']);
  for (const { error } of lines) {
    assert.equal(error.code, 'invalid-argument');
    assert.match(error.message, /^logits\.onnx: activation: /);
  }
});

test('names of inputs and outputs that are not there, and values that are missing', async (t) => {
  const cwd = await withPicture(t);
  await writeCase(cwd, model('several'));
  await writeCase(cwd, model('many-classes'));
  for (const [args, message] of [
    [['several'], /the model has inputs besides the picture 'picture': give a value to each of ratio, state \(invalid-argument\)$/m],
    [['several', '--model-value', 'rate=1'], /rate: the model has no such input; it has picture, ratio, state \(not-found\)$/m],
    [['several', '--model-value', 'ratio=1', '--model-value', 'state=0', '--model-output', 'mask'],
      /mask: the model has no such output; it has fgr, pha \(not-found\)$/m],
    [['many-classes'], /y \[1,4,2,4\]: the model distinguishes 4 classes: set foregroundClass/],
    [['many-classes', '--foreground-class', '4'], /4 classes: set foregroundClass/],
  ]) {
    const { status, stderr } = await decal(['a.png', '--model', `${args[0]}.onnx`, ...args.slice(1), '-o', 'x.png'], { cwd });
    assert.equal(status, 1, stderr);
    assert.match(stderr, message);
    assert.match(stderr, new RegExp(`^decal: ${args[0]}\\.onnx: `, 'm'));
  }
});

test('options of models that make no sense are usage errors', async (t) => {
  const cwd = await scratch(t);
  for (const [option, value, message] of [
    ['--mean', '1,2', /three numbers/], ['--mean', '1,2,x', /three numbers/], ['--std', '1,0,1', /each more than 0/],
    ['--activation', 'relu', /one of none, sigmoid, softmax, bytes, auto/], ['--size-rule', 'long-side', /"stretch" or "short-side"/],
    ['--input-size', '0', /N or WxH/], ['--input-size', '5xy', /N or WxH/], ['--size-multiple', '0', /whole pixels/],
    ['--foreground-class', '-1', /whole number/], ['--passes', '3', /1 or 2/], ['--model-value', 'ratio', /NAME=NUMBER/], ['--model-value', 'ratio=much', /NAME=NUMBER/],
  ]) {
    const { status, stderr } = await decal(['a.png', `${option}=${value}`], { cwd });
    assert.equal(status, 2, `${option} ${value}: ${stderr}`);
    assert.match(stderr, message, `${option} ${value}`);
  }
});

test('the size rule and input size of a model of dynamic size', async (t) => {
  const cwd = await withPicture(t);
  const dynamic = (channels) => [1, channels, 'height', 'width'];
  await writeFile(join(cwd, 'free.onnx'), onnxModel({
    nodes: [['Conv', ['x', 'w'], ['y']]], tensors: [{ name: 'w', shape: [1, 3, 1, 1], data: Float32Array.of(1, 0, 0) }],
    inputs: [{ name: 'x', shape: dynamic(3) }], outputs: [{ name: 'y', shape: dynamic(1) }],
  }));
  // What 512 squared needs besides what the picture does is far more.
  const memory = async (...args) => {
    const { stdout, stderr } = await decal(['a.png', '--model', 'free.onnx', '--json', '-o', 'x.png', ...args], { cwd });
    assert.ok(stdout.length > 0, stderr);
    return JSON.parse(stdout).execution.memoryBytes;
  };
  const [large, small, wide, short] = [
    await memory(), await memory('--input-size', '16'), await memory('--input-size', '64x16'),
    await memory('--input-size', '16', '--size-rule', 'short-side', '--size-multiple', '8'),
  ];
  assert.ok(large > wide && wide > short && short > small, `${large} ${wide} ${short} ${small}`);
});

test('weights in other files: missing, cut, wrong, outside of the folder, no regular file', async (t) => {
  const cwd = await withPicture(t);
  const run = async (onnx, files = externalFiles) => {
    await writeCase(cwd, { name: 'm', onnx, files });
    return decal(['a.png', '--model', 'm.onnx', ...plain, '-o', 'x.png'], { cwd });
  };
  const fails = async (message, onnx, files) => {
    const { status, stderr } = await run(onnx, files);
    assert.equal(status, 1);
    assert.match(stderr, message);
  };
  await fails(/m\.onnx: external\.onnx\.data: cannot open: .*\(not-found\)$/m, externalModel(), {});
  await fails(/external\.onnx\.data: has 8 bytes, the model needs 16 \(corrupt-model\)$/m, externalModel(),
    { ...externalFiles, 'external.onnx.data': externalFiles['external.onnx.data'].subarray(0, 8) });
  const damaged = Buffer.from(externalFiles['external.onnx.data']);
  damaged[0] ^= 1;
  await fails(/SHA-1/, externalModel(), { ...externalFiles, 'external.onnx.data': damaged });
  // A file that is there, one folder up.
  await mkdir(join(cwd, 'in'));
  await writeFile(join(cwd, 'in/m.onnx'), externalModel({ outer: { location: '../external.onnx.data', offset: 4 } }));
  const outside = await decal(['a.png', '--model', 'in/m.onnx', '-o', 'x.png'], { cwd });
  assert.equal(outside.status, 1);
  assert.match(outside.stderr, /'\.\.\/external\.onnx\.data', which is not in the model's folder \(corrupt-model\)$/m);
  await symlink('/dev/zero', join(cwd, 'zeros'));
  await fails(/must be in a regular file/, externalModel({ outer: { location: 'zeros' } }));
  // Links to files are what caches of downloads are made of.
  await symlink('external.onnx.data', join(cwd, 'link.data'));
  const linked = await run(externalModel({ outer: { location: 'link.data', offset: 4 } }));
  assert.equal(linked.status, 0, linked.stderr);
});

// Slow by design: 2 GB of zeros go through the reader; they take no space on the disk.
test('weights beyond 2 GB of a file', async (t) => {
  const cwd = await withPicture(t);
  const offset = 2 ** 31 + 4099;
  await writeCase(cwd, { name: 'large', onnx: externalModel({ outer: { location: 'large.data', offset }, inner: { location: 'large.data', offset: offset + 12 } }) });
  const file = await open(join(cwd, 'large.data'), 'w');
  await file.write(Buffer.from(Float32Array.of(0, 0, 1, 0.125).buffer), 0, 16, offset);
  await file.close();
  const { status, stderr } = await decal(['a.png', '--model', 'large.onnx', ...plain, '-o', 'x.png'], { cwd });
  assert.equal(status, 0, stderr);
  const { data, info } = await pixels(join(cwd, 'x.png'));
  for (let i = 0; i < kWidth * kHeight; ++i) {
    assert.ok(Math.abs(data[info.channels * i] - (picture.data[4 * i + 2] + 255 / 8)) <= 1.01);
  }
});

test('inspect tells inputs and outputs by the names and types of the file', async (t) => {
  const cwd = await scratch(t);
  await writeFile(join(cwd, 'names.onnx'), onnxModel({
    nodes: [['Cast', ['x'], ['floats'], { to: kFloat }], ['Relu', ['floats'], ['inner']], ['Identity', ['inner'], ['alpha']], ['Identity', ['alpha'], ['copy']]],
    inputs: [{ name: 'x', shape: [1, 3, 4, 4], type: kUint8 }],
    outputs: [{ name: 'alpha', shape: [1, 3, 4, 4] }, { name: 'copy', shape: [1, 3, 4, 4] }],
  }));
  const { stdout } = await decal(['inspect', 'names.onnx', '--json'], { cwd });
  const { inputs, outputs } = JSON.parse(stdout);
  assert.deepEqual(inputs, [{ name: 'x', dtype: 'u8', shape: [1, 3, 4, 4] }]);
  assert.deepEqual(outputs.map(({ name, dtype }) => [name, dtype]), [['alpha', 'f32'], ['copy', 'f32']]);
  await writeCase(cwd, model('several'));
  const several = await decal(['inspect', 'several.onnx', '--json', '--model-value', 'ratio=1', '--model-value', 'state=0'], { cwd });
  assert.deepEqual(JSON.parse(several.stdout).inputs.map(({ name }) => name), ['picture']);
});

test('an opset that is too high says which is the highest', async (t) => {
  const cwd = await withPicture(t);
  const onnx = onnxModel({ nodes: [['Relu', ['x'], ['y']]], inputs: [{ name: 'x', shape: [1, 3, 2, 4] }], outputs: [{ name: 'y', shape: [1, 3, 2, 4] }], opset: 99 });
  await writeFile(join(cwd, 'new.onnx'), onnx);
  const { status, stderr } = await decal(['a.png', '--model', 'new.onnx', '-o', 'x.png'], { cwd });
  assert.equal(status, 1);
  assert.match(stderr, /new\.onnx: the model is of ONNX opset 99; the highest supported is 25/);
});

test('a JSON file beside the model says how it is fed and read; flags go before it', async (t) => {
  const cwd = await withPicture(t);
  const right = model('softmax');
  await writeCase(cwd, right);
  const write = (name, fields) => writeFile(join(cwd, name), JSON.stringify(fields));
  const matte = async (...args) => {
    const { status, stderr } = await decal(['a.png', '--model', 'softmax.onnx', ...args, ...plain, '-o', 'x.png'], { cwd });
    assert.equal(status, 0, stderr);
    const { data, info } = await pixels(join(cwd, 'x.png'));
    return Array.from({ length: kWidth * kHeight }, (_, i) => data[info.channels * i]);
  };
  const byFlags = await matte(...right.args);
  // All that an entry of the registry has; what says where it comes from takes no part.
  const registry = { name: 'another', description: 'words', licence: 'MIT', file: null, url: null, sha256: null, bytes: 0, output: null, ...right.fields };
  await write('softmax.json', registry);
  assert.deepEqual(await matte(), byFlags);
  const inspected = await decal(['inspect', 'softmax.onnx', '--json'], { cwd });
  assert.equal(inspected.status, 0, inspected.stderr);
  // MODEL.onnx.json goes before MODEL.json, and flags before both.
  await write('softmax.onnx.json', { ...right.fields, foregroundClass: 1 });
  const other = await matte();
  assert.notDeepEqual(other, byFlags);
  assert.deepEqual(await matte('--foreground-class', String(right.fields.foregroundClass)), byFlags);
});

test('values of further inputs in the JSON file', async (t) => {
  const cwd = await withPicture(t);
  const several = model('several');
  await writeCase(cwd, several);
  const { inputs } = several.fields;
  await writeFile(join(cwd, 'several.json'), JSON.stringify({ inputs }));
  const run = (...args) => decal(['a.png', '--model', 'several.onnx', ...args, ...plain, '-o', 'x.png'], { cwd });
  const { status, stderr } = await run();
  assert.equal(status, 0, stderr);
  const { data, info } = await pixels(join(cwd, 'x.png'));
  const expected = 255 * several.matte(...picture.data.subarray(0, 3));
  assert.ok(Math.abs(data[0] - expected) <= 1.01, `${data[0]} of ${info.channels}, not ${expected}`);
  assert.match((await run('--model-value', 'nothing=1')).stderr, /nothing: .*no such input/);
});

test('what is wrong in the JSON file names the file and the key, and nothing is written', async (t) => {
  const cwd = await withPicture(t);
  await writeCase(cwd, model('logits'));
  for (const [content, key, message] of kWrongJson) {
    await writeFile(join(cwd, 'logits.json'), content);
    const { status, stderr } = await decal(['a.png', '--model', 'logits.onnx', '-o', 'x.png'], { cwd });
    assert.equal(status, 1, content);
    const said = /^decal: logits\.json: (.*) \(invalid-argument\)\n$/.exec(stderr);
    assert.ok(said, `${content}: ${stderr}`);
    if (key) assert.ok(said[1].startsWith(key), `${content}: ${stderr}`);
    assert.match(said[1], message);
    assert.equal(await readFile(join(cwd, 'x.png')).catch(() => null), null);
  }
  await writeFile(join(cwd, 'logits.json'), Buffer.from([0x7b, 0x22, 0xff, 0x22, 0x3a, 0x31, 0x7d]));
  assert.match((await decal(['a.png', '--model', 'logits.onnx', '-o', 'x.png'], { cwd })).stderr, /^decal: logits\.json: not valid JSON, in line 1 /);
});
