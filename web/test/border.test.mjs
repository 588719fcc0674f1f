// Both sides of the border keep to border/*.json: what modules answer and export, what structs say, and what errors say.
// SPDX-License-Identifier: MIT
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { loadPlanner, RawSession, startEngine } from '../dist/node.js';
import { layOut, readBorder, resolveRule } from '../../border/typescript.mjs';
import { defaultModel, distPath, importSource, matteModel, rejectsWith } from './helpers.mjs';

const { checkField, fields, Remover, resolveModel } = await importSource(
  'border/border.ts', 'engine/session.ts', 'shared/fields.ts', 'shared/models.ts');
const model = readFileSync(defaultModel);
const answers = readBorder('answers');
const kGood = {
  name: 'mine', url: 'https://example.org/mine.onnx', mean: [0, 0, 0], std: [1, 1, 1], activation: 'none',
  input: { rule: 'stretch', width: 8, height: 8, multiple: 1 },
};

/** Asserts that `value` has the fields of that answer, and so has all that is in it. */
function assertAnswer(value, name) {
  const answer = answers.module.find((one) => one.name === name);
  assert.deepEqual(Object.keys(value).sort(), answer.fields.map((field) => field.name).sort(), name);
  for (const { name: field, type } of answer.fields) {
    const inner = type.replace('[]', '');
    if (!answers.module.some((one) => one.name === inner)) continue;
    const values = type.endsWith('[]') ? value[field] : [value[field]];
    assert.ok(values.length > 0, `${name}.${field} is empty: nothing was compared`);
    for (const one of values) assertAnswer(one, inner);
  }
}

test('the JSON of the modules has the fields of answers.json, all of them and no others', async () => {
  const engine = await startEngine({ threads: 1 });
  const session = await RawSession.load(engine, [model]);
  assertAnswer(session.info(), 'SessionInfo');
  engine.exports.decal_threads_init(0);
  assertAnswer(engine.json(() => engine.exports.decal_error()), 'EngineError');
  engine.close();
  const planner = await loadPlanner([model]);
  const guaranteed = {
    workgroupsPerDimension: 65535, offsetAlignment: 256, bindingBytes: 128 << 20, bufferBytes: 256 << 20,
    workgroupInvocations: 256, workgroupBytes: 16384, leastSubgroup: 0, mostSubgroup: 0,
  };
  const plan = planner.plan(0, 0, guaranteed, false, { choices: true });
  assertAnswer(plan.description, 'PlanDescription');
  planner.close();
});

test('names are in camelCase, wherever JSON leaves the engine', () => {
  const names = [...answers.module, ...answers.command].flatMap((answer) => answer.fields.map(({ name }) => name));
  names.push(...readBorder('types').structs.flatMap((struct) => struct.fields.map(({ name }) => name)));
  assert.deepEqual(names.filter((name) => !/^[a-z][a-zA-Z0-9]*$/.test(name)), []);
});

test('functions take as many parameters as functions.json says', async () => {
  const engine = await startEngine({ threads: 1 });
  const planner = await loadPlanner([model]);
  const module = new WebAssembly.Module(readFileSync(distPath('decal-planner.wasm')));
  const ofPlanner = WebAssembly.Module.exports(module).map(({ name }) => name);
  let compared = 0;
  for (const { name, in: kind, takes } of readBorder('functions').functions) {
    if (kind === 'planner') assert.ok(ofPlanner.includes(name), name);
    else assert.equal(engine.exports[name].length, takes.length, name), ++compared;
  }
  assert.ok(compared > 25);
  planner.close();
  engine.close();
});

test("structs say what they are to say: a model's parameters arrive, and a report comes back", async () => {
  const engine = await startEngine({ threads: 1 });
  const spec = { ...kGood, input: { rule: 'short-side', width: 1, height: 16, multiple: 8 }, mean: [0.1, 0.2, 0.3], std: [0.5, 0.25, 0.125], activation: 'sigmoid' };
  // The matte is the sigmoid of the first channel as it was normalised.
  const remover = await Remover.load(engine, spec, [matteModel([1, 0, 0])]);
  assert.deepEqual(remover.inputSize({ width: 64, height: 32 }), { width: 32, height: 16 }, 'rule, height and multiple');
  const [width, height] = [64, 32];
  const rgba = engine.alloc(4 * width * height, 'a picture');
  engine.bytes(rgba, 4 * width * height).fill(255);
  const report = remover.run({ rgba, width, height }, { background: null, mask: false });
  const matte = 1 / (1 + Math.exp(-(1 - 0.1) / 0.5));
  assert.ok(Math.abs(report.coverage - matte) < 1e-3, `${report.coverage}, not ${matte}: mean, std or activation`);
  assert.deepEqual([report.inputWidth, report.inputHeight, report.matteWidth, report.matteHeight], [32, 16, 32, 16]);
  const values = new Float32Array(engine.memory.buffer, report.matte, 32 * 16);
  assert.ok(Math.abs(values[100] - matte) < 1e-3);
  assert.ok(report.memoryBytes > 4 * 4 * 32 * 16 && report.preprocessMs > 0 && report.inferenceMs > 0 && report.postprocessMs > 0);
  remover.free();
  engine.close();
});

test('layouts: each field at the next multiple of its size', () => {
  const layout = layOut({ name: 'X', fields: [{ name: 'a', type: 'i32' }, { name: 'b', type: 'f64' }, { name: 'c', type: 'f32[3]' }] }, { choices: [] });
  assert.deepEqual([layout.bytes, ...layout.fields.map(({ at }) => at)], [32, 0, 8, 16]);
});

/** The model with one field broken. */
function withField(path, value) {
  const model = structuredClone(kGood);
  const keys = path.split('.');
  const last = keys.pop();
  keys.reduce((inner, key) => inner[key], model)[last] = value;
  return model;
}

test('a bad field of a model gets one line and one code, from TypeScript before the download as from C++', async () => {
  const [data, limits, types] = ['fields', 'limits', 'types'].map(readBorder);
  const engine = await startEngine({ threads: 1 });
  const places = { fileUrl: (file) => file, pageUrl: undefined, mirror: undefined };
  let inCpp = 0;
  for (const row of data.model) {
    const { name, type, least, most, message } = resolveRule(row, limits, types);
    const line = `model.${name}: ${message}`;
    const bad = {
      whole: [least - 1, most + 1], numbers: least < 0 ? [[0, 0, 1e31], [-1e31, 0, 0]] : [[1, 1, 0], [1, -1, 1]],
      text: [''], choice: ['other'], digest: ['0'], values: [{ x: 1e31 }],
    }[type];
    const worse = { whole: [1.5, NaN, '8', undefined], numbers: [[0, 0], 'abc', [0, NaN, 0], ['1', '1', '1']], text: [7], choice: [0, undefined], digest: [7], values: ['abc', [1], { x: '1' }, { x: NaN }, null] }[type];
    for (const value of [...bad, ...worse]) {
      if (row.optional && value === undefined) continue;
      const error = await rejectsWith('invalid-argument', () => resolveModel(withField(name, value), places));
      assert.equal(error.message, line, `${name} = ${value}`);
    }
    if (['text', 'digest', 'values'].includes(type)) continue;
    for (const value of bad) {
      if (row.optional && value === -1) continue;  // how C++ says that there is none
      const error = await Remover.load(engine, withField(name, value), [matteModel([1, 0, 0])]).then(() => null, (error) => error);
      assert.ok(error, `C++ takes ${name} = ${value}`);
      assert.deepEqual([error.code, error.message], ['invalid-argument', line], `C++, ${name} = ${value}`);
      ++inCpp;
    }
  }
  assert.ok(inCpp >= 10, `${inCpp} compared`);
  assert.equal(resolveModel(kGood, places).source.url, kGood.url);
  engine.close();
});

test('every option of the table is refused with its line, and taken at its ends', () => {
  for (const [name, [type, message, ...rest]] of Object.entries(fields)) {
    const [least, most] = rest;
    const bad = { whole: [least - 1, most === undefined ? 1.5 : most + 1], number: [least - 0.1, most + 0.1, NaN], choice: ['?'], flag: [1], function: ['f'], numbers: [[1]], text: [''], digest: ['0'], values: [[1]] }[type];
    for (const value of bad) {
      assert.throws(() => checkField(name, value), (error) => error.message === `${name}: ${message}` && error.code === 'invalid-argument', `${name} = ${value}`);
    }
    const good = { whole: [least, most ?? 1e9], number: [least, most], choice: rest, flag: [true], function: [() => {}] }[type] ?? [];
    for (const value of good) checkField(name, value);
  }
});
