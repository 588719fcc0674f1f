// Contenders: how each one's process is started, and what is kept of its output.
// SPDX-License-Identifier: MIT
import { execFile, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync } from 'node:fs';
import { basename, join } from 'node:path';
import { photoTensor, root, work } from '../tests/support/models.mjs';
import { writeNpy } from '../web/tools/npy.mjs';

/** Longer than any run here takes by several times; ends what swaps or hangs. */
const kTimeLimitMs = 600_000;

const kPeerPython = join(root, 'build/python/peers/bin/python');

// Node 20 hides relaxed SIMD behind a flag that later versions do not know. All contenders in Node get the same.
const kRelaxedFlag = '--experimental-wasm-relaxed-simd';
const flagKnown = spawnSync(process.execPath, [kRelaxedFlag, '-e', ''], { stdio: 'ignore' }).status === 0;
const nodeFlags = flagKnown ? [kRelaxedFlag] : [];

// What GPU drivers compiled they keep on disk: without this only the first round would see a first run.
const env = { ...process.env, __GL_SHADER_DISK_CACHE: '0', MESA_SHADER_CACHE_DISABLE: 'true' };

function command(contender, { model, input, output, threads, warmUp, repeat, allowSoftware }) {
  const often = ['--threads', threads, '--warm-up', warmUp, '--repeat', repeat].map(String);
  const inNode = (script, ...args) => [process.execPath, [...nodeFlags, join(root, script), ...args, ...often]];
  const onGpu = (...args) => inNode('web/tools/run-onnx.mjs', model, input, output, '--device', 'webgpu', ...args,
    ...(allowSoftware ? ['--allow-software'] : []));
  switch (contender) {
    case 'native':
      return [join(root, 'build/bin/decal'), ['run', model, '--input', input, '--output', output, ...often]];
    case 'relaxed': return inNode('web/tools/run-onnx.mjs', model, input, output, '--simd', 'relaxed');
    case 'simd128': return inNode('web/tools/run-onnx.mjs', model, input, output, '--simd', 'baseline');
    case 'ort-native': return inNode('bench/peer.mjs', 'node', model, input);
    case 'openvino': case 'ncnn': return [kPeerPython, [join(root, 'bench/peer.py'), contender, model, input, ...often]];
    case 'ort-web': return inNode('bench/peer.mjs', 'web', model, input);
    case 'webgpu': return onGpu();
    case 'webgpu-half': return onGpu('--half');
    case 'ort-webgpu': return inNode('bench/peer.mjs', 'webgpu', model, input);
    default: throw new Error(`no contender ${contender}`);
  }
}

/** Why a process failed, in one line that names no folders of this machine. */
export function failureReason(error, stderr) {
  if (error.killed) return `no result within ${kTimeLimitMs / 1000} s`;
  if (error.signal) return `ended by ${error.signal}`;
  const lines = stderr.split('\n').map((line) => line.trim()).filter((line) => /\w/.test(line));
  const telling = lines.findLast((line) => /error|failed|memory|abort/i.test(line)) ?? lines.at(-1);
  if (telling === undefined) return `status ${error.code}`;
  const path = /(?:file:\/\/)?(?:\/[\w.@+-]+){2,}/g;
  return telling.replace(/^error: /, '').replace(path, (whole) => basename(whole)).slice(0, 160);
}

/** What a report line says about one measurement, or why it does not count. */
export function measurementOf(report, threads) {
  // A contender that cannot have its threads would otherwise be compared as if it had.
  if (report.threads !== threads) return { failure: `ran on ${report.threads} threads instead of ${threads}` };
  return {
    run_ms: report.runMs.all,
    ...(report.firstMs === undefined ? {} : { first_ms: report.firstMs }),
    load_ms: (report.startMs ?? 0) + report.loadMs + (report.planMs ?? 0),
    peak_bytes: report.memoryBytes.peak,
  };
}

/**
 * Runs a model in a process of its own.
 *
 * @param {{model: string, input: string, output: string, threads: number, warmUp: number, repeat: number,
 *   allowSoftware?: boolean}} job files and counts, and whether decal's WebGPU may run on the CPU
 * @returns {Promise<{run_ms: number[], load_ms: number, peak_bytes: number} | {failure: string}>} with `first_ms` where
 * the first run differs from the others
 */
export const measure = (contender, job) => run(...command(contender, job), job.threads);

/** The same for a command `decal` that was built elsewhere. */
export const measureCommand = (program, job) => run(program, command('native', job)[1], job.threads);

function run(file, args, threads) {
  if (file === kPeerPython && !existsSync(file)) return Promise.resolve({ failure: 'not installed: scripts/python.sh peers' });
  return new Promise((resolve) => {
    const options = { encoding: 'utf8', env, timeout: kTimeLimitMs, killSignal: 'SIGKILL', maxBuffer: 64 << 20 };
    execFile(file, args, options, (error, stdout, stderr) => {
      if (error) return resolve({ failure: failureReason(error, stderr) });
      resolve(measurementOf(JSON.parse(stdout.trim().split('\n').at(-1)), threads));
    });
  });
}

/** Writes the model's input; what measures a model of `measureCases` in processes of their own. */
export async function prepareProcesses(model, file, more = {}) {
  const files = {
    model: file,
    input: join(work, `${model.name}.x.npy`),
    output: join(work, `${model.name}.bench.npy`),
  };
  mkdirSync(work, { recursive: true });
  const tensor = await photoTensor(model);
  writeNpy(files.input, tensor.shape, tensor.data);
  return (contender, job) => measure(contender, { ...files, ...more, ...job });
}
