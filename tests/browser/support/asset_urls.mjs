// Esbuild plugins: what Vite, webpack and Rollup do with `new URL('./file', import.meta.url)`: the file is copied beside the bundle
// under a name with its hash, and the expression points there; and the package from another folder than web/dist.
// SPDX-License-Identifier: MIT
import { createHash } from 'node:crypto';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { basename, dirname, extname, join, resolve } from 'node:path';

const kExpression = /new URL\(\s*(["'])(\.\.?\/[^"']+)\1\s*,\s*import\.meta\.url\s*\)/g;

export function assetUrls() {
  return {
    name: 'asset-urls',
    setup(build) {
      const folder = dirname(resolve(build.initialOptions.outfile));
      build.onLoad({ filter: /web[\\/]dist[\\/].*\.js$/ }, async ({ path }) => ({
        contents: await rewrite(path, folder, './', new Map()),
        loader: 'js',
      }));
    },
  };
}

/** `decal` and its other entries are those in `folder`. */
export function packageFrom(folder) {
  return {
    name: 'package-from',
    setup(build) {
      build.onResolve({ filter: /^decal($|\/)/ }, ({ path }) => ({ path: join(folder, `${path.slice('decal/'.length) || 'index'}.js`) }));
    },
  };
}

// `prefix` leads from the rewritten file to `folder`; `names` are those of the files on the way here.
async function rewrite(path, folder, prefix, names) {
  const text = await readFile(path, 'utf8');
  const replacements = new Map();
  for (const [, , relative] of text.matchAll(kExpression)) {
    replacements.set(relative, await emit(resolve(dirname(path), relative), folder, names));
  }
  return text.replace(kExpression, (_, quote, relative) =>
    `new URL(${quote}${prefix}${replacements.get(relative)}${quote}, import.meta.url)`);
}

async function emit(path, folder, names) {
  const known = names.get(path);
  if (known) return known;
  const bytes = await readFile(path);
  const hash = createHash('sha256').update(bytes).digest('hex').slice(0, 8);
  const extension = extname(path);
  const name = `${basename(path, extension)}-${hash}${extension}`;
  const target = `assets/${name}`;
  // Known before its own assets are: a worker may start others from its own file.
  names.set(path, target);
  const contents = extension === '.js' ? await rewrite(path, folder, '../', names) : bytes;
  await mkdir(join(folder, 'assets'), { recursive: true });
  await writeFile(join(folder, 'assets', name), contents);
  return target;
}
