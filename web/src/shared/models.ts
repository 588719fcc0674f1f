// The registry of models, bundled from models/registry.json, and what `options.model` may be.
import registry from '../../../models/registry.json' with { type: 'json' };
import { DecalError } from './errors.js';
import { checkField } from './fields.js';
import { under } from './options.js';
import type { CustomModel, ModelOption, ModelSpec, RegistryModel } from './types.js';

/** All models the package knows, the default first. */
export const models = registry.models as unknown as readonly RegistryModel[];

/** A model with its place: what the worker is asked to load. */
export interface ResolvedModel {
  /** Same key, same weights and same preparation. */
  key: string;
  spec: ModelSpec;
  source: { url: string } | { data: Blob };
}

/** A registry entry by name. */
export function findModel(name: string): RegistryModel {
  const found = models.find((model) => model.name === name);
  if (found) return found;
  const names = models.map((model) => model.name).join(', ');
  throw new DecalError('not-found', `there is no model "${name}"; there are ${names}`);
}

// Models given as bytes have no address to tell them apart by.
const dataIds = new WeakMap<object, number>();
let nextDataId = 1;

/** Where models come from. */
export interface Places {
  /** The address of a file of the package. */
  fileUrl: (file: string) => string;
  /** What relative addresses refer to. */
  pageUrl: string | undefined;
  /** A folder with the files of all registry models. */
  mirror: string | URL | undefined;
}

/** Where a model of the registry is downloaded from; null where it has no address. */
export function registryUrl({ name, file, url }: RegistryModel, { fileUrl, pageUrl, mirror }: Places): string | null {
  if (mirror === undefined) return file ? fileUrl(file) : url;
  return under('modelBaseUrl', mirror, encodeURIComponent(file ?? `${name}.onnx`), pageUrl);
}

export function resolveModel(option: ModelOption | undefined, places: Places): ResolvedModel {
  if (option === undefined || typeof option === 'string') {
    const spec = option === undefined ? models[0]! : findModel(option);
    const url = registryUrl(spec, places);
    if (!url) throw new DecalError('not-found', `the model "${spec.name}" has no address: pass one as options.model.url`);
    return { key: url, spec, source: { url } };
  }
  if (typeof option !== 'object' || option === null) throw new DecalError('invalid-argument', 'model: a name or an object');
  checkSpec(option);
  const spec = plainSpec(option);
  // A registry entry with data of one's own has a `url` too, perhaps null.
  const { data, url } = option as { data?: unknown; url?: unknown };
  if (data === undefined || data === null) {
    if (!url) throw new DecalError('invalid-argument', 'model: needs a url or data');
    let address: string;
    try {
      address = new URL(String(url), places.pageUrl).href;
    } catch {
      throw new DecalError('invalid-argument', `model.url: "${String(url)}" is not an address`);
    }
    return { key: JSON.stringify([address, spec]), spec, source: { url: address } };
  }
  if (!(data instanceof Blob || data instanceof ArrayBuffer || ArrayBuffer.isView(data))) {
    throw new DecalError('invalid-argument', 'model.data: an ArrayBuffer, Uint8Array or Blob');
  }
  let id = dataIds.get(data);
  if (id === undefined) dataIds.set(data, (id = nextDataId++));
  const blob = data instanceof Blob ? data : new Blob([data as BlobPart]);
  return { key: JSON.stringify([id, spec]), spec, source: { data: blob } };
}

function plainSpec(model: CustomModel): ModelSpec {
  const { name, input, mean, std, activation, sha256 = null, bytes = null } = model;
  return { name, input, mean, std, activation, sha256, bytes };
}

function checkSpec({ name, input, mean, std, activation, sha256 = null }: ModelSpec): void {
  checkField('model.name', name);
  checkField('model.input.rule', input?.rule);
  for (const side of ['width', 'height', 'multiple'] as const) checkField(`model.input.${side}`, input[side]);
  checkField('model.mean', mean);
  checkField('model.std', std);
  checkField('model.activation', activation);
  checkField('model.sha256', sha256);
}
