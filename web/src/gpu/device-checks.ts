// Whether a device may run a model: a pure function from facts to a decision with its reasons.
// SPDX-License-Identifier: MIT
import {
  kBindingBytes, kBufferBytes, kOffsetAlignment, kStorageBuffers, kWorkgroupBytes, kWorkgroupInvocations, kWorkgroupsPerDimension,
} from '../border/border.js';
import type { AdapterFacts, ReportedLimits } from './adapter.js';
import type { Checked, DeviceOption } from '../shared/types.js';

/** The result of planning the model for this device. */
export interface PlanFacts {
  maxStorageBuffers: number;
  memoryBytes: number;
  dtype: 'fp16' | 'fp32';
}

/** The device's result on the self-test's layer. */
export interface SelfTestFacts {
  /** Time of a run after the first, including reading back. */
  ms: number;
  /** Largest difference from the WebAssembly engine's result; NaN if the device returned NaN. */
  maxError: number;
}

/** The facts known so far. A missing fact has not been determined and does not count against the device. */
export interface CheckFacts {
  requested: DeviceOption;
  allowSoftwareAdapter: boolean;
  /** Why this host has no WebGPU; null if it has. */
  noGpu: string | null;
  /** Null if the host gave no adapter, for this reason if known. */
  adapter?: AdapterFacts | null;
  adapterError?: string | null;
  deviceError?: string;
  selfTest?: SelfTestFacts | { error: string };
  plan?: PlanFacts | { error: string };
  /** Memory of the whole machine, if the host tells. */
  machineBytes?: number;
  /** What failed earlier in this session with this model on this device. */
  earlier?: string;
}

export interface DeviceDecision {
  provider: 'webgpu' | 'wasm';
  dtype: 'fp16' | 'fp32';
  /** Reasons, as sentences: for wasm, why not WebGPU; for webgpu, what was found. */
  reasons: string[];
  checked: Checked;
}

/** Limits that WebGPU guarantees and that every plan keeps to. A device below them is broken or reports wrong limits. */
const kGuaranteed: Record<keyof ReportedLimits, { name: string; least: number; most?: number }> = {
  storageBuffers: { name: 'maxStorageBuffersPerShaderStage', least: kStorageBuffers },
  bindingBytes: { name: 'maxStorageBufferBindingSize', least: kBindingBytes },
  bufferBytes: { name: 'maxBufferSize', least: kBufferBytes },
  workgroupsPerDimension: { name: 'maxComputeWorkgroupsPerDimension', least: kWorkgroupsPerDimension },
  workgroupInvocations: { name: 'maxComputeInvocationsPerWorkgroup', least: kWorkgroupInvocations },
  workgroupBytes: { name: 'maxComputeWorkgroupStorageSize', least: kWorkgroupBytes },
  offsetAlignment: { name: 'minStorageBufferOffsetAlignment', least: 1, most: kOffsetAlignment },
};

/** Names of renderers that compute on the CPU. */
const kSoftware: readonly [RegExp, string][] = [
  [/swiftshader/i, 'SwiftShader'],
  [/llvmpipe|lavapipe/i, 'llvmpipe'],
  [/softpipe/i, 'softpipe'],
  [/microsoft basic render/i, 'Microsoft Basic Render'],
  [/\bwarp\b/i, 'WARP'],
];

/**
 * The largest error allowed in the self-test's layer, whose results are between 0 and 4. Float32 sums in another order differ by
 * less than 1e-5. Storage as float16 rounds values of this size by up to 2e-3, twice.
 */
const kMaxError = { fp32: 1e-4, fp16: 1e-2 };

/**
 * The self-test's layer has 38 million MACs: 10 ms on a phone's GPU, plus a few for reading back. A device that needs this long
 * is busy or computes on the CPU.
 */
const kMaxSelfTestMs = 250;

/** The share of a machine's memory that a plan may take. GPUs of phones and laptops share memory with everything else. */
const kMachineShare = 0.5;

/** Decides from the facts known so far. The first failed check is the reason. */
export function decide(facts: CheckFacts): DeviceDecision {
  const { adapter, plan } = facts;
  const dtype = dtypeFor(adapter ?? null);
  const objection = firstObjection(facts, dtype);
  if (objection !== null) return { provider: 'wasm', dtype: 'fp32', reasons: [objection], checked: whatWasChecked(facts) };
  const reasons = [`${adapterName(adapter ?? null)} offers WebGPU${dtype === 'fp16' ? ' with float16' : ''}`];
  if (plan && 'memoryBytes' in plan) {
    reasons.push(`the model needs ${megabytes(plan.memoryBytes)} and at most ${plan.maxStorageBuffers} storage buffers a shader`);
  } else {
    reasons.push('whether the model fits is known once it is loaded');
  }
  return { provider: 'webgpu', dtype, reasons, checked: whatWasChecked(facts) };
}

/** float16 wherever it is available: it halves the traffic of large tensors, and sums stay float32. */
export function dtypeFor(adapter: AdapterFacts | null): 'fp16' | 'fp32' {
  return adapter?.features.includes('shader-f16') ? 'fp16' : 'fp32';
}

/** Why an adapter counts as a software renderer, or null. */
export function softwareRenderer({ info, isFallback }: AdapterFacts): string | null {
  const text = Object.values(info).join(' ');
  const known = kSoftware.find(([pattern]) => pattern.test(text));
  if (known) return `the adapter is ${known[1]}, which computes on the CPU`;
  return isFallback ? 'the adapter is a fallback, which computes on the CPU' : null;
}

/** The adapter's name for people. */
export function adapterName(adapter: AdapterFacts | null): string {
  const { description = '', vendor = '', architecture = '', device = '' } = adapter?.info ?? {};
  return description || [vendor, architecture, device].filter(Boolean).join(' ') || 'the GPU';
}

function firstObjection(facts: CheckFacts, dtype: 'fp16' | 'fp32'): string | null {
  const { adapter, selfTest, plan } = facts;
  if (facts.requested === 'wasm') return 'WebAssembly was asked for';
  if (facts.noGpu !== null) return facts.noGpu;
  if (adapter === undefined) return null;
  if (adapter === null) {
    return facts.adapterError ? `WebGPU gives no adapter: ${facts.adapterError}` : 'WebGPU gives no adapter';
  }
  const software = softwareRenderer(adapter);
  if (software && !facts.allowSoftwareAdapter) return software;
  const broken = degenerateLimit(adapter.limits);
  if (broken) return broken;
  if (facts.deviceError !== undefined) return facts.deviceError;
  // A software renderer is accepted if the caller allowed it.
  const failed = selfTest && objectToSelfTest(selfTest, dtype, software ? Infinity : kMaxSelfTestMs);
  if (failed) return failed;
  if (facts.earlier !== undefined) return facts.earlier;
  if (plan && 'error' in plan) return `the model cannot be planned for this device: ${plan.error}`;
  return plan ? objectToPlan(plan, facts) : null;
}

function degenerateLimit(reported: ReportedLimits): string | null {
  for (const key of Object.keys(kGuaranteed) as (keyof ReportedLimits)[]) {
    const { name, least, most = Infinity } = kGuaranteed[key];
    const value = reported[key];
    if (typeof value === 'number' && Number.isInteger(value) && value >= least && value <= most) continue;
    const guaranteed = most === Infinity ? `at least ${least}` : `${least} to ${most}`;
    return `the adapter reports ${name} ${String(value)}, where WebGPU guarantees ${guaranteed}`;
  }
  return null;
}

function objectToSelfTest(
  result: SelfTestFacts | { error: string }, dtype: 'fp16' | 'fp32', allowedMs: number,
): string | null {
  if ('error' in result) return `the self-test failed: ${result.error}`;
  const { ms, maxError } = result;
  if (Number.isNaN(maxError)) return 'the self-test returned NaN';
  if (!(maxError <= kMaxError[dtype])) {
    return `the self-test gave wrong numbers: off by ${maxError.toPrecision(2)}, where ${kMaxError[dtype]} is allowed`;
  }
  if (!(ms <= allowedMs)) return `the self-test took ${Math.round(ms)} ms, where ${allowedMs} are allowed`;
  return null;
}

function objectToPlan({ maxStorageBuffers, memoryBytes }: PlanFacts, { machineBytes }: CheckFacts): string | null {
  // Plans keep to the guaranteed number. Checked again here, because a plan that exceeds it would fail on real devices.
  if (maxStorageBuffers > kGuaranteed.storageBuffers.least) {
    return `the model needs ${maxStorageBuffers} storage buffers in one shader, where ${kGuaranteed.storageBuffers.least} are guaranteed`;
  }
  if (machineBytes !== undefined && memoryBytes > kMachineShare * machineBytes) {
    return `the model needs ${megabytes(memoryBytes)} on the GPU, more than half of this machine's ${megabytes(machineBytes)}`;
  }
  return null;
}

function whatWasChecked(facts: CheckFacts): Checked {
  const { requested, noGpu, adapter, selfTest, plan } = facts;
  const asked = requested !== 'wasm';
  return {
    webgpu: asked ? noGpu === null : null,
    adapter: adapter?.info ?? null,
    software: adapter ? softwareRenderer(adapter) !== null : null,
    limits: adapter ? numbers(adapter.limits) : null,
    features: adapter?.features ?? null,
    selfTest: selfTest && 'ms' in selfTest ? { ms: selfTest.ms, maxError: selfTest.maxError } : null,
    plan: plan && 'dtype' in plan ? { ...plan } : null,
  };
}

function numbers(reported: ReportedLimits): NonNullable<Checked['limits']> {
  const number = (value: unknown) => (typeof value === 'number' ? value : null);
  return {
    storageBuffers: number(reported.storageBuffers),
    bindingBytes: number(reported.bindingBytes),
    bufferBytes: number(reported.bufferBytes),
  };
}

function megabytes(bytes: number): string {
  return `${Math.ceil(bytes / 1e6)} MB`;
}
