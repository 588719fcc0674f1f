// The engine-facing subcommands: models, inspect and run.
// SPDX-License-Identifier: MIT
import assert from 'node:assert/strict';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { chainModel, decal, files, kDefaultModel, kMatteSide, kSanitized, kSide, npy, scratch } from './support.mjs';

// What several tests read, of one process.
const plans = {};
const planOf = (...args) => (plans[args] ??= decal(['inspect', 'decal-default', ...args]));

test('models: a table, or JSON, of the registry', async () => {
  const registry = JSON.parse(await readFile(new URL('../../models/registry.json', import.meta.url))).models;
  const table = (await decal(['models'])).stdout.toString();
  const json = (await decal(['models', '--json'])).stdout.toString().trimEnd().split('\n').map((line) => JSON.parse(line));
  assert.deepEqual(json.map(({ name }) => name), registry.map(({ name }) => name));
  assert.deepEqual(json.map(({ embedded }) => embedded), registry.map(({ file }) => file !== null));
  for (const { name, licence, url, description } of registry) {
    for (const text of [name, licence, url ?? 'embedded', description]) assert.ok(table.includes(text), text);
  }
});

test('inspect: tensors, schedule and memory', async () => {
  for (const plan of [planOf(), decal(['inspect', kDefaultModel])]) {
    const { status, stdout, stderr } = await plan;
    assert.equal(status, 0, stderr);
    const text = stdout.toString();
    assert.match(text, new RegExp(`^input\\s+input\\s+f32 \\[1, 3, ${kSide}, ${kSide}\\]$`, 'm'));
    assert.match(text, new RegExp(`^output\\s+matte\\s+f32 \\[1, 1, ${kMatteSide}, ${kMatteSide}\\]$`, 'm'));
    assert.match(text, /^\d+ steps, \d+\.\d+ GMACs$/m);
    for (const line of ['weights', 'arena', 'scratch', 'total', 'lower bound']) assert.match(text, new RegExp(`^  ${line} +\\d+`, 'm'));
  }
});

test('inspect: models that cannot run say all that is wrong in one line', async (t) => {
  const cwd = await scratch(t);
  await writeFile(join(cwd, 'odd.onnx'), chainModel([['Relu', 'fine'], ['Frobnicate', 'first_odd'], ['Teleport', 'second_odd']]));
  const odd = await decal(['inspect', 'odd.onnx'], { cwd });
  assert.equal(odd.status, 1);
  assert.equal(odd.stderr.trimEnd().split('\n').length, 1);
  assert.match(odd.stderr, /^decal: odd\.onnx: .*\(unsupported-operator\)$/m);
  for (const word of ['Frobnicate', 'first_odd', 'Teleport', 'second_odd']) assert.ok(odd.stderr.includes(word), word);
  assert.doesNotMatch(odd.stderr, /Relu/);

  await writeFile(join(cwd, 'noise.onnx'), Buffer.alloc(5000, 0xa7));
  const noise = await decal(['inspect', 'noise.onnx'], { cwd });
  assert.equal(noise.status, 1);
  assert.match(noise.stderr, /^decal: noise\.onnx: .*\(corrupt-model\)$/m);
  const missing = await decal(['inspect', 'missing.onnx'], { cwd });
  assert.match(missing.stderr, /^decal: missing\.onnx: cannot open: .*\(not-found\)$/m);
  const other = await decal(['inspect', 'decal-default', '--height', '100', '--width', '100'], { cwd });
  assert.equal(other.status, 1);
  assert.match(other.stderr, /^decal: decal-default: .*\(shape-mismatch\)$/m);
  assert.equal((await decal(['inspect', 'decal-default', '--height', '100'], { cwd })).status, 2);
});

const sum = (list, of) => list.reduce((total, item) => total + of(item), 0);

// `value` is printed with so many digits that the sum of `count` of them may be off by half a digit each.
function assertSum(value, list, of, digits, what) {
  assert.ok(Math.abs(value - sum(list, of)) <= (list.length + 1) * 0.5 * 10 ** -digits + 1e-12, `${what}: ${value}, not ${sum(list, of)}`);
}

test('inspect --profile --json: times of every layer, and totals that are their sums', async () => {
  const { status, stdout, stderr } = await decal(
    ['inspect', 'decal-default', '--profile', '--json', '--threads', '2', '--repeat', '2']);
  assert.equal(status, 0, stderr);
  const { inputs, outputs, memoryBytes, steps, profile, ...rest } = JSON.parse(stdout);
  assert.deepEqual(rest, {});
  assert.deepEqual(inputs, [{ name: 'input', dtype: 'f32', shape: [1, 3, kSide, kSide] }]);
  assert.deepEqual(outputs.map(({ name }) => name), ['matte']);
  assert.deepEqual(Object.keys(memoryBytes), ['weights', 'arena', 'scratch', 'total', 'lowerBound']);
  assert.deepEqual(Object.keys(steps[0]),
    ['op', 'name', 'algorithm', 'choice', 'shapes', 'multiplyAdds', 'outputBytes', 'ms', 'share', 'gflops']);
  assert.deepEqual([profile.threads, profile.runs], [2, 2]);
  assert.ok(profile.runMs.min > 0 && profile.runMs.min <= profile.runMs.median);

  assert.ok(steps.every(({ ms }) => ms >= 0) && profile.total.ms > 0);
  assertSum(profile.total.ms, steps, ({ ms }) => ms, 4, 'ms');
  assertSum(1, steps, ({ share }) => share, 6, 'shares');
  assert.equal(profile.total.multiplyAdds, sum(steps, ({ multiplyAdds }) => multiplyAdds));
  assert.deepEqual(new Set(profile.algorithms.map(({ algorithm }) => algorithm)), new Set(steps.map(({ algorithm }) => algorithm)));
  for (const { algorithm, ms, share, multiplyAdds, steps: count } of profile.algorithms) {
    const own = steps.filter((step) => step.algorithm === algorithm);
    assert.equal(count, own.length);
    assert.equal(multiplyAdds, sum(own, (step) => step.multiplyAdds));
    assertSum(ms, own, (step) => step.ms, 4, algorithm);
    assertSum(share, own, (step) => step.share, 6, algorithm);
  }
  const times = profile.algorithms.map(({ ms }) => ms);
  assert.deepEqual(times, times.toSorted((a, b) => b - a), 'the most expensive first');
  const product = steps.find(({ multiplyAdds, ms }) => multiplyAdds > 1e7 && ms > 0.01);
  assert.ok(Math.abs(product.gflops / (2e-6 * product.multiplyAdds / product.ms) - 1) < 0.01);
});

test('inspect --profile: the tables; --json alone: no times', async () => {
  const { status, stdout, stderr } = await decal(['inspect', 'decal-default', '--profile', '--threads', '1', '--repeat', '1']);
  assert.equal(status, 0, stderr);
  const text = stdout.toString();
  assert.match(text, /^STEP +MS +SHARE +MUL-ADDS +GF\/S +OP +ALGORITHM +SHAPES +NAME$/m);
  assert.match(text, /^ +0 +[\d.]+ +[\d.]+% +\d+ +(-|[\d.]+) +\w+ /m);
  assert.match(text, /^STEPS +MS +SHARE +MUL-ADDS +GF\/S +ALGORITHM$/m);
  assert.match(text, /^ +\d+ +[\d.]+ +100\.0% +\d+ +[\d.]+ +all$/m);
  assert.match(text, /^Medians of 1 run; a run takes [\d.]+ ms, the fastest [\d.]+ \(1 thread, \w+\)$/m);
  assert.match(text, /^ {2}lower bound +\d+/m);

  const plain = JSON.parse((await planOf('--json')).stdout);
  assert.deepEqual(Object.keys(plain), ['inputs', 'outputs', 'memoryBytes', 'steps']);
  assert.ok(plain.steps.every((step) => !('ms' in step)));
});

test('inspect --choices: the algorithms of each step, the cheapest first and chosen', async () => {
  const { status, stdout, stderr } = await decal(['inspect', 'decal-default', '--choices']);
  assert.equal(status, 0, stderr);
  const text = stdout.toString();
  assert.match(text, /^STEP +NAME +ALGORITHMS, thousands of vector instructions each, the chosen one first$/m);
  assert.match(text, /^ {2}lower bound +\d+/m);
  assert.doesNotMatch((await planOf()).stdout.toString(), /ALGORITHMS/);

  const { steps } = JSON.parse((await planOf('--json')).stdout);
  const chosen = steps.flatMap((step, i) => (step.choice === '' ? [] : [{ ...step, i }]));
  assert.ok(chosen.length > 0);
  for (const { i, name, algorithm, choice } of chosen) {
    assert.ok(choice.startsWith(`${algorithm} `), choice);
    const costs = choice.match(/ \d+(?=, |$)/g).map(Number);
    assert.ok(costs.length > 1, choice);
    assert.deepEqual(costs, costs.toSorted((a, b) => a - b));
    assert.ok(text.split('\n').some((line) => line.startsWith(`${String(i).padStart(4)}  ${name} `) && line.endsWith(choice)), choice);
  }
});

test('inspect: flags that do not go together are wrong usage', async () => {
  for (const [args, pattern] of [
    [['--profile', '--graph'], /--graph/],
    [['--json', '--after', 'canonicalize'], /--after/],
    [['--choices', '--graph'], /--graph/],
    [['--repeat', '3'], /--profile/],
    [['--profile', '--repeat', '0'], /--repeat/],
    [['--profiles'], /--profiles/],
    [['--profile', '--threads', '0'], /--threads/],
  ]) {
    const { status, stdout, stderr } = await decal(['inspect', 'decal-default', ...args]);
    assert.equal(status, 2, args.join(' '));
    assert.equal(stdout.length, 0);
    assert.match(stderr, pattern);
    assert.equal(stderr.trimEnd().split('\n').length, 1);
  }
  assert.match((await decal(['inspect', '--help'])).stdout.toString(), /--profile +\w/);
});

test('run: one line of JSON and the output tensor', async (t) => {
  const cwd = await scratch(t);
  await writeFile(join(cwd, 'relu.onnx'), chainModel([['Relu', 'r']]));
  const values = Float32Array.from({ length: 192 }, (_, i) => i - 96);
  await writeFile(join(cwd, 'x.npy'), npy([1, 3, 8, 8], values));
  const { status, stdout, stderr } = await decal(
    ['run', 'relu.onnx', '--input', 'x.npy', '--output', 'y.npy', '--threads', '2', '--repeat', '5'], { cwd });
  assert.equal(status, 0, stderr);
  const text = stdout.toString();
  assert.equal(text.indexOf('\n'), text.length - 1, 'exactly one line');
  const report = JSON.parse(text);
  assert.deepEqual(Object.keys(report), ['loadMs', 'planMs', 'runMs', 'memoryBytes', 'threads', 'simd']);
  assert.deepEqual(Object.keys(report.runMs), ['min', 'median', 'all']);
  assert.equal(report.runMs.all.length, 5);
  assert.equal(report.runMs.min, Math.min(...report.runMs.all));
  assert.equal(report.runMs.median, report.runMs.all.toSorted((a, b) => a - b)[2]);
  assert.deepEqual(Object.keys(report.memoryBytes), ['weights', 'arena', 'peak']);
  assert.equal(report.threads, 2);
  assert.ok(report.runMs.min <= report.runMs.median);
  assert.ok(report.memoryBytes.peak > 1e6);

  const output = await readFile(join(cwd, 'y.npy'));
  const header = 10 + output.readUInt16LE(8);
  assert.match(output.subarray(10, header).toString(), /'shape': \(1, 3, 8, 8\)/);
  const got = new Float32Array(output.buffer.slice(output.byteOffset + header, output.byteOffset + output.length));
  assert.deepEqual(got, values.map((value) => Math.max(value, 0)));

  const profiled = await decal(['run', 'relu.onnx', '--input', 'x.npy', '--output', 'y.npy', '--profile',
    '--warm-up', '2', '--repeat', '3'], { cwd });
  assert.match(profiled.stderr, /^Medians of 3 runs/m);
  assert.equal(JSON.parse(profiled.stdout).runMs.all.length, 3, 'warming up is not timed');
});

test('run: the peak is that of the process, whatever the one that started it holds', { skip: kSanitized ? 'sanitizer build' : false }, async (t) => {
  const cwd = await scratch(t);
  await writeFile(join(cwd, 'relu.onnx'), chainModel([['Relu', 'r']]));
  await writeFile(join(cwd, 'x.npy'), npy([1, 3, 8, 8], new Float32Array(192)));
  const held = Buffer.alloc(300e6, 1);
  const { stdout } = await decal(['run', 'relu.onnx', '--input', 'x.npy', '--output', 'y.npy'], { cwd });
  const { peak } = JSON.parse(stdout).memoryBytes;
  assert.ok(peak < held.length, `${peak} bytes`);
});

test('run: tensors that do not fit are errors and leave no file', async (t) => {
  const cwd = await scratch(t);
  const run = (...args) => decal(['run', kDefaultModel, '--input', 'x.npy', '--output', 'y.npy', ...args], { cwd });
  const expectError = async (pattern) => {
    const { status, stderr, stdout } = await run();
    assert.equal(status, 1);
    assert.match(stderr, pattern);
    assert.equal(stderr.trimEnd().split('\n').length, 1);
    assert.equal(stdout.length, 0);
  };
  await expectError(/^decal: x\.npy: cannot open: .*\(not-found\)$/m);
  await writeFile(join(cwd, 'x.npy'), 'not numpy');
  await expectError(/^decal: x\.npy: not a \.npy file \(invalid-argument\)$/m);
  await writeFile(join(cwd, 'x.npy'), npy([2], new Float64Array(2), '<f8'));
  await expectError(/^decal: x\.npy: holds <f8, not .*\(invalid-argument\)$/m);
  await writeFile(join(cwd, 'x.npy'), npy([1, 3, 8, 8], new Float32Array(192)));
  await expectError(/\(shape-mismatch\)$/m);
  await writeFile(join(cwd, 'x.npy'), npy([1, 3, kSide, kSide], new Float32Array(100)));
  await expectError(/has 400 bytes of data .*\(invalid-argument\)$/m);
  assert.deepEqual(await files(cwd), ['x.npy']);
  assert.equal((await decal(['run', kDefaultModel], { cwd })).status, 2);
});
