// The browser entry: removeBackground and what goes with it. All heavy work happens in worker.js.
import { untilAborted } from './abort.js';
import { EngineClient } from './client.js';
import { DecalError } from './errors.js';
import { decide, type GateFacts } from './device-gate.js';
import { relaxedSimdSupported, simdSupported } from './engine/features.js';
import { ExecutionFeed } from './execution.js';
import { findAdapter } from './gpu/adapter.js';
import { resolveModel, type ResolvedModel } from './models.js';
import { checkDevice, checkFlag, checkSimd, checkThreads, planOutput } from './options.js';
import { Progress } from './progress.js';
import { pageUrl, toPicture } from './source.js';
import type { EngineConfig } from './protocol.js';
import type {
  Capabilities, CapabilitiesOptions, ExecutionListener, ImageSource, InitOptions, ModelOption, ProgressListener,
  RemoveBackgroundOptions, RemoveBackgroundResult,
} from './types.js';

export { DecalError, type DecalErrorCode } from './errors.js';
export { models } from './models.js';
export type * from './types.js';

/** More threads than this share too little work per layer to help, and phones would run hot. */
const kMaxThreads = 8;

// One engine a page: a second would double the memory and halve the threads.
const progress = new Progress();
const executions = new ExecutionFeed();
const objectUrls = new Set<string>();
let settings: InitOptions = {};
let client: EngineClient | null = null;

/**
 * Removes the background of a picture. The model is loaded on first use; calls queue and run one after the other.
 *
 * @throws {DecalError} with a `code`; after any failure the next call works. An aborted call rejects with the
 * signal's reason instead.
 */
export async function removeBackground(
  source: ImageSource,
  options: RemoveBackgroundOptions = {},
): Promise<RemoveBackgroundResult> {
  const start = performance.now();
  const { signal } = options;
  signal?.throwIfAborted();
  const device = checkDevice(options.device ?? settings.device);
  const output = planOutput(options);
  const model = resolve(options.model);
  const engine = connect();
  const { picture, transfer } = await untilAborted(toPicture(source), signal);
  const removed = (await engine.run({ model, device, remove: { picture, output } }, transfer, signal))!;
  const { blob, preview, width, height, execution } = removed;
  const blobUrl = objectUrl(blob);
  const previewUrl = objectUrl(preview);
  return {
    blobUrl,
    previewUrl,
    width,
    height,
    processingTimeSeconds: (performance.now() - start) / 1000,
    blob,
    execution,
    revoke() {
      for (const url of [blobUrl, previewUrl]) {
        URL.revokeObjectURL(url);
        objectUrls.delete(url);
      }
    },
  };
}

/**
 * Loads the model ahead of the first picture; without it that happens on first use. Options hold until the next
 * `init` with options, or `dispose`; other `assetBaseUrl`, `threads`, `simd` or `allowSoftwareAdapter` than before start
 * the engine anew.
 * A function instead of options is called with `true` when the model is ready, as in rembg-webgpu.
 */
export async function init(options: InitOptions | ((loaded: boolean) => void) = {}): Promise<void> {
  if (typeof options === 'function') {
    await init();
    return options(true);
  }
  const next = { ...settings, ...options };
  const device = checkDevice(next.device);
  checkThreads(next.threads);
  checkSimd(next.simd);
  checkFlag('allowSoftwareAdapter', next.allowSoftwareAdapter);
  const restart = String(next.assetBaseUrl) !== String(settings.assetBaseUrl) ||
    next.threads !== settings.threads || next.simd !== settings.simd ||
    next.allowSoftwareAdapter !== settings.allowSoftwareAdapter;
  settings = next;
  if (restart) disconnect();
  await connect().run({ model: resolve(undefined), device }, []);
}

/** Ends the workers, frees all memory and revokes every object URL handed out. A later call starts anew. */
export function dispose(): void {
  disconnect();
  settings = {};
  for (const url of objectUrls) URL.revokeObjectURL(url);
  objectUrls.clear();
}

/** Tells about model loading: at once the current state, then every change. Returns what ends the subscription. */
export function subscribeToProgress(listener: ProgressListener): () => void {
  return progress.subscribe(listener);
}

/**
 * Tells about every model that gets ready, every picture done and every downgrade: what ran, on which GPU, with how much
 * memory, how long it took, and why. Nothing of it leaves the page by itself. Returns what ends the subscription.
 */
export function onExecution(listener: ExecutionListener): () => void {
  return executions.subscribe(listener);
}

/**
 * What a model runs on here and why not on something better. Exact for the model that is loaded (`exact`); for any other a
 * forecast from what the GPU says of itself, since whether a model fits is only known once it is there.
 */
export async function getCapabilities(options: CapabilitiesOptions = {}): Promise<Capabilities> {
  const { threads, simd, reason } = client?.facts ?? forecast();
  const known = settings.device === 'wasm' ? null : client?.executionOf(resolve(options.model).key);
  const { provider, dtype, reasons, checked } = known ?? decide(await forecastGpu());
  const capability = provider === 'wasm' ? { device: provider, dtype: 'fp32' as const } : { device: provider, dtype };
  return { ...capability, threads, simd, reason: [...reasons, reason].join('; '), reasons, checked, exact: known != null || settings.device === 'wasm' };
}

async function forecastGpu(): Promise<GateFacts> {
  const { device: requested = 'auto', allowSoftwareAdapter = false } = settings;
  if (!navigator.gpu) return { requested, allowSoftwareAdapter, noGpu: 'there is no WebGPU in this browser' };
  const found = await findAdapter(navigator.gpu);
  const adapter = 'adapter' in found ? { adapter: found.facts } : { adapter: null, adapterError: found.error };
  return { requested, allowSoftwareAdapter, noGpu: null, ...adapter };
}

function resolve(model: ModelOption | undefined): ResolvedModel {
  return resolveModel(model ?? settings.model, modelUrl, pageUrl());
}

function connect(): EngineClient {
  client ??= new EngineClient(engineConfig(), spawnWorker, progress, (event) => executions.tell(event));
  return client;
}

function disconnect(): void {
  client?.close();
  client = null;
}

function engineConfig(): EngineConfig {
  const { threads, simd } = forecast();
  const wasm = {
    baseline: asset('decal-simd128.wasm', () => new URL('./decal-simd128.wasm', import.meta.url)),
    relaxed: asset('decal-relaxed.wasm', () => new URL('./decal-relaxed.wasm', import.meta.url)),
  };
  const planner = asset('decal-planner.wasm', () => new URL('./decal-planner.wasm', import.meta.url));
  return { wasm, planner, simd, threads, allowSoftwareAdapter: settings.allowSoftwareAdapter ?? false };
}

function forecast(): Pick<Capabilities, 'threads' | 'simd' | 'reason'> {
  if (!simdSupported()) {
    throw new DecalError('unsupported', 'this browser has no WebAssembly SIMD: Chrome 91, Firefox 89 or Safari 16.4 have');
  }
  const simd = settings.simd ?? (relaxedSimdSupported() ? 'relaxed' : 'baseline');
  if (!globalThis.crossOriginIsolated) {
    return { threads: 1, simd, reason: 'one thread: the page is not cross-origin isolated (COOP and COEP headers)' };
  }
  const cores = navigator.hardwareConcurrency || 1;
  const threads = settings.threads ?? Math.min(cores, kMaxThreads);
  const reason = settings.threads ? `${threads} threads as asked for` : `${threads} threads on ${cores} cores`;
  return { threads, simd, reason };
}

// The URL expressions stand here word for word because bundlers look for exactly these.
function spawnWorker(): Worker {
  if (settings.assetBaseUrl === undefined && new URL(import.meta.url).origin === location.origin) {
    return new Worker(new URL('./worker.js', import.meta.url), { type: 'module' });
  }
  const url = asset('worker.js', () => new URL('./worker.js', import.meta.url));
  if (new URL(url).origin === location.origin) return new Worker(url, { type: 'module' });
  // Browsers refuse workers of another origin, but a worker of ours may import from there (CORS permitting).
  const script = new Blob([`import ${JSON.stringify(url)};`], { type: 'text/javascript' });
  const scriptUrl = objectUrl(script);
  return new Worker(scriptUrl, { type: 'module' });
}

function modelUrl(file: string): string {
  return asset(`models/${file}`, () =>
    file === 'decal-default.onnx'
      ? new URL('./models/decal-default.onnx', import.meta.url)
      : new URL(`./models/${encodeURIComponent(file)}`, import.meta.url),
  );
}

function asset(path: string, beside: () => URL): string {
  const { assetBaseUrl } = settings;
  if (assetBaseUrl === undefined) return beside().href;
  const base = new URL(assetBaseUrl, pageUrl()).href;
  return new URL(path, base.endsWith('/') ? base : `${base}/`).href;
}

function objectUrl(blob: Blob): string {
  const url = URL.createObjectURL(blob);
  objectUrls.add(url);
  return url;
}
