// Builds the demo page into build/demo: bundles the scripts, copies the page and the package, lists all for offline use.
// SPDX-License-Identifier: MIT
import { createHash } from 'node:crypto';
import { cp, mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { existsSync } from 'node:fs';
import { join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { build } from 'esbuild';

const kHere = fileURLToPath(new URL('.', import.meta.url));
const kRoot = fileURLToPath(new URL('..', import.meta.url));
// Public domain; from Debian's python-matplotlib-data. The page offers a sample only where it is installed.
const kSample = '/usr/share/matplotlib/mpl-data/sample_data/grace_hopper.jpg';

const { values } = parseArgs({
  options: {
    package: { type: 'string', default: join(kRoot, 'web/dist') },
    out: { type: 'string', default: join(kRoot, 'build/demo') },
  },
});

if (!existsSync(join(values.package, 'index.js'))) {
  console.error(`demo: ${values.package} holds no built package; run \`npm run build\` first`);
  process.exit(1);
}

await rm(values.out, { recursive: true, force: true });
await mkdir(values.out, { recursive: true });
for (const file of ['index.html', 'controls.css', 'style.css', 'icon.svg', 'app.webmanifest']) {
  await cp(join(kHere, file), join(values.out, file));
}
// As published, beside the page: the page shows that the package needs no bundler. Only what a page loads: every file
// here is one that visitors keep for offline use.
for (const file of await filesUnder(values.package)) {
  if (!/\.(wasm|onnx)$|^(index|worker|video)\.js$/.test(file)) continue;
  await cp(join(values.package, file), join(values.out, 'decal', file));
}
const hasSample = existsSync(kSample);
if (hasSample) await cp(kSample, join(values.out, 'sample.jpg'));

const common = { bundle: true, format: 'esm', target: 'es2022', minify: true, legalComments: 'none', logLevel: 'warning' };
await build({
  ...common,
  entryPoints: [join(kHere, 'app.ts')],
  outfile: join(values.out, 'app.js'),
  alias: { decal: './decal/index.js', 'decal/video': './decal/video.js' },
  external: ['./decal/index.js', './decal/video.js', './check.js'],
  define: { kHasSample: String(hasSample) },
});
// Loaded when somebody asks for the check of the graphics card.
await build({ ...common, entryPoints: [join(kHere, 'check.ts')], outfile: join(values.out, 'check.js') });
await build({
  ...common,
  entryPoints: [join(kHere, 'workers/picture_worker.ts')],
  outfile: join(values.out, 'picture_worker.js'),
});

const files = await filesUnder(values.out);
const hash = createHash('sha256');
for (const file of files) hash.update(file).update(await readFile(join(values.out, file)));
const serviceWorker = await build({
  ...common,
  write: false,
  entryPoints: [join(kHere, 'workers/sw.ts')],
  format: 'iife',
  define: {
    // './' is the page under the address that people type.
    kFiles: JSON.stringify(['./', ...files.filter((file) => file !== 'index.html')]),
    kVersion: JSON.stringify(hash.digest('hex').slice(0, 16)),
  },
});
await writeFile(join(values.out, 'sw.js'), serviceWorker.outputFiles[0].contents);
console.log(`demo: ${files.length + 1} files in ${relative(process.cwd(), values.out) || '.'}`);

async function filesUnder(folder) {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  return entries
    .filter((entry) => entry.isFile())
    .map((entry) => relative(folder, join(entry.parentPath ?? entry.path, entry.name)))
    .sort();
}
