// The command follows border/*.json: the fields of its JSON, and its messages for invalid option values.
// SPDX-License-Identifier: MIT
import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import sharp from 'sharp';
import { readBorder, resolveRule } from '../../border/typescript.mjs';
import { decal, disc, kSide, npy, scratch } from './support.mjs';

const answers = [...readBorder('answers').module, ...readBorder('answers').command];
/** Fields that are there on some occasions only. */
const kOccasional = {
  PictureLine: ['output', 'width', 'height', 'coverage', 'boundingBox', 'notes', 'execution', 'error'],
  InspectStep: ['ms', 'share', 'gflops'], RunMs: ['all'],
  InspectReport: ['memoryBytes', 'steps', 'profile'], ProfileCost: ['algorithm', 'steps'], EngineError: ['where'],
};

/** Asserts that `value` is that answer, in its order, and so is all that is in it; returns the fields that were seen. */
function assertAnswer(value, name, seen = new Set()) {
  const { fields } = answers.find((one) => one.name === name);
  const there = fields.filter(({ name: field }) => field in value || !kOccasional[name]?.includes(field));
  assert.deepEqual(Object.keys(value), there.map(({ name: field }) => field), name);
  for (const { name: field, type } of there) {
    seen.add(`${name}.${field}`);
    const inner = type.replace('[]', '').replace(' | null', '');
    if (!answers.some((one) => one.name === inner) || value[field] === null) continue;
    for (const one of type.endsWith('[]') ? value[field] : [value[field]]) assertAnswer(one, inner, seen);
  }
  return seen;
}

const linesOf = (stdout) => stdout.toString().trim().split('\n').map((line) => JSON.parse(line));

test('every field of answers.json is written by the command, and no other', async (t) => {
  const cwd = await scratch(t);
  await sharp({ create: { width: 32, height: 24, channels: 3, background: '#888' } }).png().toFile(join(cwd, 'a.png'));
  await writeFile(join(cwd, 'broken.png'), 'no picture');
  await writeFile(join(cwd, 'x.npy'), npy([1, 3, kSide, kSide], new Float32Array(3 * kSide * kSide)));
  const seen = new Set();
  await disc().png().toFile(join(cwd, 'disc.png'));
  const pictures = linesOf((await decal(['a.png', 'disc.png', 'broken.png', '--json'], { cwd })).stdout);
  assert.equal(pictures.length, 3);
  for (const line of pictures) assertAnswer(line, 'PictureLine', seen);
  for (const line of linesOf((await decal(['models', '--json'])).stdout)) assertAnswer(line, 'ModelLine', seen);
  const [profiled] = linesOf((await decal(['inspect', 'decal-default', '--profile', '--json', '--repeat', '1'])).stdout);
  assertAnswer(profiled, 'InspectReport', seen);
  const [ran] = linesOf((await decal(['run', 'decal-default', '--input', 'x.npy', '--output', 'y.npy'], { cwd })).stdout);
  assertAnswer(ran, 'RunReport', seen);
  const [plan] = linesOf((await decal(['inspect', 'decal-default', '--gpu', '--choices', '--json'])).stdout);
  assertAnswer(plan, 'PlanDescription', seen);
  const written = answers.filter(({ name }) => !['SessionMemory', 'SessionInfo'].includes(name));
  const all = written.flatMap(({ name, fields }) => fields.map((field) => `${name}.${field.name}`));
  assert.deepEqual(all.filter((field) => !seen.has(field)), ['EngineError.where']);
});

test('values that an option does not take: one line, the table’s words, the code', async () => {
  const [data, limits, types] = ['fields', 'limits', 'types'].map(readBorder);
  const commands = {
    height: ['inspect', 'decal-default'], width: ['inspect', 'decal-default'],
    repeat: ['run', 'decal-default', '--input', 'x', '--output', 'y'], 'warm-up': ['run', 'decal-default', '--input', 'x', '--output', 'y'],
  };
  for (const row of data.command) {
    const { name, type, least, most, message } = resolveRule(row, limits, types);
    for (const value of type === 'whole' ? [least - 1, most + 1, 'many', '1.5', '3x'] : ['bmp']) {
      const { status, stdout, stderr } = await decal([...(commands[name] ?? ['a.png']), `--${name}=${value}`]);
      assert.deepEqual([status, stdout.length, stderr], [2, 0, `decal: --${name}: ${message}; see decal --help (invalid-argument)\n`], `--${name} ${value}`);
    }
  }
});
