// A model's bytes on their way into the engine: counted, and compared with what the registry says they are.
import { DecalError, toDecalError } from '../errors.js';
import type { ModelSpec } from '../types.js';
import type { Chunks } from './session.js';
import { Sha256 } from './sha256.js';

export interface Download {
  chunks: Chunks;
  /** Bytes; 0 when unknown. */
  total: number;
}

/** The server's answer for `url`; anything but the file is a DecalError of code `network`. */
export async function fetchFile(url: string, signal?: AbortSignal): Promise<Response> {
  let response: Response;
  try {
    response = await fetch(url, signal ? { signal } : {});
  } catch (error) {
    throw toDecalError(error, 'network', url);
  }
  if (!response.ok || !response.body) {
    throw new DecalError('network', `${url}: the server answered ${response.status} ${response.statusText}`.trimEnd());
  }
  return response;
}

/** Opens `url` as fetchFile does, to read it piece by piece. */
export async function openUrl(url: string, signal?: AbortSignal): Promise<Download> {
  const response = await fetchFile(url, signal);
  // Of a compressed answer the header tells the compressed size.
  const encoded = response.headers.get('content-encoding');
  const total = encoded && encoded !== 'identity' ? 0 : Number(response.headers.get('content-length') ?? 0);
  return { chunks: readAll(response.body!, url), total };
}

/** The pieces of a stream. (Not every browser has async iteration of streams.) */
export async function* readAll(stream: ReadableStream<Uint8Array>, name: string): AsyncGenerator<Uint8Array, void> {
  const reader = stream.getReader();
  try {
    for (;;) {
      const { done, value } = await reader.read().catch((error: unknown) => {
        throw toDecalError(error, 'network', name);
      });
      if (done) return;
      yield value;
    }
  } finally {
    reader.cancel().catch(() => {});
  }
}

/** Passes `chunks` on and fails at their end if they are not the file `spec` describes. */
export async function* verified(
  chunks: Chunks, spec: ModelSpec, onProgress?: (loaded: number) => void,
): AsyncGenerator<Uint8Array, void> {
  const hash = spec.sha256 ? new Sha256() : null;
  let loaded = 0;
  for await (const chunk of chunks) {
    hash?.update(chunk);
    loaded += chunk.length;
    onProgress?.(loaded);
    yield chunk;
  }
  if (spec.bytes && loaded !== spec.bytes) {
    throw new DecalError('corrupt-model', `${spec.name}: ${loaded} bytes where there should be ${spec.bytes}`);
  }
  if (hash && hash.digest() !== spec.sha256) {
    throw new DecalError('corrupt-model', `${spec.name}: the file's SHA-256 is not ${spec.sha256}`);
  }
}
