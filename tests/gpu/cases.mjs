// The WebGPU cases that decal_gpu_cases writes, and how one runs: in Node and in a page alike.
// SPDX-License-Identifier: MIT

/** Largest error of `actual` in units of (1 + |expected|); infinite if one alone is not a number. */
export function largestError(actual, expected) {
  if (actual.length !== expected.length) return Infinity;
  let worst = 0;
  for (let i = 0; i < expected.length; ++i) {
    const [a, e] = [actual[i], expected[i]];
    if (a === e || (Number.isNaN(a) && Number.isNaN(e))) continue;
    const error = Math.abs(a - e) / (1 + Math.abs(e));
    worst = Math.max(worst, Number.isNaN(error) ? Infinity : error);
  }
  return worst;
}

/** What GpuExecutor takes, of a description and the bytes that belong to it: `weights` are all uploads, one after the other. */
export function planSource(description, weights, uniforms) {
  const starts = [];
  description.uploads.reduce((at, [, , size]) => (starts.push(at), at + size), 0);
  return {
    description,
    uniforms: () => uniforms,
    fill: (index) => weights.subarray(starts[index], starts[index] + description.uploads[index][2]),
  };
}

/**
 * Runs one case twice (the second run finds what the first left in memory) and returns its largest error.
 *
 * @param bytes the contents of cases.bin; `part` of it without a copy
 */
export async function runCase({ plan, weights, uniforms, inputs, expected }, bytes, device, pipelines, GpuExecutor) {
  const part = ([offset, size]) => new Uint8Array(bytes.buffer, bytes.byteOffset + offset, size);
  const source = planSource(plan, part(weights), part(uniforms));
  const executor = await GpuExecutor.create(device, source, { pipelines, outputs: expected.map((_, i) => i) });
  try {
    let worst = 0;
    for (let run = 0; run < 2; ++run) {
      const { outputs } = await executor.run(inputs.map(part));
      outputs.forEach((output, i) => {
        const [offset, size] = expected[i];
        const want = new Float32Array(bytes.buffer.slice(bytes.byteOffset + offset, bytes.byteOffset + offset + size));
        worst = Math.max(worst, largestError(output, want));
      });
    }
    return worst;
  } finally {
    executor.dispose();
  }
}

/** "Conv" of "Conv 12 (tiny device)". */
export const familyOf = ({ name }) => name.replace(/ .*/, '');

/** 12 of "Conv 12 (tiny device)"; 0 where a family has one case. Every family has a 0. */
const seedOf = ({ name }) => Number(/ (\d+)(?: \(.*)?$/.exec(name)?.[1] ?? 0);

/** Those of `cases` whose seed is a multiple of `step`: something of every family. */
export const everyNth = (cases, step) => cases.filter((item) => seedOf(item) % step === 0);

/** A request for a device that has what `adapter` offers of what some cases need. */
export const roomiest = ({ features, limits: { maxComputeWorkgroupStorageSize, maxComputeInvocationsPerWorkgroup } }) => ({
  requiredFeatures: ['shader-f16', 'subgroups'].filter((name) => features.has(name)),
  requiredLimits: { maxComputeWorkgroupStorageSize, maxComputeInvocationsPerWorkgroup },
});

/** Whether `device` can run the case: with larger workgroups than are guaranteed, and subgroups, not every one can. */
export const suits = ({ workgroupBytes, invocations, plan: { pipelines } }, { features, limits }) =>
  workgroupBytes <= limits.maxComputeWorkgroupStorageSize && invocations <= limits.maxComputeInvocationsPerWorkgroup &&
  (features.has('subgroups') || !pipelines.some(({ code }) => code.includes('enable subgroups;')));

/**
 * Runs all of `cases` that suit the device and returns the largest error by family, how many were `unsuited`, and what is wrong, in words.
 * Several at once: compilers have threads of their own.
 */
export async function runCases(cases, bytes, device, GpuExecutor) {
  const pipelines = new Map();
  const worst = {};
  const wrong = [];
  const suited = cases.filter((item) => suits(item, device));
  const rest = suited.values();
  const work = async () => {
    for (const item of rest) {
      const family = familyOf(item);
      worst[family] ??= 0;
      try {
        const error = await runCase(item, bytes, device, pipelines, GpuExecutor);
        worst[family] = Math.max(worst[family], error);
        if (!(error <= item.tolerance)) wrong.push(`${item.name}: off by ${error.toExponential(1)}`);
      } catch (reason) {
        wrong.push(`${item.name}: ${reason.message}`);
      }
      if (!(item.plan.maxStorageBuffers <= 8)) wrong.push(`${item.name}: ${item.plan.maxStorageBuffers} storage buffers`);
    }
  };
  await Promise.all([work(), work(), work()]);
  return { worst, wrong, unsuited: cases.length - suited.length, pipelines: pipelines.size };
}
