// One request for a file or a part of it: what was asked for, how the response describes it, and its bytes.
// SPDX-License-Identifier: MIT
import { following } from '../shared/abort.js';
import { DecalError } from '../shared/errors.js';
import type { Host, Wanted } from './host.js';
import { retryAfterMs, TransferError } from './retry.js';

export interface Ask {
  /** Position of the first byte. */
  from: number;
  /** Position after the last byte; Infinity for the rest of the file. */
  to: number;
  /** Ask for a range. Otherwise the response begins at 0. */
  ranged: boolean;
  /** The version that a part must belong to, if known. */
  validator: string | null;
  /** How the browser's own cache may be used. */
  cache: RequestCache;
}

export interface Answer {
  /** Positions of its first byte and, if stated, of its end. */
  start: number;
  end: number | null;
  /** Size of the whole file, if the response states it. */
  total: number | null;
  /** ETag or else Last-Modified. */
  validator: string | null;
  /** The response is a part of the file (206). */
  partial: boolean;
  body: AsyncGenerator<Uint8Array, void>;
  close(): void;
}

/**
 * @throws {TransferError} if another attempt may succeed
 * @throws {DecalError} `not-found`, `network`: if none will
 */
export async function ask(
  host: Host, { url, sha256 }: Wanted, { from, to, ranged, validator: known, cache }: Ask, stallMs: number,
  signal: AbortSignal,
): Promise<Answer> {
  const connection = new Connection(host, url, stallMs, signal);
  try {
    const headers: Record<string, string> = {};
    if (ranged) headers['Range'] = `bytes=${from}-${to === Infinity ? '' : to - 1}`;
    if (ranged && from > 0 && isStrong(known) && host.mayCondition(url)) headers['If-Range'] = known;
    const response = await connection.open({ headers, cache });
    const seen = response.headers;
    const validator = seen.get('etag') ?? seen.get('last-modified');
    const facts = { validator, body: connection.pieces(), close: () => connection.close() };
    const encoding = seen.get('content-encoding');
    const encoded = encoding !== null && encoding !== 'identity';
    if (response.status === 206 && ranged) {
      const range = contentRange(seen.get('content-range'));
      // A part of a compressed file is not a part of the file. Other hosts may also hide the position of a part; then only a hash
      // can tell whether it is the right one.
      const trusted = !encoded && (range ? range.from === from : sha256 !== null && !seen.has('content-range'));
      if (!trusted) throw new TransferError('ranges', `${url}: the server's part of the file is not the one asked for`);
      const rest = to === Infinity ? lengthOf(seen) : null;
      const total = range ? range.total : rest && from + rest;
      return { start: from, end: range ? range.to : null, total, partial: true, ...facts };
    }
    if (response.status === 416 && from > 0) {
      const ends = contentRange(seen.get('content-range'))?.total === from;
      throw new TransferError(ends ? 'end' : 'changed', `${url}: the file is shorter than before`);
    }
    if (response.status !== 200) throw refusal(url, response, host.now());
    if (/^text\/html\b/i.test(seen.get('content-type') ?? '')) {
      const question = 'is the address right, or does the network ask for a login?';
      throw new DecalError('network', `${url}: this is a web page, not a model: ${question}`);
    }
    // For a compressed response the header states the compressed size, and other hosts hide whether it is compressed.
    const total = encoded || response.type === 'cors' ? null : lengthOf(seen);
    return { start: 0, end: total, total, partial: false, ...facts };
  } catch (error) {
    connection.close();
    throw error;
  }
}

/** A weak ETag only says that two files mean the same. */
export function isStrong(validator: string | null): validator is string {
  return validator !== null && !validator.startsWith('W/');
}

function refusal(url: string, { status, statusText, headers }: Response, now: number): DecalError {
  const said = `${url}: the server answered ${status} ${statusText}`.trimEnd();
  if (status === 404 || status === 410) return new DecalError('not-found', said);
  const passing = status === 408 || status === 425 || status === 429 || status >= 500;
  if (!passing) return new DecalError('network', said);
  return new TransferError('interrupted', said, { retryAfterMs: retryAfterMs(headers.get('retry-after'), now) });
}

function lengthOf(headers: Headers): number | null {
  const text = headers.get('content-length');
  return text !== null && /^\d+$/.test(text) ? Number(text) : null;
}

/** `to` is the position after the last byte, as everywhere here. */
function contentRange(header: string | null): { from: number | null; to: number | null; total: number | null } | null {
  const [, from, last, total] = /^bytes (?:(\d+)-(\d+)|\*)\/(\d+|\*)$/.exec(header ?? '') ?? [];
  if (total === undefined) return null;
  const [start, to] = from === undefined ? [null, null] : [Number(from), Number(last) + 1];
  return { from: start, to, total: total === '*' ? null : Number(total) };
}

/** A request that is aborted if nothing arrives for a while. */
class Connection {
  readonly #host: Host;
  readonly #url: string;
  readonly #stallMs: number;
  readonly #outer: AbortSignal;
  readonly #abort: AbortController;
  readonly #release: () => void;
  #response: Response | null = null;
  #stalled = false;

  constructor(host: Host, url: string, stallMs: number, outer: AbortSignal) {
    this.#host = host;
    this.#url = url;
    this.#stallMs = stallMs;
    this.#outer = outer;
    ({ controller: this.#abort, release: this.#release } = following(outer));
  }

  async open(init: RequestInit): Promise<Response> {
    const { signal } = this.#abort;
    this.#response = await this.#watched(() => this.#host.fetch(this.#url, { ...init, signal }), true);
    return this.#response;
  }

  async *pieces(): AsyncGenerator<Uint8Array, void> {
    const body = this.#response!.body;
    if (!body) return this.close();
    const reader = body.getReader();
    try {
      for (;;) {
        const { done, value } = await this.#watched(() => reader.read(), false);
        if (done) return;
        if (value.length > 0) yield value;
      }
    } finally {
      this.close();
      reader.cancel().catch(() => {});
    }
  }

  close(): void {
    this.#release();
    this.#abort.abort();
  }

  /** The result of `work`, unless it takes too long. Some streams ignore the abort, so it is not awaited. */
  #watched<T>(work: () => Promise<T>, silent: boolean): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      const { signal } = this.#abort;
      const fail = (error: unknown) => reject(this.#explain(error, silent));
      const onAbort = () => fail(signal.reason);
      const stop = this.#host.timer(this.#stallMs, () => {
        this.#stalled = true;
        this.#abort.abort();
      });
      if (signal.aborted) onAbort();
      signal.addEventListener('abort', onAbort);
      work().then(resolve, fail).finally(() => {
        stop();
        signal.removeEventListener('abort', onAbort);
      });
    });
  }

  #explain(error: unknown, silent: boolean): unknown {
    if (this.#outer.aborted) return this.#outer.reason;
    const { message, cause } = error instanceof Error ? error : new Error(String(error));
    const inner = cause instanceof Error ? cause.message : '';
    const what = this.#stalled ? `nothing arrived for ${this.#stallMs / 1000} s` : inner || message;
    return new TransferError('interrupted', `${this.#url}: ${what}`, { silent, cause: error });
  }
}
