// A fetch of the page's own, used from the worker: each request has a port, over which the body comes when it is asked for.
// SPDX-License-Identifier: MIT
import { DecalError } from '../../shared/errors.js';
import type { Fetch } from '../../download/host.js';

/** What the worker asks the page for. */
export interface PageRequest {
  url: string;
  headers: Record<string, string>;
  cache: RequestCache;
}

type FromPage =
  | { type: 'answer'; status: number; statusText: string; headers: [string, string][] }
  | { type: 'piece'; piece: Uint8Array<ArrayBuffer> }
  | { type: 'end' }
  | { type: 'error'; message: string };

type FromWorker = 'pull' | 'cancel';

/** In the worker: a fetch that sends its requests to the page. */
export function fetchThroughPage(send: (request: PageRequest, port: MessagePort) => void): Fetch {
  return (url, { headers, cache, signal }) =>
    new Promise<Response>((resolve, reject) => {
      const { port1: port, port2 } = new MessageChannel();
      const say = (message: FromWorker) => port.postMessage(message);
      let body: ReadableStreamDefaultController<Uint8Array>;
      const stream = new ReadableStream<Uint8Array>({
        start: (controller) => void (body = controller),
        pull: () => say('pull'),
        cancel: () => end(),
      }, { highWaterMark: 0 });
      const end = () => {
        say('cancel');
        port.close();
        signal?.removeEventListener('abort', onAbort);
      };
      const fail = (error: unknown) => {
        end();
        reject(error);
        body.error(error);
      };
      const onAbort = () => fail(signal!.reason);
      port.onmessage = ({ data: message }: MessageEvent<FromPage>) => {
        switch (message.type) {
          case 'answer': {
            const { status, statusText, headers } = message;
            // Statuses without a body, which none may be made for.
            const bodiless = status === 204 || status === 205 || status === 304;
            try {
              return resolve(new Response(bodiless ? null : stream, { status, statusText, headers }));
            } catch (error) {
              return fail(error);  // opaque answers have the status 0
            }
          }
          case 'piece':
            return body.enqueue(message.piece);
          case 'end':
            end();
            return body.close();
          case 'error':
            return fail(new DecalError('network', message.message));
        }
      };
      send({ url, headers: headers as Record<string, string>, cache: cache ?? 'default' }, port2);
      if (signal?.aborted) onAbort();
      else signal?.addEventListener('abort', onAbort);
    });
}

/** On the page: serves one request of the worker with `fetch`. */
export async function serveFetch(fetch: Fetch, { url, ...init }: PageRequest, port: MessagePort): Promise<void> {
  const say = (message: FromPage, transfer: Transferable[] = []) => port.postMessage(message, transfer);
  const abort = new AbortController();
  let pulled = () => {};
  port.onmessage = ({ data }: MessageEvent<FromWorker>) => {
    if (data === 'cancel') abort.abort();
    pulled();
  };
  const nextPull = () => new Promise<void>((resolve) => (pulled = resolve));
  try {
    let pull = nextPull();
    const response = await fetch(url, { ...init, signal: abort.signal });
    const { status, statusText, type } = response;
    // Other hosts hide whether their length is that of a compressed body.
    const hidden = type === 'cors' && status === 200;
    const headers = [...response.headers].filter(([name]) => !hidden || name !== 'content-length');
    say({ type: 'answer', status, statusText, headers });
    const reader = response.body?.getReader();
    for (;;) {
      await pull;
      if (abort.signal.aborted) return void reader?.cancel().catch(() => {});
      pull = nextPull();
      const { done, value } = (await reader?.read()) ?? { done: true, value: undefined };
      if (done || !value) return say({ type: 'end' });
      // The bytes alone go over: a piece may be part of a buffer that the page still uses.
      const piece = value.slice();
      say({ type: 'piece', piece }, [piece.buffer]);
    }
  } catch (error) {
    say({ type: 'error', message: error instanceof Error ? error.message : String(error) });
  }
}
