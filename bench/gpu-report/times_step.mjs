// Step (e): times of one model, contenders taking turns in processes of their own, and where Decal's goes by the device's clock.
//   node bench/gpu-report/times_step.mjs MODEL ROUNDS WARM_UP REPEAT        the step
//   node bench/gpu-report/times_step.mjs --one MODEL fp32|fp16 WARM_UP REPEAT   one of Decal's turns, a line of JSON
//
// Copyright the Decal authors.
// SPDX-License-Identifier: MIT
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { create } from 'webgpu';
import { peakBytes } from '../../web/tools/command.mjs';
import { describeGpu, loadPlanner, RawGpuSession, readModelFile } from '../../web/dist/node.js';
import { writeNpy } from '../../web/tools/npy.mjs';
import { pictureTensor } from './photo.mjs';
import { dawnOptions, modelNamed, record, root, runnable, runStep, secondsLeft } from './step.mjs';

// What GPU drivers compiled they keep on disk: without this only the first turn would see a first run.
const env = { ...process.env, __GL_SHADER_DISK_CACHE: '0', MESA_SHADER_CACHE_DISABLE: 'true' };
const kContenders = ['Decal fp32', 'Decal fp16', 'onnxruntime-web WebGPU'];

async function oneTurn(name, precision, warmUp, repeat) {
  const model = modelNamed(name);
  const gpu = create(dawnOptions());
  const start = performance.now();
  const planner = await loadPlanner(readModelFile(runnable(model)));
  const session = await RawGpuSession.create(planner, model.size, model.size, { gpu, allowSoftwareAdapter: true, half: precision === 'fp16' });
  planner.close();
  const loadMs = performance.now() - start;
  const input = pictureTensor(model);
  const { runMs } = await session.run([input.data], warmUp + repeat);
  const { stepMs } = await session.run([input.data], 0, { profile: true });
  const { steps, memory, maxStorageBuffers } = session.plan;
  const byAlgorithm = {};
  if (stepMs) {
    steps.forEach(({ op, algorithm }, i) => {
      const key = `${op} ${algorithm}`.trim();
      byAlgorithm[key] = (byAlgorithm[key] ?? 0) + stepMs[i];
    });
  }
  console.log(JSON.stringify({
    loadMs, firstMs: runMs[0], runMs: runMs.slice(warmUp), peakBytes: peakBytes(), memory, maxStorageBuffers,
    steps: stepMs ? Object.entries(byAlgorithm).sort((a, b) => b[1] - a[1]) : null,
  }));
  session.close();
}

function turn(contender, model, file, input, warmUp, repeat) {
  const often = ['--warm-up', warmUp, '--repeat', repeat].map(String);
  const args = contender.startsWith('Decal')
    ? [fileURLToPath(import.meta.url), '--one', model.name, contender.slice(6), String(warmUp), String(repeat)]
    : [join(root, 'bench/peer.mjs'), 'webgpu', file, input, ...often];
  const limit = Math.max(1, secondsLeft() - 2);
  return new Promise((resolve) => {
    execFile(process.execPath, args, { env, encoding: 'utf8', timeout: Math.round(1000 * limit), killSignal: 'SIGKILL', maxBuffer: 64 << 20 }, (error, stdout, stderr) => {
      if (error) {
        const line = stderr.split('\n').findLast((text) => /error/i.test(text)) ?? stderr.split('\n').find((text) => text) ?? '';
        resolve({ failure: error.killed ? `no result within ${Math.round(limit)} s` : line.slice(0, 200) || `status ${error.code}` });
        return;
      }
      const answer = JSON.parse(stdout.trim().split('\n').at(-1));
      resolve(contender.startsWith('Decal') ? answer
        : { loadMs: answer.loadMs, firstMs: answer.firstMs, runMs: answer.runMs.all, peakBytes: answer.memoryBytes.peak });
    });
  });
}

if (process.argv[2] === '--one') {
  const [name, precision, warmUp, repeat] = process.argv.slice(3);
  await runStep(() => oneTurn(name, precision, Number(warmUp), Number(repeat)));
}

await runStep(async () => {
  const [name, rounds, warmUp, repeat] = [process.argv[2], ...process.argv.slice(3).map(Number)];
  const model = modelNamed(name);
  const gpu = create([]);
  const { half } = await describeGpu(gpu);
  const file = runnable(model);
  const input = join(process.env.DECAL_REPORT ?? '.', 'filled.x.npy');
  const tensor = pictureTensor(model);
  writeNpy(input, tensor.shape, tensor.data);
  const out = new Set(half ? [] : ['Decal fp16']);
  if (!half) record(`times-${name}`, { model: name, contender: 'Decal fp16', failure: 'the adapter has no shader-f16' });
  for (let round = 0; round < rounds; ++round) {
    for (let i = 0; i < kContenders.length; ++i) {
      const contender = kContenders[(round + i) % kContenders.length];
      if (out.has(contender) || secondsLeft() < 4) continue;
      const answer = await turn(contender, model, file, input, warmUp, repeat);
      if ('failure' in answer) out.add(contender);
      record(`times-${name}`, { model: name, contender, round, ...answer });
    }
  }
  if (!kContenders.some((one) => one.startsWith('Decal') && !out.has(one))) throw new Error('no turn of Decal succeeded');
});
