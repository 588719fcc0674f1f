// The engine's worker: everything heavy, away from the page. The same script serves as a helper thread; the first
// message tells which of the two it is to be.
import { resizeForPreview } from '../engine/cutout.js';
import { fetchFile, openUrl, readAll, verified, type Download } from '../engine/download.js';
import { Engine, type ThreadTask } from '../engine/engine.js';
import { runThread } from '../engine/instance.js';
import { Remover } from '../engine/session.js';
import { DecalError, toDecalError } from '../errors.js';
import { backgroundColour } from '../options.js';
import { decode, toEngine, type DecodedPicture } from './decode.js';
import { encode, parseCssColour } from './encode.js';
import type { ResolvedModel } from '../models.js';
import type { EngineConfig, FromWorker, Job, Removed, ToWorker } from '../protocol.js';

let config: EngineConfig;
let engine: Engine | null = null;
let loaded: { key: string; remover: Remover } | null = null;
let current: { id: number; abort: AbortController } | null = null;

self.onmessage = (event: MessageEvent<ToWorker>) => {
  const message = event.data;
  switch (message.type) {
    case 'thread':
      runThread(message.module, message.memory, message.index, message.stackPointer);
      break;
    case 'start':
      config = message.config;
      break;
    case 'job':
      void run(message.job);
      break;
    case 'abort':
      if (current?.id === message.id) current.abort.abort();
      break;
  }
};

function post(message: FromWorker): void {
  self.postMessage(message);
}

async function run(job: Job): Promise<void> {
  const abort = new AbortController();
  current = { id: job.id, abort };
  try {
    const removed = await perform(job, abort.signal);
    post({ type: 'done', id: job.id, removed });
  } catch (error) {
    const { code, message } = abort.signal.aborted
      ? new DecalError('aborted', 'the call was aborted')
      : toDecalError(error, 'internal');
    post({ type: 'failed', id: job.id, failure: { code, message, fatal: engine?.broken ?? false } });
  } finally {
    current = null;
  }
}

async function perform({ model, remove }: Job, signal: AbortSignal): Promise<Removed | null> {
  if (!remove) {
    await load(model, signal);
    return null;
  }
  // Decoding and loading overlap; a failure of either waits until both have come to an end.
  const decodeStart = performance.now();
  let decodeMs = 0;
  const decoding = decode(remove.picture, signal).finally(() => void (decodeMs = performance.now() - decodeStart));
  const [loadResult, decodeResult] = await Promise.allSettled([load(model, signal), decoding]);
  const picture = decodeResult.status === 'fulfilled' ? decodeResult.value : null;
  try {
    if (loadResult.status === 'rejected') throw loadResult.reason;
    if (decodeResult.status === 'rejected') throw decodeResult.reason;
    signal.throwIfAborted();
    const removed = await cutOut(picture!, remove.output, signal);
    removed.facts.model = model.spec.name;
    removed.facts.ms.load = loadResult.value;
    removed.facts.ms.decode += decodeMs;
    return removed;
  } finally {
    picture?.close();
  }
}

async function cutOut(
  source: DecodedPicture, output: NonNullable<Job['remove']>['output'], signal: AbortSignal,
): Promise<Removed> {
  const owner = engine!;
  const background = backgroundColour(output, parseCssColour);
  const copyStart = performance.now();
  const picture = toEngine(owner, source);
  source.close();  // the decoded picture is not needed beside the copy
  const decode = performance.now() - copyStart;
  try {
    const report = loaded!.remover.run(picture.rgba, picture.width, picture.height, { background, mask: output.mask });
    const encodeStart = performance.now();
    const small = resizeForPreview(owner, picture, output.previewSize);
    let preview: Blob;
    try {
      preview = await encode(owner, small, { format: 'image/png', quality: 1 }, signal);
    } finally {
      owner.free(small.rgba);
    }
    const blob = await encode(owner, picture, output, signal);
    signal.throwIfAborted();
    return {
      blob,
      preview,
      width: picture.width,
      height: picture.height,
      facts: {
        threads: owner.threads,
        simd: owner.simd,
        model: '',
        ms: {
          load: 0,
          decode,
          preprocess: report.preprocess_ms,
          inference: report.inference_ms,
          postprocess: report.postprocess_ms,
          encode: performance.now() - encodeStart,
        },
        memoryBytes: report.memory_bytes,
      },
    };
  } finally {
    owner.free(picture.rgba);
  }
}

/** Makes `model` the one that is loaded; returns how long that took. */
async function load(model: ResolvedModel, signal: AbortSignal): Promise<number> {
  if (loaded?.key === model.key) return 0;
  const start = performance.now();
  post({ type: 'loading' });
  // Two models at once would need twice the memory.
  loaded?.remover.free();
  loaded = null;
  const { spec } = model;
  const [download, owner] = await Promise.all([open(model, signal), startEngine()]);
  const total = spec.bytes ?? download.total;
  post({ type: 'downloading', loaded: 0, total });
  const bytes = verified(download.chunks, spec, (count) => post({ type: 'downloading', loaded: count, total }));
  const remover = await Remover.load(owner, spec, announcingEnd(bytes), signal);
  // The plan depends on the picture only where the size rule does.
  try {
    if (spec.input.rule === 'stretch') remover.prepare(spec.input.width, spec.input.height);
  } catch (error) {
    remover.free();
    throw error;
  }
  loaded = { key: model.key, remover };
  post({ type: 'ready' });
  return performance.now() - start;
}

async function* announcingEnd(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array, void> {
  yield* chunks;
  post({ type: 'building' });
}

async function open({ source }: ResolvedModel, signal: AbortSignal): Promise<Download> {
  if ('url' in source) return openUrl(source.url, signal);
  return { chunks: readAll(source.data.stream(), 'model.data'), total: source.data.size };
}

async function startEngine(): Promise<Engine> {
  if (engine && !engine.broken) return engine;
  const wasm = await fetchFile(config.wasm[config.simd]);
  const shared = self.crossOriginIsolated && typeof SharedArrayBuffer === 'function';
  const { simd, threads } = config;
  engine = await Engine.start({ wasm, simd, threads: shared ? threads : 1, shared, startThread });
  const reason = shared ? engine.reason : 'one thread: the page is not cross-origin isolated (COOP and COEP headers)';
  post({
    type: 'engine',
    facts: { threads: engine.threads, simd, reason },
    cancel: shared
      ? {
          buffer: engine.memory.buffer as unknown as SharedArrayBuffer,
          address: engine.exports.decal_cancel_flag() >>> 0,
        }
      : null,
  });
  return engine;
}

function startThread(task: ThreadTask): () => void {
  const worker = new Worker(self.location.href, { type: 'module' });
  worker.postMessage({ type: 'thread', ...task } satisfies ToWorker);
  return () => worker.terminate();
}
