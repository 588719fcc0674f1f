// decal batch: lists, names, shards, the journal, second runs, and runs killed at any time.
//
// Copyright the Decal authors.
// SPDX-License-Identifier: MIT
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { constants } from 'node:fs';
import { mkdir, open, readdir, readFile, rename, rm, stat, symlink, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { test } from 'node:test';
import sharp from 'sharp';
import { decal, disc, kDecal, pixels, quickModel, scratch } from './support.mjs';

// Where neither the network nor the hash of the options is the subject.
const kQuick = quickModel();
const kNoShard = { SLURM_ARRAY_TASK_ID: undefined, JOB_COMPLETION_INDEX: undefined, AWS_BATCH_JOB_ARRAY_INDEX: undefined };
const batch = (cwd, args, options = {}) => decal(['batch', ...args], { cwd, ...options, env: { ...kNoShard, ...options.env } });

/** The lines of pictures in a journal's files, those that are whole. */
async function journal(folder) {
  const lines = [];
  for (const name of (await readdir(folder)).filter((name) => name.endsWith('.jsonl')).sort()) {
    for (const text of (await readFile(join(folder, name), 'utf8')).split('\n')) {
      try {
        const line = JSON.parse(text);
        if (line.outcome) lines.push(line);
      } catch {
        // Cut off.
      }
    }
  }
  return lines;
}

/** All files below a folder, without the journal. */
async function results(folder) {
  const all = await readdir(folder, { recursive: true, withFileTypes: true });
  return all.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath ?? entry.path, entry.name).slice(folder.length + 1))
    .filter((name) => !name.startsWith('.decal/')).sort();
}

/** photos/ with `good` pictures in two folders and `broken` files that are none. */
async function photos(cwd, good, broken = 0) {
  await mkdir(join(cwd, 'photos/below'), { recursive: true });
  const file = await disc({ width: 40, height: 30 }).png().toBuffer();
  for (let i = 0; i < good; ++i) await writeFile(join(cwd, i % 2 ? 'photos' : 'photos/below', `${i}.png`), file);
  for (let i = 0; i < broken; ++i) await writeFile(join(cwd, 'photos', `broken-${i}.jpg`), `no picture ${i}`);
}

test('a folder: the tree kept, the same bytes as decal’s, one line per picture, then nothing left to do', async (t) => {
  const cwd = await scratch(t);
  await photos(cwd, 4);
  await writeFile(join(cwd, 'photos/notes.txt'), 'hello');
  await mkdir(join(cwd, 'photos/.hidden'));
  await disc().png().toFile(join(cwd, 'photos/.hidden/no.png'));
  const { status, stderr } = await batch(cwd, ['--from', 'photos', '--to', 'photos/cut']);
  assert.equal(status, 0, stderr);
  assert.match(stderr, /^decal: photos: 1 file skipped that decal does not read\ndecal: 4 done in \d+ s \([\d.]+\/s\)\n$/);
  assert.deepEqual(await results(join(cwd, 'photos/cut')),
    ['1.png.decal.png', '3.png.decal.png', 'below/0.png.decal.png', 'below/2.png.decal.png']);
  assert.equal((await decal(['photos/1.png', '-o', 'one.png', '-q'], { cwd })).status, 0);
  assert.deepEqual(await readFile(join(cwd, 'photos/cut/1.png.decal.png')), await readFile(join(cwd, 'one.png')));

  const lines = await journal(join(cwd, 'photos/cut/.decal'));
  assert.deepEqual(lines.map((line) => line.output).sort(), await results(join(cwd, 'photos/cut')));
  const input = await readFile(join(cwd, 'photos/1.png'));
  const { size, mtimeNs } = await stat(join(cwd, 'photos/1.png'), { bigint: true });
  const line = lines.find(({ output }) => output === '1.png.decal.png');
  const { coverage, ms, ...rest } = line;
  assert.deepEqual(rest, {
    input: 'photos/1.png', output: '1.png.decal.png', version: `${size}-${mtimeNs / 1000000n}`,
    hash: createHash('sha256').update(input).digest('hex').slice(0, 32), options: createHash('sha256').update('{}').digest('hex').slice(0, 16),
    outcome: 'done', size: (await stat(join(cwd, 'photos/cut/1.png.decal.png'))).size,
  });
  assert.ok(coverage > 0 && coverage < 1 && ms > 0);

  const again = await batch(cwd, ['--from', 'photos', '--to', 'photos/cut', '-q', '--json']);
  assert.equal(again.status, 0, again.stderr);
  const { summary } = JSON.parse(again.stdout.toString());
  assert.deepEqual([summary.done, summary.doneBefore, summary.failed], [0, 4, 0]);
  assert.equal((await journal(join(cwd, 'photos/cut/.decal'))).length, 4);
});

test('a list: paths and objects, names of results, and every kind of bad line', async (t) => {
  const cwd = await scratch(t);
  await photos(cwd, 2);
  const outside = await scratch(t);
  await disc().jpeg().toFile(join(outside, 'é b.jpg'));
  await writeFile(join(cwd, 'list.jsonl'), [
    'photos/1.png', '', '{"input":"photos/below/0.png","output":"x/y.png","more":[1]}\r', join(outside, 'é b.jpg'), 'photos/1.png',
    '{"input":"photos/1.png","output":"../out.png"}', '{"input":"photos/1.png","output":"/out.png"}', '{"input":"photos/1.png","output":"x/y.png"}',
    '{"input":"photos/1.png","output":"a.webp"}', '{"input":3}', '{"inp', '[1]', '{"input":"photos/1.png","output":".decal/journal.png"}',
    'x'.repeat(70000), 'missing.png', '-', '{"input":"photos/1.png","output":"last.png"}',
  ].join('\n'));
  const { status, stderr } = await batch(cwd, ['--from', 'list.jsonl', '--to', 'cut', '--model', kQuick]);
  assert.equal(status, 1);
  assert.deepEqual(await results(join(cwd, 'cut')), ['last.png', 'photos/1.png.decal.png', `${outside.slice(1)}/é b.jpg.decal.png`, 'x/y.png'].sort());
  const said = stderr.split('\n').filter((line) => !/^decal: ( |\d+ done)/.test(line));
  const within = 'list.jsonl:';
  for (const [number, pattern] of [[6, /within the folder/], [7, /within the folder/], [9, /ends with \.webp.*\.png/], [10, /"input"/], [11, /JSON/],
    [13, /within the folder/], [14, /JSON/]]) {
    assert.ok(said.some((line) => line.startsWith(`decal: ${within}${number}: `) && pattern.test(line) && line.endsWith('(invalid-argument)')), `${number}: ${stderr}`);
  }
  assert.match(stderr, /photos\/1\.png: another picture of the list becomes x\/y\.png too \(invalid-argument\)/);
  assert.match(stderr, /missing\.png: cannot open: .* \(not-found\)/);
  assert.match(stderr, /\.\/-: cannot open: .* \(not-found\)/);
  assert.match(stderr, /decal: 4 done, 11 failed in .*\ndecal: {3}8 invalid-argument, such as list\.jsonl:6: .*\ndecal: {3}3 not-found, such as/);
});

test('the list comes through standard input, and pictures are done before it ends', async (t) => {
  const cwd = await scratch(t);
  await photos(cwd, 3);
  const child = spawn(kDecal, ['batch', '--from', '-', '--to', 'cut', '--json', '-q'], { cwd, env: { ...process.env, ...kNoShard } });
  child.stdin.write('photos/1.png\nphotos/bel');
  const [first] = await once(child.stdout, 'data');
  assert.equal(JSON.parse(first.toString().split('\n')[0]).input, 'photos/1.png');
  child.stdin.end('ow/0.png\nphotos/below/2.png');
  const [status] = await once(child, 'close');
  assert.equal(status, 0);
  assert.equal((await results(join(cwd, 'cut'))).length, 3);
});

test('a second run does what is new, changed, lost or wanted otherwise, and no more', async (t) => {
  const cwd = await scratch(t);
  await photos(cwd, 6, 2);
  const run = async (...args) => {
    const { status, stdout, stderr } = await batch(cwd, ['--from', 'photos', '--to', 'cut', '--json', '-q', ...args]);
    const lines = stdout.toString().trim().split('\n').map((line) => JSON.parse(line));
    return { status, stderr, summary: lines.pop().summary, lines };
  };
  const first = await run();
  assert.deepEqual([first.status, first.summary.done, first.summary.failed, first.summary.causes], [1, 6, 2, { 'corrupt-image': 2 }]);
  assert.deepEqual(first.lines.filter((line) => line.outcome === 'failed').map(({ code, message }) => [code, message])[0], ['corrupt-image', 'not a picture we can decode']);

  // Broken pictures stay broken: told again, not tried again.
  const second = await run();
  assert.deepEqual([second.status, second.lines.length, second.summary.doneBefore, second.summary.failedBefore], [1, 0, 6, 2]);
  const retried = await run('--retry-failed');
  assert.deepEqual([retried.status, retried.lines.length, retried.summary.failed], [1, 2, 2]);

  // One repaired, one with other bytes of the same length, one only touched, one whose result is lost and one whose result was cut.
  await disc().png().toFile(join(cwd, 'photos/broken-0.jpg'));
  const other = await readFile(join(cwd, 'photos/1.png'));
  await rm(join(cwd, 'photos/broken-1.jpg'));
  await utimes(join(cwd, 'photos/3.png'), 1e9, 1e9);
  await writeFile(join(cwd, 'photos/5.png'), await sharp(other).negate().png().toBuffer());
  await rm(join(cwd, 'cut/1.png.decal.png'));
  await writeFile(join(cwd, 'cut/below/0.png.decal.png'), 'half');
  const third = await run();
  assert.equal(third.status, 0, third.stderr);
  assert.deepEqual([third.summary.done, third.summary.doneBefore], [4, 3]);
  assert.deepEqual(third.lines.map(({ input }) => input).sort(), ['photos/1.png', 'photos/3.png', 'photos/5.png', 'photos/below/0.png', 'photos/broken-0.jpg']);
  assert.equal((await pixels(join(cwd, 'cut/below/0.png.decal.png'))).info.width, 40);
  assert.deepEqual((await run()).summary.doneBefore, 7);

  // Other options make other results.
  const white = await run('--background', 'white');
  assert.deepEqual([white.summary.done, white.lines[0].options], [7, createHash('sha256').update('{"background":"#ffffffff"}').digest('hex').slice(0, 16)]);
  assert.equal((await run('--background', '#fff', '--threads', '1', '--workers', '2')).summary.doneBefore, 7);
  const masks = await run('--mask');
  assert.deepEqual([masks.summary.done, (await results(join(cwd, 'cut'))).length], [7, 14]);
});

test('shards: every picture in one of them, the environment is respected, and another number of shards continues', async (t) => {
  const cwd = await scratch(t);
  await photos(cwd, 20);
  const of = async (args, env) => {
    const { status, stdout, stderr } = await batch(cwd, ['--from', 'photos', '--to', 'cut', '--json', '--model', kQuick, ...args], { env });
    assert.equal(status, 0, stderr);
    return { lines: stdout.toString().trim().split('\n').slice(0, -1).map((line) => JSON.parse(line).input), stderr };
  };
  const first = await of(['--shard', '0/3']);
  const second = await of([], { SLURM_ARRAY_TASK_ID: '14', SLURM_ARRAY_TASK_MIN: '10', SLURM_ARRAY_TASK_STEP: '4', SLURM_ARRAY_TASK_COUNT: '3' });
  assert.match(second.stderr, /^decal: shard 1\/3 \(SLURM_ARRAY_TASK_ID\)\n/);
  const third = await of([], { JOB_COMPLETION_INDEX: '2', JOB_COMPLETIONS: '3' });
  const all = [...first.lines, ...second.lines, ...third.lines];
  assert.equal(new Set(all).size, 20);
  assert.equal(all.length, 20);
  for (const { lines } of [first, second, third]) assert.ok(lines.length > 0 && lines.length < 15);
  const aws = await of([], { AWS_BATCH_JOB_ARRAY_INDEX: '0', AWS_BATCH_JOB_ARRAY_SIZE: '2' });
  assert.deepEqual(aws.lines, []);
  assert.match(aws.stderr, /0 done, \d+ done before/);
  assert.equal((await of(['--shard', '0/1'], { JOB_COMPLETION_INDEX: '0' })).lines.length, 0);

  for (const [args, env, pattern] of [
    [['--shard', '3/3'], {}, /count from 0/], [['--shard', '1'], {}, /i\/n/], [['--shard', '1/x'], {}, /i\/n/],
    [[], { JOB_COMPLETION_INDEX: '2' }, /JOB_COMPLETIONS/], [[], { SLURM_ARRAY_TASK_ID: '2' }, /SLURM_ARRAY_TASK_COUNT/],
    [[], { SLURM_ARRAY_TASK_ID: '7', SLURM_ARRAY_TASK_MIN: '1', SLURM_ARRAY_TASK_STEP: '1', SLURM_ARRAY_TASK_COUNT: '3' }, /gaps/],
    [[], { AWS_BATCH_JOB_ARRAY_INDEX: '2' }, /AWS_BATCH_JOB_ARRAY_SIZE/],
  ]) {
    const { status, stderr } = await batch(cwd, ['--from', 'photos', '--to', 'cut', ...args], { env });
    assert.equal(status, 2, stderr);
    assert.match(stderr, pattern);
    assert.match(stderr, /^decal: .*\(invalid-argument\)\n$/);
  }
});

test('bad uses: one line each, and nothing written', async (t) => {
  const cwd = await scratch(t);
  await photos(cwd, 1);
  await writeFile(join(cwd, 'file'), '');
  await mkdir(join(cwd, 'empty'));
  for (const [args, status, pattern] of [
    [['--from', 'photos'], 2, /--to/], [['--to', 'cut'], 2, /--from/],
    [['--from', 'nowhere', '--to', 'cut'], 1, /nowhere: cannot open.*\(not-found\)/],
    [['--from', 'photos', '--to', 'file'], 1, /file.*\(io\)/],
    [['--from', 'photos', '--to', 'cut', '--model', 'nowhere.onnx'], 1, /nowhere\.onnx: cannot open.*\(not-found\)/],
    [['--from', 'photos', '--to', 'cut', '--on-error', 'maybe'], 2, /--on-error/],
    [['--from', 'photos', '--to', 'cut', '--workers', '0'], 2, /--workers/],
    [['--from', 'photos', '--to', 'cut', '--background', 'nocolour'], 2, /not a colour/],
    [['--from', 'empty', '--to', 'cut'], 1, /empty: no pictures in this list \(not-found\)/],
    [['--from', 'photos/below/0.png', '--to', 'cut'], 1, /^decal: photos\/below\/0\.png: PNG, not a list: --from takes a folder.* \(invalid-argument\)\n$/],
  ]) {
    const result = await batch(cwd, args);
    assert.equal(result.status, status, result.stderr);
    assert.match(result.stderr, pattern);
    assert.deepEqual(await results(join(cwd, 'cut')).catch(() => []), [], args.join(' '));
  }
  // A picture is never overwritten by its own result.
  await writeFile(join(cwd, 'list'), '{"input":"photos/below/0.png","output":"below/0.png"}');
  const before = await readFile(join(cwd, 'photos/below/0.png'));
  const over = await batch(cwd, ['--from', 'list', '--to', 'photos']);
  assert.equal(over.status, 1);
  assert.match(over.stderr, /would overwrite it \(invalid-argument\)/);
  assert.deepEqual(await readFile(join(cwd, 'photos/below/0.png')), before);
});

test('a result never takes the place of another picture of the list, in whichever order they come', async (t) => {
  const cwd = await scratch(t);
  await mkdir(join(cwd, 'k'));
  for (const name of ['a', 'b', 'c']) await disc().png().toFile(join(cwd, `k/${name}.png`));
  const before = await readFile(join(cwd, 'k/b.png'));
  const lines = ['{"input":"k/a.png","output":"b.png"}', `{"input":"${join(cwd, 'k/b.png')}","output":"d.png"}`, '{"input":"k/c.png","output":"e.png"}'];
  for (const list of [lines, lines.toReversed()]) {
    await writeFile(join(cwd, 'list'), list.join('\n'));
    const over = await batch(cwd, ['--from', 'list', '--to', 'k', '--model', kQuick]);
    assert.equal(over.status, 1);
    assert.match(over.stderr, /k\/a\.png: its result would overwrite b\.png, another picture of the list \(invalid-argument\)/);
    assert.deepEqual(await readFile(join(cwd, 'k/b.png')), before);
    assert.deepEqual((await readdir(join(cwd, 'k'))).filter((name) => name.endsWith('.png')).sort(), ['a.png', 'b.png', 'c.png', 'd.png', 'e.png']);
    await Promise.all(['.decal', 'd.png', 'e.png'].map((name) => rm(join(cwd, 'k', name), { recursive: true })));
  }
  // Told once, by the shard that the picture belongs to.
  const shards = await Promise.all([0, 1].map((i) => batch(cwd, ['--from', 'list', '--to', 'k', '--shard', `${i}/2`, '--model', kQuick])));
  assert.equal(shards.filter(({ stderr }) => /would overwrite b\.png/.test(stderr)).length, 1, shards.map(({ stderr }) => stderr).join());
  await Promise.all(['.decal', 'd.png', 'e.png'].map((name) => rm(join(cwd, 'k', name), { recursive: true })));
  // A list that can be read once only: what came first counts, and the loss is told.
  const piped = await batch(cwd, ['--from', '-', '--to', 'k', '--model', kQuick], { stdin: lines.join('\n') });
  assert.equal(piped.status, 1);
  assert.match(piped.stderr, /b\.png: another picture of the list has become b\.png \(invalid-argument\)/);
});

test('--on-error stop ends at the first failure, --fail-if-empty tells of pictures without a subject', async (t) => {
  const cwd = await scratch(t);
  await photos(cwd, 4);
  await writeFile(join(cwd, 'list'), ['missing.png', ...Array(40).fill('photos/1.png').map((_, i) => `{"input":"photos/1.png","output":"${i}.png"}`)].join('\n'));
  const stopped = await batch(cwd, ['--from', 'list', '--to', 'cut', '--on-error', 'stop']);
  assert.equal(stopped.status, 1);
  assert.ok((await results(join(cwd, 'cut'))).length < 40, stopped.stderr);
  await sharp({ create: { width: 96, height: 64, channels: 3, background: '#808080' } }).png().toFile(join(cwd, 'grey.png'));
  const empty = await batch(cwd, ['--from', '-', '--to', 'cut', '--fail-if-empty'], { stdin: 'grey.png\n' });
  assert.equal(empty.status, 3, empty.stderr);
  assert.match(empty.stderr, /grey\.png: no subject found\n.*1 without a subject/s);
  // So it does when that picture was done before, also where only its time has changed.
  for (const seconds of [0, 5000]) {
    if (seconds > 0) await utimes(join(cwd, 'grey.png'), seconds, seconds);
    const again = await batch(cwd, ['--from', '-', '--to', 'cut', '--fail-if-empty'], { stdin: 'grey.png\n' });
    assert.equal(again.status, 3, again.stderr);
    assert.match(again.stderr, /1 done before.*1 without a subject/);
  }
});

test('a torn last line, foreign lines and other journals: read past, and the next line is whole', async (t) => {
  const cwd = await scratch(t);
  await photos(cwd, 3);
  const from = ['--from', 'photos', '--to', 'cut', '-q', '--json', '--model', kQuick];
  assert.equal((await batch(cwd, from)).status, 0);
  const path = join(cwd, 'cut/.decal/journal-0-of-1.jsonl');
  const text = (await readFile(path, 'utf8')).trimEnd().split('\n');
  // The last picture's line cut, garbage before it; another tool's journal knows it.
  await writeFile(path, [...text.slice(0, 3), 'garbage', '{"outcome":"done"}', 'null', text[3].slice(0, 50)].join('\n'));
  const again = await batch(cwd, from);
  assert.equal(again.status, 0, again.stderr);
  const [line, { summary }] = again.stdout.toString().trim().split('\n').map((one) => JSON.parse(one));
  assert.deepEqual([summary.done, summary.doneBefore], [1, 2]);
  const after = (await readFile(path, 'utf8')).split('\n');
  assert.deepEqual(JSON.parse(after.at(-2)), line);
  assert.equal(after.at(-1), '');
  await rename(path, join(cwd, 'cut/.decal/journal-other-tool.jsonl'));
  assert.equal(JSON.parse((await batch(cwd, from)).stdout.toString()).summary.doneBefore, 3);
});

test('two processes never have the same shard', async (t) => {
  const cwd = await scratch(t);
  await photos(cwd, 1);
  const first = spawn(kDecal, ['batch', '--from', '-', '--to', 'cut', '--json', '-q'], { cwd, env: { ...process.env, ...kNoShard } });
  first.stdin.write('photos/below/0.png\n');
  await once(first.stdout, 'data');
  const second = decal(['batch', '--from', 'photos', '--to', 'cut'], {
    cwd, env: kNoShard, onStderr: (text) => /waiting for another process/.test(text) && first.stdin.end(),
  });
  const { status, stderr } = await second;
  assert.equal(status, 0, stderr);
  assert.match(stderr, /journal-0-of-1\.jsonl: waiting for another process that works on this shard\n/);
});

test('a picture that kills its worker, twice, has failed; the others are done', async (t) => {
  const cwd = await scratch(t);
  await photos(cwd, 8);
  // A pipe without a writer blocks its worker until it is killed: a stand-in for a decoder that crashes.
  await new Promise((resolve, reject) => spawn('mkfifo', [join(cwd, 'trap.png')]).on('close', (code) => (code === 0 ? resolve() : reject(code))));
  await writeFile(join(cwd, 'list'), ['photos/1.png', 'trap.png', 'photos/3.png', 'photos/5.png', 'photos/7.png', 'photos/below/0.png', 'photos/below/2.png'].join('\n'));
  const child = spawn(kDecal, ['batch', '--from', 'list', '--to', 'cut', '--workers', '1'], { cwd, env: { ...process.env, ...kNoShard } });
  let stderr = '';
  child.stderr.on('data', (piece) => { stderr += piece; });
  let ended = false;
  const closed = once(child, 'close').then(([status]) => { ended = true; return status; });
  while (!ended) {
    // Opens only where someone waits at the other end, who is killed then.
    const pipe = await open(join(cwd, 'trap.png'), constants.O_WRONLY | constants.O_NONBLOCK).catch(() => null);
    if (pipe) {
      const workers = (await readFile(`/proc/${child.pid}/task/${child.pid}/children`, 'utf8')).trim().split(' ').filter(Boolean);
      for (const worker of workers) process.kill(Number(worker), 'SIGKILL');
      await pipe.close();
      // The next worker is not this one's.
      for (const worker of workers) while (await stat(`/proc/${worker}`).catch(() => null)) await sleep(5);
    }
    await sleep(20);
  }
  assert.equal(await closed, 1, stderr);
  assert.match(stderr, /a worker ended \(signal 9 \(Killed\)\): its pictures are tried again, one by one/);
  assert.match(stderr, /trap\.png: the process that worked on it ended twice: signal 9 \(Killed\) \(worker-lost\)/);
  assert.equal((await results(join(cwd, 'cut'))).length, 6);
  const lines = await journal(join(cwd, 'cut/.decal'));
  assert.deepEqual(lines.filter((line) => line.outcome === 'failed').map(({ input, code }) => [input, code]), [['trap.png', 'worker-lost']]);
});

test('kill -9 at random times, five rounds: each good picture once and whole, each broken one its error, none twice as done', async (t) => {
  const cwd = await scratch(t);
  await photos(cwd, 40, 4);
  const args = ['batch', '--from', 'photos', '--to', 'cut', '--workers', '2', '--threads', '1', '-q'];
  for (let round = 0; round < 5; ++round) {
    const child = spawn(kDecal, args, { cwd, env: { ...process.env, ...kNoShard }, stdio: 'ignore' });
    const closed = once(child, 'close');
    await sleep(100 + Math.random() * 500);
    child.kill('SIGKILL');
    await closed;
  }
  const { status, stderr } = await batch(cwd, args.slice(1));
  assert.equal(status, 1, stderr);
  const outputs = (await results(join(cwd, 'cut')));
  assert.equal(outputs.length, 40, 'whole results only, and no temporary file');
  const lines = await journal(join(cwd, 'cut/.decal'));
  const done = lines.filter((line) => line.outcome === 'done').map((line) => line.output);
  assert.deepEqual(done.sort(), outputs);
  const failed = new Set(lines.filter((line) => line.outcome === 'failed').map((line) => `${line.input} ${line.code}`));
  assert.deepEqual([...failed].sort(), [0, 1, 2, 3].map((i) => `photos/broken-${i}.jpg corrupt-image`));
  // All of the same picture.
  const expected = await readFile(join(cwd, 'cut', outputs[0]));
  for (const output of outputs) assert.ok(expected.equals(await readFile(join(cwd, 'cut', output))), output);
});

test('Ctrl-C finishes what is begun and the next run goes on; a journal that cannot be one is an error', async (t) => {
  const cwd = await scratch(t);
  await photos(cwd, 30);
  const child = spawn(kDecal, ['batch', '--from', 'photos', '--to', 'cut', '--json', '--fsync'], { cwd, env: { ...process.env, ...kNoShard } });
  await once(child.stdout, 'data');
  child.kill('SIGTERM');
  const [status] = await once(child, 'close');
  assert.equal(status, 130);
  const lines = await journal(join(cwd, 'cut/.decal'));
  assert.ok(lines.length > 0 && lines.length < 30, `${lines.length}`);
  assert.deepEqual(lines.map((line) => line.output).sort(), await results(join(cwd, 'cut')));
  const { status: rest } = await batch(cwd, ['--from', 'photos', '--to', 'cut', '-q']);
  assert.equal(rest, 0);
  assert.equal((await results(join(cwd, 'cut'))).length, 30);
  assert.equal((await journal(join(cwd, 'cut/.decal'))).length, 30);

  await mkdir(join(cwd, 'other/.decal'), { recursive: true });
  await symlink('/dev/zero', join(cwd, 'other/.decal/journal-0-of-1.jsonl'));
  await writeFile(join(cwd, 'plain'), '');
  for (const [args, pattern] of [
    [['--to', 'other'], /journal-0-of-1\.jsonl: not a regular file \(io\)/], [['--to', 'cut', '--journal', 'plain'], /plain: cannot create folder.*\(io\)/],
  ]) {
    const refused = await batch(cwd, ['--from', 'photos', '-q', ...args]);
    assert.equal(refused.status, 1);
    assert.match(refused.stderr, pattern);
  }
});
