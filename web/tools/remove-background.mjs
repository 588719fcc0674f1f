// Removes the background of a picture file in Node, with the wasm engine or on WebGPU.
// SPDX-License-Identifier: MIT
import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { coded, positive, readArguments, runMain } from './command.mjs';
import { writeWhole } from './npy.mjs';

const { values, positionals } = readArguments(
  'node web/tools/remove-background.mjs in.jpg out.png [--threads N] [--mask] ' +
    '[--device wasm|webgpu|auto [--allow-software]] [--package FOLDER]',
  2,
  {
    threads: { type: 'string' }, mask: { type: 'boolean' }, device: { type: 'string', default: 'wasm' },
    'allow-software': { type: 'boolean', default: false },
    package: { type: 'string', default: fileURLToPath(new URL('../dist', import.meta.url)) },
  },
);

await runMain(async () => {
  const [inputPath, outputPath] = positionals;
  const threads = positive(values, 'threads');
  const { default: sharp } = await import('sharp');
  const { dispose, encodePng, init, removeBackgroundRaw } = await import(pathToFileURL(resolve(values.package, 'node.js')).href);
  const loadStart = performance.now();
  await init({ threads, device: values.device, allowSoftwareAdapter: values['allow-software'] });
  const loadMs = performance.now() - loadStart;
  const decodeStart = performance.now();
  const image = await decode(sharp, inputPath);
  const decodeMs = performance.now() - decodeStart;
  const { data, width, height, execution } = await removeBackgroundRaw(image, { output: { mask: values.mask ?? false } });
  const encodeStart = performance.now();
  const png = await encodePng({ data, width, height });
  Object.assign(execution.ms, { load: loadMs, decode: decodeMs, encode: performance.now() - encodeStart });
  for (const stage in execution.ms) execution.ms[stage] = Math.round(execution.ms[stage] * 100) / 100;
  writeWhole(outputPath, png);
  await dispose();
  console.log(JSON.stringify({ input: inputPath, output: outputPath, width, height, execution }));
});

// RGBA, upright, in sRGB.
async function decode(sharp, path) {
  const file = readFileSync(path);
  try {
    const { data, info } = await sharp(file).rotate().toColourspace('srgb').ensureAlpha().raw({ depth: 'uchar' })
      .toBuffer({ resolveWithObject: true });
    return { data, width: info.width, height: info.height };
  } catch (error) {
    throw coded(`${path}: ${error.message}`, 'corrupt-image');
  }
}
