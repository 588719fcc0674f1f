// What the engine host needs of a browser: files over the network, pictures through canvases, helper threads from the page.
// SPDX-License-Identifier: MIT
import { kRemedy } from '../../shared/assets.js';
import { browserHost } from './browser-host.js';
import { browserStore } from './browser-stores.js';
import { ModelFiles } from '../../download/files.js';
import { kTuning } from '../../download/host.js';
import { fetchThroughPage } from './page-fetch.js';
import { fetchFile } from '../../download/fetch-once.js';
import { modelReader, type ReadModel } from '../../download/source.js';
import { Engine, type ThreadTask } from '../../engine/engine.js';
import { noSharedMemory } from '../../engine/features.js';
import { plannerModule } from '../../gpu/planner.js';
import type { HostAdapter } from '../../host/engine-host.js';
import type { EngineConfig, FromWorker, Picture } from './protocol.js';
import { decode } from './decode.js';
import { drawThroughPage } from './page-drawing.js';
import { encodeBoth, parseCssColour } from './encode.js';

/** Says something to the page. */
export type Send = (message: FromWorker, transfer: Transferable[]) => void;

/** What a finished picture becomes. */
export interface PageFile {
  blob: Blob;
  preview: Blob;
}

export function browserAdapter(config: EngineConfig, send: Send): HostAdapter<Picture, PageFile> {
  // In GiB, where browsers tell.
  const { gpu, deviceMemory } = navigator as Navigator & { gpu?: GPU; deviceMemory?: number };
  const draw = drawThroughPage((request, port) => send({ type: 'draw', request, port }, [port]));
  return {
    startEngine: (signal) => startEngine(config, send, signal),
    read: startReader(config, send),
    gpu: {
      find: async () => gpu ?? 'there is no WebGPU in this browser, or not on this page (https is needed)',
      allowSoftwareAdapter: config.allowSoftwareAdapter,
      planner: plannerModule(async () => new Uint8Array(await (await fetchFile(config.planner, undefined, kRemedy)).arrayBuffer())),
      machineBytes: () => (deviceMemory === undefined ? undefined : deviceMemory * 2 ** 30),
    },
    decode: (picture, signal) => decode(picture, draw, signal),
    encode: encodeBoth,
    parseColour: parseCssColour,
  };
}

function startReader({ ownFetch }: EngineConfig, send: Send): ReadModel {
  const throughPage = ownFetch ? fetchThroughPage((request, port) => send({ type: 'fetch', request, port }, [port])) : null;
  const host = browserHost(throughPage);
  let files: Promise<ModelFiles> | null = null;
  const open = async () => new ModelFiles(host, await browserStore(), kTuning, 'this page has no place for files');
  return modelReader(host, () => (files ??= open()));
}

async function startEngine(config: EngineConfig, send: Send, signal: AbortSignal): Promise<Engine> {
  const { simd, threads, maximumPages } = config;
  const [wasm, cutout] = await Promise.all([config.wasm[simd], config.cutout].map((url) => fetchFile(url, signal, kRemedy)));
  const alone = config.noThreadsReason ?? noSharedMemory();
  const shared = alone === null;
  const startThread = (task: ThreadTask) => {
    send({ type: 'helper', start: { type: 'thread', ...task } }, []);
    // The client ends it together with this worker, and hears of its failure.
    return () => {};
  };
  const engine = await Engine.start({
    wasm: wasm!, cutout: cutout!, simd, threads: shared ? threads : 1, shared, startThread, ...(shared && maximumPages ? { maximumPages } : {}),
  });
  if (!shared) engine.reason = `one thread: ${alone}`;
  return engine;
}
