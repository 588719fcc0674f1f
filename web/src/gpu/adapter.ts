// Finds an adapter and requests a device; reports WebGPU's properties as plain values for the pre-flight checks.
// SPDX-License-Identifier: MIT
import { toDecalError } from '../shared/errors.js';
import type { AdapterInfo } from '../shared/types.js';
import type { PipelineCache } from './executor.js';
import { LossWatch } from './failure.js';
import type { DeviceLimits } from '../border/border.js';

/** The limits that matter, as the adapter reports them: whatever it says, sane or not. */
export interface ReportedLimits {
  storageBuffers: unknown;
  bindingBytes: unknown;
  bufferBytes: unknown;
  workgroupsPerDimension: unknown;
  workgroupInvocations: unknown;
  workgroupBytes: unknown;
  offsetAlignment: unknown;
}

/** What an adapter says of itself. */
export interface AdapterFacts {
  info: AdapterInfo;
  /** It says that it is a fallback, where it says so at all. */
  isFallback: boolean;
  limits: ReportedLimits;
  features: readonly string[];
}

/** A device in use, with what belongs to it. */
export interface OpenDevice {
  device: GPUDevice;
  limits: DeviceLimits;
  pipelines: PipelineCache;
  watch: LossWatch;
}

/** Asks for the fastest adapter; null if there is none. Never throws: a host that does has none either. */
export async function findAdapter(gpu: GPU): Promise<{ adapter: GPUAdapter; facts: AdapterFacts } | { error: string | null }> {
  try {
    const adapter = await gpu.requestAdapter({ powerPreference: 'high-performance' });
    return adapter ? { adapter, facts: describe(adapter) } : { error: null };
  } catch (error) {
    return { error: error instanceof Error ? error.message : String(error) };
  }
}

function describe(adapter: GPUAdapter): AdapterFacts {
  // Absent from older browsers, which asked for it in a call of its own.
  const info = (adapter.info ?? {}) as Partial<GPUAdapterInfo>;
  const limits = (adapter.limits ?? {}) as Partial<GPUSupportedLimits>;
  const { vendor = '', architecture = '', device = '', description = '' } = info;
  const older = adapter as { isFallbackAdapter?: boolean };
  return {
    info: { vendor, architecture, device, description },
    isFallback: Boolean(info.isFallbackAdapter ?? older.isFallbackAdapter),
    limits: {
      storageBuffers: limits.maxStorageBuffersPerShaderStage,
      bindingBytes: limits.maxStorageBufferBindingSize,
      bufferBytes: limits.maxBufferSize,
      workgroupsPerDimension: limits.maxComputeWorkgroupsPerDimension,
      workgroupInvocations: limits.maxComputeInvocationsPerWorkgroup,
      workgroupBytes: limits.maxComputeWorkgroupStorageSize,
      offsetAlignment: limits.minStorageBufferOffsetAlignment,
    },
    features: [...(adapter.features ?? [])].sort(),
  };
}

/**
 * A device with the adapter's own sizes of buffers, bindings and workgroups; float16, subgroups and timestamps where offered. The rest
 * stays at the defaults, which is what every plan keeps to.
 *
 * @throws {DecalError} `webgpu-unavailable`
 */
export async function openDevice(gpu: GPU, adapter: GPUAdapter): Promise<OpenDevice> {
  const { maxBufferSize, maxStorageBufferBindingSize, maxComputeWorkgroupStorageSize, maxComputeInvocationsPerWorkgroup } = adapter.limits;
  const requiredFeatures = kFeatures.filter((name) => adapter.features.has(name));
  let device: GPUDevice;
  try {
    device = await adapter.requestDevice({
      requiredFeatures: requiredFeatures as GPUFeatureName[],
      requiredLimits: { maxBufferSize, maxStorageBufferBindingSize, maxComputeWorkgroupStorageSize, maxComputeInvocationsPerWorkgroup },
    });
  } catch (error) {
    throw toDecalError(error, 'webgpu-unavailable', 'the GPU adapter refused to open a device');
  }
  // What no scope catches would land on the page's console; runs and creations have scopes of their own.
  device.onuncapturederror = (event) => event.preventDefault?.();
  return { device, limits: planLimits(device, subgroupsOf(gpu, adapter, device)), pipelines: new Map(), watch: new LossWatch(device) };
}

const kFeatures = ['shader-f16', 'timestamp-query', 'subgroups'] as const;

/**
 * The least and most invocations of a subgroup; zeros where shaders cannot use them as ours do. They number subgroups, which came later than
 * subgroups.
 */
function subgroupsOf(gpu: GPU, adapter: GPUAdapter, device: GPUDevice): [number, number] {
  if (!device.features.has('subgroups' as GPUFeatureName) || !gpu.wgslLanguageFeatures?.has('subgroup_id')) return [0, 0];
  const { subgroupMinSize: least = kSubgroup.least, subgroupMaxSize: most = kSubgroup.most } =
    (adapter.info ?? {}) as { subgroupMinSize?: number; subgroupMaxSize?: number };
  return least >= kSubgroup.least && most >= least && most <= kSubgroup.most ? [least, most] : [0, 0];
}

/** What WebGPU allows; adapters that say something else are not believed. */
const kSubgroup = { least: 4, most: 128 };

function planLimits({ limits }: GPUDevice, [leastSubgroup, mostSubgroup]: [number, number]): DeviceLimits {
  return {
    workgroupsPerDimension: limits.maxComputeWorkgroupsPerDimension,
    // One alignment for both kinds of binding.
    offsetAlignment: Math.max(limits.minStorageBufferOffsetAlignment, limits.minUniformBufferOffsetAlignment),
    bindingBytes: limits.maxStorageBufferBindingSize,
    bufferBytes: limits.maxBufferSize,
    workgroupInvocations: limits.maxComputeInvocationsPerWorkgroup,
    workgroupBytes: limits.maxComputeWorkgroupStorageSize,
    leastSubgroup,
    mostSubgroup,
  };
}
