// The data of @imgly/background-removal where a site hosts it: `resources.json` says which chunks make up a file. Written from the
// data's own form, versions 1.4 to 1.7.
//
// Copyright the Decal authors.
// SPDX-License-Identifier: MIT
import { DecalError } from '../shared/errors.js';
import { under } from '../shared/options.js';
import type { CustomModel, FilePart, ModelOption } from '../shared/types.js';

/** 1.4 names chunks by their SHA-256, later ones have a name of their own. */
interface Chunk {
  hash?: string;
  name?: string;
  offsets: [from: number, to: number];
}

interface Entry {
  chunks: Chunk[];
  size: number;
}

/** What lies in a folder of theirs. */
export interface Resources {
  folder: string;
  entries: Record<string, Entry>;
}

/** Their names, and what the same models were called in 1.4. */
const kNames: Readonly<Record<string, readonly string[]>> = {
  isnet: ['isnet', 'large'], isnet_fp16: ['isnet_fp16', 'medium'], isnet_quint8: ['isnet_quint8', 'small'],
};

const found = new Map<string, Promise<Resources | null>>();

/** The name that `model` has today, if it is one of theirs. */
function currentName(model: unknown): string | undefined {
  return Object.keys(kNames).find((name) => kNames[name]!.includes(model as string));
}

export function isTheirs(model: unknown): boolean {
  return currentName(model) !== undefined;
}

/** What is at `publicPath`; null if there is nothing of theirs. Looked for once. */
export function findResources(publicPath: string): Promise<Resources | null> {
  let looking = found.get(publicPath);
  if (!looking) found.set(publicPath, (looking = look(publicPath)));
  return looking;
}

async function look(publicPath: string): Promise<Resources | null> {
  const address = under('publicPath', publicPath, 'resources.json', globalThis.location?.href);
  const response = await fetch(address).catch(() => null);
  if (!response) found.delete(publicPath);  // the network is down, or the host allows no other page: asked again next time
  // Without the file, hosts answer with an error or with a web page.
  const entries: unknown = response?.ok ? await response.json().catch(() => null) : null;
  if (typeof entries !== 'object' || entries === null || !Object.keys(entries).some((name) => name.startsWith('/models/'))) return null;
  return { folder: new URL('.', address).href, entries: entries as Record<string, Entry> };
}

/** One of their models in that folder, or whatever else `model` is. */
export function theirModel({ folder, entries }: Resources, model: ModelOption | undefined): ModelOption {
  const name = currentName(model ?? 'isnet_fp16');
  if (name === undefined) return model!;
  const key = kNames[name]!.map((alias) => `/models/${alias}`).find((path) => entries[path]);
  if (key === undefined) {
    const there = Object.keys(entries).filter((path) => path.startsWith('/models/')).map((path) => path.slice('/models/'.length));
    throw new DecalError('not-found', `publicPath: there is no model "${name}" at ${folder}; there are ${there.join(', ')}`);
  }
  // IS-Net as they feed it: (value - 128) / 256 of bytes.
  const mean = 128 / 255;
  const std = 256 / 255;
  const spec: CustomModel = {
    name, input: { rule: 'stretch', width: 1024, height: 1024, multiple: 1 }, mean: [mean, mean, mean], std: [std, std, std],
    activation: 'none', bytes: entries[key]!.size, parts: partsOf(folder, key, entries[key]!),
  };
  return spec;
}

function partsOf(folder: string, key: string, { chunks, size }: Entry): FilePart[] {
  let at = 0;
  const parts = chunks.map(({ hash, name, offsets: [from, to] }): FilePart => {
    const file = name ?? hash;
    if (typeof file !== 'string' || file === '' || from !== at || !(to > from)) throw damaged(folder, key);
    at = to;
    const url = new URL(file.split('/').map(encodeURIComponent).join('/'), folder).href;
    return { url, bytes: to - from, sha256: /^[0-9a-f]{64}$/.test(hash ?? '') ? hash! : null };
  });
  if (parts.length === 0 || at !== size) throw damaged(folder, key);
  return parts;
}

function damaged(folder: string, key: string): DecalError {
  return new DecalError('corrupt-model', `publicPath: ${folder}resources.json does not tell all chunks of ${key}`);
}
