// The registry of models, bundled from models/registry.json, and the checks of `options.model`.
// SPDX-License-Identifier: MIT
import registry from '../../../models/registry.json' with { type: 'json' };
import { DecalError } from './errors.js';
import { checkField, checkOption } from './fields.js';
import { under } from './options.js';
import type { CustomModel, ExternalFile, FilePart, ModelOption, ModelSpec, RegistryModel } from './types.js';

/** All models the package knows, the default first. */
export const models = registry.models as unknown as readonly RegistryModel[];

/** A piece of a file that is split into several. */
export interface Part {
  url: string;
  bytes: number | null;
  sha256: string | null;
}

/** Where a file is: at a URL, in memory, or in pieces at several URLs. */
export type FileSource = { url: string } | { data: Blob } | { parts: readonly Part[] };

/** A file, and its known properties. */
export interface ResolvedFile {
  spec: Pick<ModelSpec, 'name' | 'sha256' | 'bytes'>;
  source: FileSource;
}

/** A model with its location, as the worker is asked to load it. */
export interface ResolvedModel extends ResolvedFile {
  /** Equal keys mean the same weights and the same preparation. */
  key: string;
  spec: ModelSpec;
  /** Its external data, unless that is simply beside it. `spec.name` is the name in the model. */
  external?: readonly ResolvedFile[];
}

/** A registry entry by name. */
export function findModel(name: string): RegistryModel {
  const found = models.find((model) => model.name === name);
  if (found) return found;
  const names = models.map((model) => model.name).join(', ');
  throw new DecalError('not-found', `there is no model "${name}"; there are ${names}`);
}

// Models given as bytes have no URL to tell them apart.
const dataIds = new WeakMap<object, number>();
let nextDataId = 1;

/** Where models come from. */
export interface Places {
  /** The URL of a file of the package. */
  fileUrl: (file: string) => string;
  /** The base of relative URLs. */
  pageUrl: string | undefined;
  /** The folder with the files of all registry models. */
  mirror: string | URL | undefined;
}

/** The URL that a model of the registry is downloaded from; null if it has none. */
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
  const { id, source } = sourceOf('model', option, places);
  const listed = option.externalData === undefined ? undefined : externalFiles(option.externalData, places);
  const key = JSON.stringify([id, spec, ...(listed ?? []).map(({ id: fileId, file }) => [fileId, file.spec])]);
  return { key, spec, source, ...(listed ? { external: listed.map(({ file }) => file) } : {}) };
}

/** The location of a file of `option`, called `field`. `id` distinguishes it from others. */
function sourceOf(field: string, option: object, { pageUrl }: Places): { id: string | number; source: FileSource } {
  // A registry entry combined with one's own data has a `url` too, perhaps null.
  const { data, url, parts } = option as { data?: unknown; url?: unknown; parts?: unknown };
  if (Array.isArray(parts) && parts.length > 0) {
    const resolved = parts.map(({ url: part, bytes = null, sha256 = null }: FilePart): Part => {
      checkField('model.sha256', sha256);
      return { url: addressOf(`${field}.parts`, part, pageUrl), bytes, sha256: sha256 || null };
    });
    return { id: resolved.map((part) => `${part.url} ${part.sha256 ?? ''}`).join(' '), source: { parts: resolved } };
  }
  if (data === undefined || data === null) {
    if (!url) throw new DecalError('invalid-argument', `${field}: needs a url, data or parts`);
    const address = addressOf(`${field}.url`, url, pageUrl);
    return { id: address, source: { url: address } };
  }
  if (!(data instanceof Blob || data instanceof ArrayBuffer || ArrayBuffer.isView(data))) {
    throw new DecalError('invalid-argument', `${field}.data: an ArrayBuffer, Uint8Array or Blob`);
  }
  let id = dataIds.get(data);
  if (id === undefined) dataIds.set(data, (id = nextDataId++));
  return { id, source: { data: data instanceof Blob ? data : new Blob([data as BlobPart]) } };
}

function addressOf(field: string, url: unknown, pageUrl: string | undefined): string {
  try {
    return new URL(String(url), pageUrl).href;
  } catch {
    throw new DecalError('invalid-argument', `${field}: "${String(url)}" is not an address`);
  }
}

function externalFiles(list: NonNullable<CustomModel['externalData']>, places: Places): { id: string | number; file: ResolvedFile }[] {
  const field = 'model.externalData';
  if (!Array.isArray(list)) throw new DecalError('invalid-argument', `${field}: a list of addresses or of files`);
  return list.map((entry: string | URL | ExternalFile) => {
    if (typeof entry === 'string' || entry instanceof URL) {
      const url = addressOf(field, entry, places.pageUrl);
      const name = decodeURIComponent(new URL(url).pathname.split('/').at(-1)!);
      return { id: url, file: { spec: { name }, source: { url } } };
    }
    const { path, sha256 = null, bytes = null } = entry ?? {};
    if (typeof path !== 'string' || path === '') throw new DecalError('invalid-argument', `${field}: a file needs a path`);
    checkField('model.sha256', sha256);
    const { id, source } = sourceOf(field, entry, places);
    return { id, file: { spec: { name: path, sha256, bytes }, source } };
  });
}

/**
 * The file that a model calls `path`: a listed one of that name or with that last part, or else what lies beside the model. The
 * engine has made sure that `path` does not leave the model's folder.
 */
export function externalFile({ spec, source, external }: ResolvedModel, path: string): ResolvedFile {
  const lastOf = (name: string) => name.split('/').at(-1);
  const listed = external?.find(({ spec: { name } }) => name === path) ??
    external?.find(({ spec: { name } }) => !name.includes('/') && name === lastOf(path));
  if (listed) return listed;
  if (external || !('url' in source) || !/^(https?|file):/.test(source.url)) {
    throw new DecalError('not-found', `${spec.name}: its weights are in "${path}", which model.externalData does not list`);
  }
  const url = new URL(path.split('/').map(encodeURIComponent).join('/'), source.url).href;
  return { spec: { name: path }, source: { url } };
}

function plainSpec(model: CustomModel): ModelSpec {
  const { name, input, mean, std, activation, output, foregroundClass, passes, inputs, sha256 = null, bytes = null } = model;
  return { name, input, mean, std, activation, output, foregroundClass, passes, inputs, sha256, bytes };
}

function checkSpec({ name, input, mean, std, activation, output, foregroundClass, passes, inputs, sha256 = null }: ModelSpec): void {
  checkField('model.name', name);
  checkField('model.input.rule', input?.rule);
  for (const side of ['width', 'height', 'multiple'] as const) checkField(`model.input.${side}`, input[side]);
  checkField('model.mean', mean);
  checkField('model.std', std);
  checkField('model.activation', activation);
  checkOption('model.output', output);
  checkOption('model.foregroundClass', foregroundClass);
  checkOption('model.passes', passes);
  checkOption('model.inputs', inputs);
  checkField('model.sha256', sha256);
}
