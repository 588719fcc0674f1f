// Getting a model ready: its bytes into the engine, and into a planner where a GPU promises something, then the route.
import type { ReadModel } from '../download/source.js';
import type { DownloadProgress } from '../download/host.js';
import type { Engine } from '../engine/engine.js';
import { Remover } from '../engine/session.js';
import type { GpuHost } from '../gpu/host.js';
import { Planner, PlannerLoad, readAlong, type PlannerModule } from '../gpu/planner.js';
import type { ResolvedModel } from '../shared/models.js';
import { RoutedModel, type PlannerSource, type Route, type RoutingEvents } from './routing.js';
import type { DeviceOption } from '../shared/types.js';

export interface LoadParts {
  /** Starting, perhaps: the model arrives meanwhile. */
  engine: Promise<Engine>;
  host: GpuHost;
  planner: PlannerModule;
  read: ReadModel;
  model: ResolvedModel;
  device: DeviceOption;
  signal: AbortSignal;
  onDownload?: (progress: DownloadProgress) => void;
  /** All of the model has arrived. */
  onArrived?: () => void;
  events: RoutingEvents;
}

export interface LoadedModel {
  model: RoutedModel;
  route: Route;
}

/** Loads `model` and gets it ready for `device`; after a failure nothing of it is left. */
export async function loadModel(parts: LoadParts): Promise<LoadedModel> {
  const { host, planner, read, model, device, signal, onDownload, onArrived } = parts;
  const { spec } = model;
  /** Why the model was not kept, for example. */
  const notes: string[] = [];
  const planners: PlannerSource = {
    ready: null,
    open: (again) => read(model, (chunks) => Planner.load(planner, chunks, again), { signal: again ?? signal }),
    keep: spec.input.rule !== 'stretch',
  };
  const closePlanner = () => {
    planners.ready?.close();
    planners.ready = null;
  };
  const feed = async (chunks: AsyncIterable<Uint8Array>) => {
    const engine = await parts.engine;
    closePlanner();  // of an attempt whose bytes were wrong
    // Tried while the model arrives, which a planner reads along where the device promises something.
    const promising = device === 'wasm' ? Promise.resolve(false) : host.isUsable(engine);
    const planning = promising.then((yes) => (yes ? PlannerLoad.start(planner) : null));
    const along = readAlong(chunks, planning, (made) => {
      planners.ready = made;
    });
    try {
      return await Remover.load(engine, spec, announcingEnd(along, onArrived), signal);
    } catch (error) {
      // It may not have been reached, and must neither stay behind nor start once all this is over.
      (await planning.catch(() => null))?.abort();
      throw error;
    }
  };
  parts.engine.catch(() => {});  // told where it is awaited, if anything gets that far
  let remover: Remover;
  try {
    remover = await read(model, feed, { signal, onProgress: onDownload, onNote: (note) => notes.push(note) });
  } catch (error) {
    closePlanner();
    throw error;
  }
  const routed = new RoutedModel(await parts.engine, remover, host, planners, parts.events, notes);
  try {
    // The plan depends on the picture only where the size rule does.
    const route = await routed.prepare(device, spec.input.rule === 'stretch' ? spec.input : null, signal);
    return { model: routed, route };
  } catch (error) {
    routed.free();
    throw error;
  }
}

async function* announcingEnd(chunks: AsyncIterable<Uint8Array>, onEnd = () => {}): AsyncGenerator<Uint8Array, void> {
  yield* chunks;
  onEnd();
}
