// What the measurements were made with: machine, versions, commit, and the sizes of the WebAssembly files.
// SPDX-License-Identifier: MIT
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { cpus, loadavg, totalmem } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { root } from '../tests/support/models.mjs';

const text = (file, ...args) => execFileSync(file, args, { cwd: root, encoding: 'utf8' }).trim();

/** The version of an installed npm package. */
export const versionOf = (name, folder = root) =>
  JSON.parse(readFileSync(join(folder, 'node_modules', name, 'package.json'), 'utf8')).version;

// The part of the version string that git says, with a mark if the tree has changes that no commit has. Results and the
// page made of them do not count: a run of one suite must not taint the next.
function commit() {
  try {
    const changes = text('git', 'status', '--porcelain', '--', '.', ':!bench/results', ':!docs/performance.md');
    return text('git', 'rev-parse', '--short=10', 'HEAD') + (changes ? ' with changes' : '');
  } catch {
    return 'unknown';
  }
}

/** The machine and the versions of what ran on it. Says so when it has other things to do as well. */
export function environment() {
  const processors = cpus();
  const load = Number(loadavg()[0].toFixed(1));
  if (load > 0.5) console.log(`the machine is busy (load ${load}): times will be longer and ratios less certain`);
  const command = join(root, 'build/bin/decal');
  const profile = text(command, 'inspect', 'decal-default', '--profile', '--repeat', '1', '--json');
  return {
    date: new Date().toISOString().slice(0, 10),
    commit: commit(),
    cpu: processors[0].model,
    cores: processors.length,
    memory_bytes: totalmem(),
    load_before: load,
    native_simd: JSON.parse(profile).profile.simd,
    node: process.versions.node,
    onnxruntime_node: versionOf('onnxruntime-node'),
    onnxruntime_web: versionOf('onnxruntime-web'),
  };
}

/** Where scripts/bench.sh installs peers from npm that only Chromium runs. */
export const npmPeers = join(root, 'build/bench/peers');

/** The WebAssembly file that each web contender loads. */
export const wasmFiles = {
  relaxed: join(root, 'web/dist/decal-relaxed.wasm'),
  simd128: join(root, 'web/dist/decal-simd128.wasm'),
  'ort-web': join(root, 'node_modules/onnxruntime-web/dist/ort-wasm-simd-threaded.wasm'),
};

/** Those that each contender on the GPU loads. */
export const gpuWasmFiles = {
  webgpu: [wasmFiles.relaxed, join(root, 'web/dist/decal-cutout.wasm'), join(root, 'web/dist/decal-planner.wasm')],
  'ort-webgpu': [join(root, 'node_modules/onnxruntime-web/dist/ort-wasm-simd-threaded.asyncify.wasm')],
};

/** Sizes, as they are and as a server would send them. */
export function wasmSizes(files = wasmFiles) {
  return Object.fromEntries(Object.entries(files).map(([contender, names]) => {
    const all = [names].flat().map((name) => readFileSync(name));
    const sum = (size) => all.reduce((total, bytes) => total + size(bytes), 0);
    return [contender, {
      bytes: sum(({ length }) => length),
      gzip_bytes: sum((bytes) => gzipSync(bytes, { level: 9 }).length),
    }];
  }));
}
