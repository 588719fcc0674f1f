// Loads a model: reads its bytes into the engine, and into a planner if a GPU looks usable; then chooses the route.
// SPDX-License-Identifier: MIT
import type { ReadOptions } from '../download/files.js';
import type { ReadModel } from '../download/source.js';
import type { DownloadProgress } from '../download/host.js';
import type { Engine } from '../engine/engine.js';
import { Remover, type Chunks, type LoadOptions } from '../engine/session.js';
import type { GpuHost } from '../gpu/host.js';
import { Planner, PlannerLoad, readAlong, type PlannerModule } from '../gpu/planner.js';
import { externalFile, type ResolvedModel } from '../shared/models.js';
import { RoutedModel, type PlannerSource, type Route, type RoutingEvents } from './routing.js';
import type { DeviceOption } from '../shared/types.js';

export interface LoadParts {
  /** May still be starting while the model arrives. */
  engine: Promise<Engine>;
  host: GpuHost;
  planner: PlannerModule;
  read: ReadModel;
  model: ResolvedModel;
  device: DeviceOption;
  signal: AbortSignal;
  onDownload?: (progress: DownloadProgress) => void;
  /** The model has arrived completely. */
  onArrived?: () => void;
  events: RoutingEvents;
}

export interface LoadedModel {
  model: RoutedModel;
  route: Route;
}

/** Loads `model` and prepares it for `device`. After a failure everything is freed. */
export async function loadModel(parts: LoadParts): Promise<LoadedModel> {
  const { host, planner, read, model, device, signal, onDownload, onArrived } = parts;
  const { spec } = model;
  /** For example why the model was not kept. */
  const notes: string[] = [];
  // Files with further weights are read in the same way as the model's own file.
  const external = (options: ReadOptions): NonNullable<LoadOptions['open']> => (path, use) =>
    read(externalFile(model, path), use, options);
  const progressOf = addUp(model, onDownload);
  const planners: PlannerSource = {
    ready: null,
    open: async (again) => {
      const options = { signal: again ?? signal };
      const load = (chunks: Chunks) => Planner.load(planner, chunks, { signal: again, open: external(options) });
      return (await read(model, load, options)).chooseTensors(spec);
    },
    keep: spec.input.rule !== 'stretch',
  };
  const closePlanner = () => {
    planners.ready?.close();
    planners.ready = null;
  };
  const feed = async (chunks: AsyncIterable<Uint8Array>) => {
    const engine = await parts.engine;
    closePlanner();  // from an attempt whose bytes were wrong
    // The GPU is tested while the model arrives. If it looks usable, a planner reads along.
    const promising = device === 'wasm' ? Promise.resolve(false) : host.isUsable(engine);
    const planning = promising.then((yes) => (yes ? PlannerLoad.start(planner) : null));
    const along = readAlong(chunks, planning, (made) => {
      // A model in several files fails here. Its planner reads it again when it is needed.
      planners.ready = made.chooseTensors(spec);
    });
    try {
      return await Remover.load(engine, spec, along, {
        signal, onArrived, open: (path, use) => external({ signal, onProgress: progressOf() })(path, use),
      });
    } catch (error) {
      // If it was not reached, it must neither stay nor start after this.
      (await planning.catch(() => null))?.abort();
      throw error;
    }
  };
  parts.engine.catch(() => {});  // reported where it is awaited, if that is reached
  let remover: Remover;
  try {
    remover = await read(model, feed, { signal, onProgress: progressOf(), onNote: (note) => notes.push(note) });
  } catch (error) {
    closePlanner();
    throw error;
  }
  const routed = new RoutedModel(await parts.engine, remover, host, planners, parts.events, notes);
  try {
    // The plan depends on the picture only if the size rule does.
    const route = await routed.prepare(device, spec.input.rule === 'stretch' ? spec.input : null, signal);
    return { model: routed, route };
  } catch (error) {
    routed.free();
    throw error;
  }
}

/** Progress over several files as if they were one. If the size of a file is unknown, there is no total. */
function addUp({ spec, external = [] }: ResolvedModel, tell: LoadParts['onDownload']): () => (progress: DownloadProgress) => void {
  const sizes = [spec, ...external.map((file) => file.spec)].map(({ bytes }) => bytes || null);
  const total = sizes.reduce((sum, bytes) => (sum === null || bytes === null ? null : sum + bytes), 0);
  let before = 0;
  let loaded = 0;
  return () => {
    before += loaded;
    loaded = 0;
    const start = before;
    return (progress) => {
      loaded = progress.loadedBytes;
      const totalBytes = external.length > 0 ? total : progress.totalBytes;
      tell?.({ ...progress, loadedBytes: start + loaded, totalBytes: totalBytes === null ? null : Math.max(totalBytes, start + loaded) });
    };
  };
}
