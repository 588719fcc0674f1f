// Shared by the steps' programs: the folder of records, the executor, the available models, and error handling.
//
// Copyright the Decal authors.
// SPDX-License-Identifier: MIT
import { existsSync, mkdirSync, readdirSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { fillFile } from './fill.mjs';
import { append, readRecords } from './records.mjs';

/** The folder that the bundle's paths begin at: its payload, or the checkout. */
export const root = fileURLToPath(new URL('../..', import.meta.url));
/** Where models are looked for, that of --models first. */
const kPlaces = [...(process.env.DECAL_REPORT_MODELS ? [process.env.DECAL_REPORT_MODELS] : []),
  ...['report-models', 'web/dist/models', 'models'].map((folder) => join(root, folder))];

/** Seconds since this process began its step, and those it was given. */
export const secondsLeft = () => Number(process.env.DECAL_REPORT_SECONDS ?? Infinity) - process.uptime();

/** Writes a record of `step` to the report's folder, or to the screen outside a report. */
export function record(step, values) {
  const one = { step, kind: 'result', ...values };
  if (process.env.DECAL_REPORT) append(process.env.DECAL_REPORT, one);
  else console.log(JSON.stringify(one));
}

/**
 * Options of Dawn's `create`. Its timestamps are as fine as the device's clock, where browsers round them to 0.1 ms. Software renderers
 * spend nine tenths of the time on clearing workgroup memory word by word: in a report on one it is off. Decal's kernels write before they
 * read.
 */
export function dawnOptions() {
  const records = process.env.DECAL_REPORT ? readRecords(process.env.DECAL_REPORT) : [];
  const software = records.some((one) => one.step === 'adapter' && one.software);
  return ['disable-dawn-features=timestamp_quantization', ...(software ? ['enable-dawn-features=disable_workgroup_init,allow_unsafe_apis'] : [])];
}

/** A GPU object whose adapters lack a feature that they have. */
export function withoutFeature(gpu, feature) {
  return {
    wgslLanguageFeatures: gpu.wgslLanguageFeatures,
    async requestAdapter(options) {
      const adapter = await gpu.requestAdapter(options);
      if (!adapter) return adapter;
      return {
        info: adapter.info, limits: adapter.limits, features: new Set([...adapter.features].filter((name) => name !== feature)),
        requestDevice: (descriptor) => adapter.requestDevice(descriptor),
      };
    },
  };
}

/** Runs `main`; what it throws becomes one line and status 1. Ends the process, which Dawn and threads keep alive. */
export async function runStep(main) {
  try {
    await main();
  } catch (error) {
    console.error(`error: ${String(error?.message ?? error).replaceAll('\n', ' ')}`);
    process.exit(1);
  }
  process.exit(0);
}

const half = { mean: [0.5, 0.5, 0.5], std: [0.5, 0.5, 0.5] };
const imageNet = { mean: [0.485, 0.456, 0.406], std: [0.229, 0.224, 0.225] };
const whole = { mean: [0.5, 0.5, 0.5], std: [0.25, 0.25, 0.25] };
const zeroOne = { mean: [0, 0, 0], std: [1, 1, 1] };
// Random weights saturate BiRefNet's attention and sigmoid: these make its output one that tells engines apart.
const tamed = ['onnx::MatMul=0.25', 'offset_conv=0.02'];

/**
 * The report's models: `file` in the bundle, or in the folder given by --models; skeletons are filled on the machine. `small`: what a software
 * renderer runs, alone or too. `tolerance`: of the matte in float32; in float16 it is 2e-3 plus that.
 */
export const models = [
  { name: 'decal-default', size: 576, file: 'decal-default.onnx', ...whole, tolerance: 5e-4 },
  { name: 'isnet_1024', size: 1024, skeleton: true, ...half, tolerance: 1e-3 },
  { name: 'birefnet_lite_1024', size: 1024, skeleton: true, ...imageNet, tolerance: 1e-3, factors: tamed },
  { name: 'u2netp_320', size: 320, skeleton: true, ...half, tolerance: 1e-3 },
  { name: 'modnet_512', size: 512, skeleton: true, ...half, tolerance: 1e-3 },
  { name: 'birefnet_lite_512', size: 512, skeleton: true, ...imageNet, tolerance: 1e-3, factors: tamed },
  { name: 'people-live', size: 256, file: 'people-live.onnx', small: 'too', channelsLast: true, ...zeroOne, tolerance: 1e-4 },
  { name: 'decal-default-192', small: true, size: 192, file: 'decal-default-192.onnx', ...whole, tolerance: 5e-4 },
  { name: 'tiny-64', small: true, size: 64, file: 'tiny-64.onnx', ...zeroOne, tolerance: 1e-4 },
  { name: 'u2netp_96', small: true, size: 96, skeleton: true, ...half, tolerance: 1e-3 },
  { name: 'modnet_128', small: true, size: 128, skeleton: true, ...half, tolerance: 1e-3 },
];
export const kHalfAllowance = 2e-3;

/** The file that `model` is or is made of; null where neither the bundle nor --models has it. */
export function sourceOf({ name, file, skeleton }) {
  const names = skeleton ? [`${name}.skeleton.onnx.gz`, `${name}.skeleton.onnx`, `${name}.onnx`] : [file];
  return names.flatMap((one) => kPlaces.map((place) => join(place, one))).find((path) => existsSync(path)) ?? null;
}

export function modelNamed(name) {
  const model = models.find((one) => one.name === name);
  if (!model) throw new Error(`${name}: no such model; there are ${models.map((one) => one.name).join(', ')}`);
  return model;
}

/** The model's runnable file, filled once. */
export function runnable(model) {
  const source = sourceOf(model);
  if (!source) throw new Error(`${model.name}: neither in the bundle nor in the folder given by --models`);
  if (!source.includes('.skeleton.onnx')) return source;
  const folder = join(process.env.DECAL_REPORT ?? tmpdir(), 'filled');
  mkdirSync(folder, { recursive: true });
  const filled = join(folder, `${model.name}.onnx`);
  if (!readdirSync(folder).includes(`${model.name}.onnx`)) fillFile(source, filled, model.factors);
  return filled;
}

/** GpuExecutor: bundled beside the steps, or built of the sources in a checkout. */
export async function importExecutor() {
  const bundled = new URL('executor.mjs', import.meta.url);
  if (existsSync(bundled)) return (await import(bundled.href)).GpuExecutor;
  const { importSource } = await import('../../web/test/helpers.mjs');
  return (await importSource('gpu/executor.ts')).GpuExecutor;
}
