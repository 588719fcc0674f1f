// Files that are requested only once: those of the package, and those that never leave this device.
// SPDX-License-Identifier: MIT
import { DecalError, toDecalError } from '../shared/errors.js';

/** The server's answer for `url`; anything but the file is a DecalError of code `network`, which ends with `remedy`. */
export async function fetchFile(url: string, signal?: AbortSignal, remedy = ''): Promise<Response> {
  let response: Response;
  try {
    response = await fetch(url, signal ? { signal } : {});
  } catch (error) {
    throw toDecalError(error, 'network', url);
  }
  if (!response.ok || !response.body) {
    const answer = `${url}: the server answered ${response.status} ${response.statusText}`.trimEnd();
    throw new DecalError('network', remedy ? `${answer}; ${remedy}` : answer);
  }
  return response;
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
