// Dawn in Node on Chromium's own software driver, or why it is not available; and Dawn without any driver.
// SPDX-License-Identifier: MIT
import { existsSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { roomiest } from './cases.mjs';

const kDriver = process.env.VK_DRIVER_FILES ?? '/usr/lib/chromium/vk_swiftshader_icd.json';

/** For node:test's `skip`: a reason or false. */
export const noDriver = existsSync(kDriver) ? false : `NOT TESTED: no Vulkan driver at ${kDriver}; set VK_DRIVER_FILES`;

// Read by the Vulkan loader, which comes with the first use of WebGPU.
process.env.VK_DRIVER_FILES = kDriver;
process.env.XDG_RUNTIME_DIR ??= tmpdir();

// Kept: the other objects do not outlive these.
const gpus = new Map();

/**
 * Chromium's software driver compiles the clearing of workgroup memory word by word, which takes nine tenths of the time of
 * most pipelines (1.75 s against 0.2 s for a convolution). Our kernels write before they read; without the clearing, one
 * that reads first would fail its test. Of what is left, checks of indices and divisors take a third (14 convolutions: 9.1 s of
 * processor time with them, 6.0 s without): without them, a kernel that reads or writes beyond a buffer spoils a result instead of being
 * held back. The operators' test in a browser keeps these checks, as browsers have them.
 */
export const softwareFeatures =
  'disable_workgroup_init,disable_robustness,disable_polyfills_on_integer_div_and_mod,allow_unsafe_apis';

/** Dawn's GPU object. */
export async function dawnGpu(options = [`enable-dawn-features=${softwareFeatures}`]) {
  const key = options.join();
  if (!gpus.has(key)) gpus.set(key, (await import('webgpu')).create(options));
  return gpus.get(key);
}

/** A device with all that the software adapter offers: subgroups, and 32 kB of workgroup memory. */
export async function openDawnDevice() {
  const adapter = await (await dawnGpu()).requestAdapter();
  if (!adapter) throw new Error(`the driver ${kDriver} gives no adapter: is libvulkan1 installed?`);
  return adapter.requestDevice(roomiest(adapter));
}

/** A device that computes nothing: it compiles WGSL and checks what it is given, float16 included, on any machine. */
export async function openNullDevice() {
  const adapter = await (await dawnGpu(['backend=null'])).requestAdapter();
  return adapter.requestDevice({ requiredFeatures: ['shader-f16', 'subgroups'].filter((name) => adapter.features.has(name)) });
}
