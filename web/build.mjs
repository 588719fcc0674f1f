// Builds web/dist: bundles, type declarations, the WebAssembly modules and the models that come with it.
// `--run FOLDER` builds only what Node on this machine loads, with the one module that `make run` has made, in a second.
// SPDX-License-Identifier: MIT
import { execFileSync } from 'node:child_process';
import { copyFileSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { build } from 'esbuild';
import { generateTypeScript } from '../border/typescript.mjs';

const { values: { run } } = parseArgs({ options: { run: { type: 'string' } } });
const web = dirname(fileURLToPath(import.meta.url));
const root = dirname(web);
const dist = run ?? join(web, 'dist');

const modules = run ? readdirSync(join(root, 'build/run/wasm')) : ['simd128', 'relaxed', 'cutout', 'planner'].map((name) => `decal-${name}.wasm`);
const assets = {
  ...Object.fromEntries(modules.map((name) => [name, join(root, run ? 'build/run/wasm' : 'build/wasm', name)])),
  'models/decal-default.onnx': join(root, 'models/decal-default.onnx'),
  'models/people-live.onnx': join(root, 'models/people-live.onnx'),
};
const missing = Object.values(assets).filter((path) => !existsSync(path));
if (missing.length > 0) {
  console.error(`web/build.mjs: missing ${missing.join(', ')}: build the wasm presets first (see CMakePresets.json)`);
  process.exit(1);
}

generateTypeScript();
rmSync(dist, { recursive: true, force: true });
mkdirSync(join(dist, 'models'), { recursive: true });
for (const [name, path] of Object.entries(assets)) copyFileSync(path, join(dist, name));

const common = { outdir: dist, bundle: true, format: 'esm', target: 'es2022', sourcemap: true, logLevel: 'warning' };
await build({
  ...common,
  platform: 'node',
  entryPoints: { node: join(web, 'src/entries/node.ts'), 'node-thread': join(web, 'src/entries/node-thread.ts') },
});
if (run) process.exit();

await build({
  ...common,
  platform: 'browser',
  entryPoints: { index: join(web, 'src/entries/index.ts') },
});
// It exports nothing, and says so: tools that guess the format of a file by its exports would take it for a script.
await build({
  ...common,
  platform: 'browser',
  minify: true,  // a fifth of what a page loads before its first picture, modules aside
  entryPoints: { worker: join(web, 'src/entries/worker.ts') },
  footer: { js: 'export {};' },
});
// The whole of it in one file, for contexts that cannot start workers.
const inline = {
  name: 'inline',
  setup({ onResolve }) {
    onResolve({ filter: /\/spawn\.js$/ }, () => ({ path: join(web, 'src/page/spawn-inline.ts') }));
  },
};
await build({ ...common, platform: 'browser', minify: true, entryPoints: { inline: join(web, 'src/entries/index.ts') }, plugins: [inline] });
// They share index.js, and with it the page's one engine and class of errors, instead of each bringing its own.
const besideIndex = {
  name: 'beside-index',
  setup({ onResolve }) {
    onResolve({ filter: /^\.\/(index|video)\.js$/ }, ({ path }) => ({ path, external: true }));
    onResolve({ filter: /\/shared\/errors\.js$/ }, () => ({ path: './index.js', external: true }));
  },
};
await build({
  ...common,
  platform: 'browser',
  entryPoints: ['react', 'rembg-webgpu', 'imgly', 'video'].map((name) => join(web, `src/entries/${name}.ts`)),
  external: ['react'],
  plugins: [besideIndex],
});
await build({ ...common, platform: 'node', sourcemap: false, entryPoints: { command: join(web, 'src/entries/command.ts') } });

// Of what others wrote, and of what is generated, the maps keep the names alone: the whole of hash-wasm would be a quarter of each. So
// does inline.js's map: its sources are those of index.js and worker.js once more.
for (const name of readdirSync(dist).filter((name) => name.endsWith('.js.map'))) {
  const map = JSON.parse(readFileSync(join(dist, name), 'utf8'));
  map.sourcesContent = map.sourcesContent.map((text, i) => (name === 'inline.js.map' || /node_modules|src\/border\//.test(map.sources[i]) ? '' : text));
  writeFileSync(join(dist, name), JSON.stringify(map));
}

const tsc = join(dirname(createRequire(import.meta.url).resolve('typescript/package.json')), 'bin/tsc');
execFileSync(process.execPath, [tsc, '-p', join(root, 'tsconfig.json')], { stdio: 'inherit' });
// Their published names, whatever folder of the sources they come from.
const published = ['index', 'node', 'react', 'rembg-webgpu', 'imgly', 'video'].map((name) => `${name}.d.ts`);
for (const file of published) {
  const from = `./entries/${file.replace('.d.ts', '.js')}`;
  const also = file === 'imgly.d.ts' ? `export { default } from '${from}';\n` : '';
  writeFileSync(join(dist, file), `export * from '${from}';\n${also}`);
}
removeUnreached(published);

/** Of the declarations, half describe the package's inside: no published one imports them. */
function removeUnreached(entries) {
  const reached = new Set(entries);
  for (const file of reached) {
    const imports = readFileSync(join(dist, file), 'utf8').matchAll(/\b(?:from |import\()['"](\.[^'"]+)\.js['"]/g);
    for (const [, path] of imports) reached.add(join(dirname(file), `${path}.d.ts`));
  }
  for (const entry of readdirSync(dist, { recursive: true, withFileTypes: true })) {
    const path = join(entry.parentPath, entry.name);
    if (path.endsWith('.d.ts') && !reached.has(relative(dist, path))) rmSync(path);
  }
}
