// Reads a model's bytes from a URL, a file or memory.
// SPDX-License-Identifier: MIT
import { DecalError } from '../shared/errors.js';
import type { Chunks } from '../engine/session.js';
import type { Part, ResolvedFile } from '../shared/models.js';
import type { ModelFiles, ReadOptions, Use } from './files.js';
import { wrongFile, type Host, type Wanted } from './host.js';
import { ProgressMeter } from './progress-meter.js';
import { fetchFile, readAll } from './fetch-once.js';

/** Reads a model, or a file with weights of one, through `use`; see ModelFiles.read. */
export type ReadModel = <T>(file: ResolvedFile, use: Use<T>, options: ReadOptions) => Promise<T>;

/**
 * @param openFile reads a `file:` address, where the host can
 * @param files asked for when a model has to be downloaded
 */
export function modelReader(
  host: Host, files: () => Promise<ModelFiles>, openFile: ((url: string) => Chunks) | null = null,
): ReadModel {
  return async ({ source, spec }, use, options) => {
    const { signal, onProgress } = options;
    const wanted = { name: spec.name, bytes: spec.bytes || null, sha256: spec.sha256 || null };
    if ('url' in source && /^https?:/.test(source.url)) {
      return (await files()).read({ url: source.url, ...wanted }, use, options);
    }
    const meter = new ProgressMeter(host, wanted.bytes ?? ('data' in source ? source.data.size : null), onProgress);
    const checked = (chunks: Chunks) => use(verified(chunks, wanted, host, (count) => meter.add(count, false)));
    if ('parts' in source) return checked(joined(await files(), spec.name, source.parts, options));
    if ('data' in source) return checked(readAll(source.data.stream(), 'model.data'));
    if (openFile && source.url.startsWith('file:')) return checked(openFile(source.url));
    // blob:, data: and an extension's own files are local already.
    const response = await fetchFile(source.url, signal);
    return checked(readAll(response.body!, source.url));
  };
}

/** A file in several small pieces. Each is complete, and as far as can be known right, before it is passed on. */
async function* joined(
  files: ModelFiles, name: string, parts: readonly Part[], { signal, onNote }: ReadOptions,
): AsyncGenerator<Uint8Array, void> {
  const told = new Set<string>();
  const onNewNote = (text: string) => {
    if (!told.has(text)) onNote?.(text);
    told.add(text);
  };
  for (const part of parts) {
    const collect = async (chunks: AsyncIterable<Uint8Array>) => {
      const pieces: Uint8Array[] = [];
      for await (const chunk of chunks) pieces.push(chunk);
      return pieces;
    };
    yield* await files.read({ name, ...part }, collect, { signal, onNote: onNewNote });
  }
}

/** Passes `chunks` on, and fails at their end if they are not the expected file. */
async function* verified(
  chunks: Chunks, wanted: Omit<Wanted, 'url'>, host: Host, onPiece: (bytes: number) => void,
): AsyncGenerator<Uint8Array, void> {
  const hash = wanted.sha256 === null ? null : await host.newHash();
  let loaded = 0;
  for await (const chunk of chunks) {
    hash?.update(chunk);
    loaded += chunk.length;
    onPiece(chunk.length);
    yield chunk;
  }
  const problem = wrongFile(wanted, loaded, hash?.digest());
  if (problem !== null) throw new DecalError('corrupt-model', `${wanted.name}: ${problem}`);
}
