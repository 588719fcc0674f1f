// Step (a): which adapter WebGPU runs on, its limits and features, its driver and the machine.
//
// Copyright the Decal authors.
// SPDX-License-Identifier: MIT
import { execFileSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { cpus, totalmem } from 'node:os';
import { create } from 'webgpu';
import { describeGpu } from '../../web/dist/node.js';
import { record, runStep } from './step.mjs';

// Kept: Dawn's other objects do not outlive them.
const gpu = create([]);
const unsafe = create(['enable-dawn-features=allow_unsafe_apis']);

const textOf = (file) => (existsSync(file) ? readFileSync(file, 'utf8').trim() : null);

function system() {
  const name = /^PRETTY_NAME="?([^"\n]*)/m.exec(textOf('/etc/os-release') ?? '')?.[1] ?? null;
  return { name, kernel: textOf('/proc/sys/kernel/osrelease'), cpu: cpus()[0]?.model ?? null, cores: cpus().length, memoryBytes: totalmem() };
}

/** What says which driver it is, where something does. */
function driver() {
  let nvidia = null;
  try {
    nvidia = execFileSync('nvidia-smi', ['--query-gpu=name,driver_version,memory.total', '--format=csv,noheader'],
      { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'], timeout: 10_000 }).trim();
  } catch {
    // Another maker's GPU, or none.
  }
  const folders = ['/usr/share/vulkan/icd.d', '/etc/vulkan/icd.d', '/usr/local/share/vulkan/icd.d'];
  const manifests = process.env.VK_DRIVER_FILES?.split(':') ??
    folders.filter((folder) => existsSync(folder)).flatMap((folder) => readdirSync(folder));
  return { nvidia, kernelModule: textOf('/proc/driver/nvidia/version')?.split('\n')[0] ?? null,
    vulkanManifests: manifests.map((path) => path.split('/').at(-1)) };
}

/** All of a WebGPU object's own values, which are accessors of its prototype. */
function valuesOf(object) {
  const values = {};
  for (const name of Object.getOwnPropertyNames(Object.getPrototypeOf(object))) {
    const value = object[name];
    if (['number', 'string', 'boolean'].includes(typeof value)) values[name] = value;
  }
  return values;
}

await runStep(async () => {
  record('adapter', { system: system(), driver: driver(), node: process.versions.node });
  const { adapter: name, software, half } = await describeGpu(gpu);
  const adapter = await gpu.requestAdapter({ powerPreference: 'high-performance' });
  // What Dawn has beyond the standard: nothing uses it, but reports say where it is.
  const more = await unsafe.requestAdapter({ powerPreference: 'high-performance' });
  const experimental = [...(more?.features ?? [])].filter((feature) => !adapter.features.has(feature)).sort();
  const matrices = [...(more?.info.subgroupMatrixConfigs ?? [])].map(valuesOf);
  record('adapter', { experimental, matrices, language: [...(gpu.wgslLanguageFeatures ?? [])].sort() });
  record('adapter', { name, software, half, info: valuesOf(adapter.info), limits: valuesOf(adapter.limits), features: [...adapter.features].sort() });
});
