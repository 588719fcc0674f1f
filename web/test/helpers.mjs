// What the tests share.
// SPDX-License-Identifier: MIT
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import { generateTypeScript } from '../../border/typescript.mjs';

export { defaultMatteSide as kMatteSide, defaultModelFile as defaultModel, defaultModelSide as kSide } from '../../tests/support/default_model.mjs';

export const root = dirname(dirname(dirname(fileURLToPath(import.meta.url))));
export const distPath = (name) => join(root, 'web/dist', name);

/** Modules of web/src as they are, without the rest of the package around them; together, so that they share their classes. */
export async function importSource(...names) {
  generateTypeScript();
  const contents = names.map((name) => `export * from './${name}';`).join('\n');
  const { outputFiles } = await build({
    stdin: { contents, resolveDir: join(root, 'web/src'), loader: 'ts' }, bundle: true, format: 'esm', target: 'es2022',
    platform: 'node', write: false,
  });
  return import(`data:text/javascript;base64,${Buffer.from(outputFiles[0].contents).toString('base64')}`);
}

/** The same numbers in every run: xorshift32. */
export function* randomBytes(seed = 1) {
  for (let x = seed; ; ) {
    x ^= x << 13;
    x ^= x >>> 17;
    x ^= x << 5;
    yield x & 0xff;
  }
}

/** A picture with something of everything: noise, gradients, flat and transparent areas. */
export function samplePicture(width, height) {
  const data = new Uint8Array(4 * width * height);
  const random = randomBytes();
  for (let y = 0; y < height; ++y) {
    for (let x = 0; x < width; ++x) {
      const at = 4 * (y * width + x);
      if (x < width / 3) for (let c = 0; c < 4; ++c) data[at + c] = random.next().value;
      else if (x < (2 * width) / 3) data.set([x & 255, y & 255, (x + y) & 255, (x * y) & 255], at);
      else if (y < height / 2) data.set([200, 100, 50, 255], at);
    }
  }
  return { data, width, height };
}

/** The smallest model that takes a picture of any size and gives a matte, as an ONNX file: a 1x1 convolution of RGB. */
export function matteModel(weights) {
  const bytes = (number, value) => Buffer.concat([Buffer.from([number << 3 | 2, value.length]), value]);
  const text = (number, value) => bytes(number, Buffer.from(value));
  const int = (number, value) => Buffer.from([number << 3, value]);
  const node = bytes(1, Buffer.concat([text(1, 'x'), text(1, 'w'), text(2, 'y'), text(4, 'Conv')]));
  const kernel = bytes(5, Buffer.concat([
    ...[1, 3, 1, 1].map((extent) => int(1, extent)), int(2, 1), text(8, 'w'),
    bytes(9, Buffer.from(Float32Array.from(weights).buffer)),
  ]));
  const tensor = (name, extents) => {
    const shape = Buffer.concat(extents.map((extent) => bytes(1, extent ? int(1, extent) : text(2, '?'))));
    return Buffer.concat([text(1, name), bytes(2, bytes(1, Buffer.concat([int(1, 1), bytes(2, shape)])))]);
  };
  const graph = Buffer.concat([node, kernel, bytes(11, tensor('x', [1, 3, 0, 0])), bytes(12, tensor('y', [1, 1, 0, 0]))]);
  return Buffer.concat([int(1, 8), bytes(7, graph), bytes(8, int(2, 17))]);
}

/** Asserts that `work` fails with a DecalError of that code, and returns the error. */
export async function rejectsWith(code, work) {
  try {
    await work();
  } catch (error) {
    if (error.code !== code || error.name !== 'DecalError') throw error;
    return error;
  }
  throw new Error(`nothing failed; expected ${code}`);
}
