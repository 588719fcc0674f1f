// The engine host's adapter for Node: files from the disk, threads of worker_threads, raw pixels as pictures.
// SPDX-License-Identifier: MIT
import { createHash } from 'node:crypto';
import { createReadStream, existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { availableParallelism, totalmem } from 'node:os';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { setFlagsFromString } from 'node:v8';
import { Worker } from 'node:worker_threads';
import { kNoAddress, kRemedy, type kAssets } from '../../shared/assets.js';
import { ModelFiles } from '../../download/files.js';
import { FolderStore, userCacheFolder } from './folder.js';
import { systemTime, type Host } from '../../download/host.js';
import { modelReader } from '../../download/source.js';
import { Engine, type ThreadTask } from '../../engine/engine.js';
import { relaxedSimdSupported, simdSupported } from '../../engine/features.js';
import { DecalError, toDecalError } from '../../shared/errors.js';
import { importGpu } from './dawn.js';
import type { NodeModelOption } from './model-file.js';
import { plannerModule, type PlannerModule } from '../../gpu/planner.js';
import type { HostAdapter } from '../../host/engine-host.js';
import { checkSimd, checkThreads, kDefaultThreads, under } from '../../shared/options.js';
import type { InitOptions, SimdLevel } from '../../shared/types.js';

const kReadBytes = 1 << 20;

/** Dense RGBA8 rows, sRGB, straight alpha. */
export interface RawImage {
  data: Uint8Array | Uint8ClampedArray;
  width: number;
  height: number;
}

/** The result for a finished picture. */
export interface RawFile {
  data: Uint8Array<ArrayBuffer>;
}

export interface NodeInitOptions extends Omit<InitOptions, 'model'> {
  model?: NodeModelOption;
  /**
   * A GPU object as WebGPU describes it. The default is that of the npm package webgpu, if it is installed. Null turns WebGPU
   * off.
   */
  gpu?: object | null;
  /**
   * Folder for downloaded models. The default is `decal` in the user's cache folder (`$XDG_CACHE_HOME` or the system's own). Null
   * keeps no files.
   */
  cacheDir?: string | null;
}

export interface EngineStartOptions {
  threads?: number;
  simd?: SimdLevel;
  /** False uses ordinary memory, as on a page without cross-origin isolation, and therefore one thread. */
  shared?: boolean;
  /** Maximum size of the engine's memory, in pages of 64 KiB. The default is the largest that wasm32 can address. */
  maximumPages?: number;
}

type NodeAsset = Exclude<(typeof kAssets)[number], 'worker.js'>;

// Write these expressions in full: tools that deploy only the files a server mentions search for exactly this form. (@vercel/nft
// does not find them as the body of an arrow function.)
function assetTable(): Record<NodeAsset, URL> {
  return {
    'decal-relaxed.wasm': new URL('./decal-relaxed.wasm', import.meta.url),
    'decal-simd128.wasm': new URL('./decal-simd128.wasm', import.meta.url),
    'decal-cutout.wasm': new URL('./decal-cutout.wasm', import.meta.url),
    'decal-planner.wasm': new URL('./decal-planner.wasm', import.meta.url),
    'node-thread.js': new URL('./node-thread.js', import.meta.url),
    'models/decal-default.onnx': new URL('./models/decal-default.onnx', import.meta.url),
    'models/people-live.onnx': new URL('./models/people-live.onnx', import.meta.url),
  };
}

type AssetBase = InitOptions['assetBaseUrl'];

/** The base of relative addresses. */
export function workingFolder(): string {
  return pathToFileURL(`${process.cwd()}/`).href;
}

/** The URL of a file of the package. */
export function assetUrl(name: NodeAsset, base: AssetBase): URL {
  if (base !== undefined) return new URL(under('assetBaseUrl', base, name, workingFolder()));
  try {
    return assetTable()[name];
  } catch (error) {
    throw new DecalError('unsupported', kNoAddress + kRemedy, { cause: error });
  }
}

async function readAsset(name: NodeAsset, base: AssetBase): Promise<Uint8Array<ArrayBuffer>> {
  const url = assetUrl(name, base);
  try {
    return new Uint8Array(await readFile(url));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw toDecalError(error, 'io', String(url));
    throw missing(url, error);
  }
}

/** A file of the package is missing because a bundler or a deployment did not copy it. */
function missing(url: URL, cause: unknown): DecalError {
  return new DecalError('not-found', `${fileURLToPath(url)}: there is no such file; ${kRemedy}`, { cause });
}

export function nodeAdapter(settings: NodeInitOptions): HostAdapter<RawImage, RawFile> {
  const { threads, simd, assetBaseUrl, gpu, allowSoftwareAdapter = false } = settings;
  const downloads = downloadHost(settings);
  return {
    startEngine: () => startEngine({ ...(threads === undefined ? {} : { threads }), ...(simd === undefined ? {} : { simd }) }, assetBaseUrl),
    read: modelReader(
      downloads, async () => new ModelFiles(downloads, stores(settings)[0] ?? null), (url) => readModelFile(fileURLToPath(url)),
    ),
    gpu: {
      find: gpu === undefined ? importGpu : async () => (gpu as GPU | null) ?? 'init was told to use no GPU',
      allowSoftwareAdapter,
      planner: packagePlanner(assetBaseUrl),
      machineBytes,
    },
    decode: async (image) => {
      // Checked again: the buffer may have been transferred while the call was queued.
      const { data, width, height } = checkImage(image);
      return {
        width, height, notes: [], rows: (first, count) => data.subarray(4 * width * first, 4 * width * (first + count)), close() {},
      };
    },
    encode: async (engine, { rgba, width, height }) => ({ data: engine.bytes(rgba, 4 * width * height).slice() }),
    parseColour: () => null,
  };
}

export function packagePlanner(base: AssetBase): PlannerModule {
  return plannerModule(() => readAsset('decal-planner.wasm', base));
}

// Deno asks the user for permission first, and may be refused.
function machineBytes(): number | undefined {
  try {
    return totalmem();
  } catch {
    return undefined;
  }
}

export async function startEngine(options: EngineStartOptions, base: AssetBase): Promise<Engine> {
  const shared = options.shared ?? true;
  const threads = checkThreads(options.threads) ?? Math.min(availableParallelism(), kDefaultThreads);
  const simd = chooseSimd(checkSimd(options.simd));
  const wasm = await readAsset(simd === 'relaxed' ? 'decal-relaxed.wasm' : 'decal-simd128.wasm', base);
  const { maximumPages } = options;
  return Engine.start({
    wasm,
    cutout: await readAsset('decal-cutout.wasm', base),
    simd,
    threads: shared ? threads : 1,
    shared,
    startThread: (task, onFailed) => startThread(threadScript(base), task, onFailed),
    ...(maximumPages === undefined ? {} : { maximumPages }),
  });
}

function downloadHost(settings: NodeInitOptions): Host {
  return {
    ...systemTime,
    fetch: (url, init) => (settings.fetch ?? globalThis.fetch)(url, init),
    async newHash() {
      const hash = createHash('sha256');
      return { update: (data) => void hash.update(data), digest: () => hash.digest('hex') };
    },
    mayCondition: () => true,
  };
}

export function stores({ cacheDir = userCacheFolder() }: NodeInitOptions): FolderStore[] {
  return cacheDir === null ? [] : [new FolderStore(cacheDir, systemTime)];
}

/** Reads a file in pieces. Errors are DecalErrors of code `not-found` or `io` that name the file. */
export async function* readModelFile(path: string): AsyncGenerator<Uint8Array, void> {
  try {
    yield* createReadStream(path, { highWaterMark: kReadBytes });
  } catch (error) {
    const isMissing = (error as NodeJS.ErrnoException).code === 'ENOENT';
    throw isMissing ? new DecalError('not-found', `${path}: there is no such file`) : toDecalError(error, 'io', path);
  }
}

export function checkImage({ data, width, height }: RawImage): RawImage {
  const whole = Number.isInteger(width) && Number.isInteger(height) && width > 0 && height > 0;
  if (!whole || data.length !== 4 * width * height) {
    throw new DecalError('invalid-argument', `image: ${data.length} bytes for ${width} x ${height} RGBA pixels`);
  }
  return { data, width, height };
}

function chooseSimd(wanted: SimdLevel | undefined): SimdLevel {
  if (!simdSupported()) throw new DecalError('unsupported', 'this Node has no WebAssembly SIMD');
  if (wanted === 'baseline') return wanted;
  // Node 20 has relaxed SIMD behind a flag, which must be set before the first use.
  if (!relaxedSimdSupported()) setFlagsFromString('--experimental-wasm-relaxed-simd');
  if (relaxedSimdSupported()) return 'relaxed';
  if (wanted === 'relaxed') throw new DecalError('unsupported', 'this Node has no relaxed SIMD');
  return 'baseline';
}

/** Looks beside the package's other files, then beside the script itself. */
function threadScript(base: AssetBase): URL {
  const among = base === undefined ? null : assetUrl('node-thread.js', base);
  return among?.protocol === 'file:' && existsSync(among) ? among : assetUrl('node-thread.js', undefined);
}

function startThread(script: URL, task: ThreadTask, onFailed: (error: unknown) => void): () => void {
  const worker = new Worker(script, { workerData: task });
  // Idle helpers must not keep the process alive.
  worker.unref();
  // Without a listener, the failure of a thread ends the whole process.
  worker.on('error', (error) => onFailed(existsSync(script) ? error : missing(script, error)));
  return () => void worker.terminate();
}
