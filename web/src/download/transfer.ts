// Downloads a file in order and completely, however often the connection breaks.
// SPDX-License-Identifier: MIT
import { following } from '../shared/abort.js';
import { DecalError } from '../shared/errors.js';
import { ahead } from './prefetch.js';
import type { Host, Tuning, Wanted } from './host.js';
import { ask, isStrong, type Answer } from './request.js';
import { RetryPolicy, TransferError } from './retry.js';

/**
 * After this many attempts without a response, the request is made without Range: the server, or a browser that sends a preflight
 * for it, may not support it.
 */
const kSilentTries = 2;

/** What an earlier visit has stored of the file. */
export interface Part {
  length: number;
  validator: string | null;
  total: number | null;
}

/**
 * Call `open` first, then `bytes`. Several connections fetch ranges ahead of the reader; each holds at most one range of
 * `chunkBytes` in memory.
 */
export class Transfer {
  readonly #host: Host;
  readonly #wanted: Wanted;
  readonly #tuning: Tuning;
  readonly #signal: AbortSignal;
  readonly #kept: boolean;
  /** Size of the whole file; null while unknown. */
  total: number | null;
  validator: string | null = null;
  /** The responses that bytes came from. Those of different responses may not belong together. */
  answers = 0;
  /** The responses disagree about the file's version; only a hash can tell. */
  mixed = false;
  /** Whether the server supports ranges; null before the first response. */
  #ranges: boolean | null = null;
  #silentTries = 0;
  #lanes: number;
  #delivering = false;
  #first: Answer | null = null;
  #at = 0;

  /** `kept`: the bytes go into our own cache, so that the browser's need not keep them too. */
  constructor(host: Host, wanted: Wanted, tuning: Tuning, signal: AbortSignal, kept: boolean) {
    this.#host = host;
    this.#wanted = wanted;
    this.#tuning = tuning;
    this.#signal = signal;
    this.#kept = kept;
    this.#lanes = tuning.lanes;
    this.total = wanted.bytes;
  }

  /** Sends the first request. Returns where its bytes begin: after `part` if that is still valid, otherwise 0. */
  async open(part: Part | null): Promise<number> {
    let from = part?.length ?? 0;
    if (part) {
      this.validator = part.validator;
      this.total = part.total ?? this.total;
    }
    const { bytes, sha256 } = this.#wanted;
    const { splitBytes, chunkBytes } = this.#tuning;
    const patience = this.#patience(from, this.#signal);
    for (;;) {
      // Otherwise the response must first say whether ranges of this file are safe.
      const splits = this.#kept && sha256 !== null && bytes !== null && bytes - from >= splitBytes;
      try {
        this.#first = await this.#ask(from, splits ? from + chunkBytes : Infinity, this.#signal);
        return this.#at = this.#first.start;
      } catch (error) {
        if (error instanceof TransferError && error.kind === 'ranges' && this.#ranges !== false) this.#ranges = false;
        else if (error instanceof TransferError && (error.kind === 'changed' || error.kind === 'end') && from > 0) {
          from = 0;
          this.validator = null;
          this.total = bytes;
        } else await patience.after(error, from);
      }
    }
  }

  /** The body of the request made by `open`. The reader may stop at any time. */
  async *bytes(): AsyncGenerator<Uint8Array, void> {
    this.#delivering = true;
    while (this.#splits()) {
      try {
        for await (const piece of this.#sideBySide()) {
          this.#at += piece.length;
          yield piece;
        }
        return;
      } catch (error) {
        if (!(error instanceof TransferError && error.kind === 'ranges')) throw error;
        this.#ranges = false;
      }
    }
    yield* this.#range(this.#at, Infinity, this.#takeFirst(), this.#signal);
  }

  /** Cancels what `open` began, for readers that do not want its bytes. */
  close(): void {
    this.#takeFirst()?.close();
  }

  #takeFirst(): Answer | null {
    const first = this.#first;
    this.#first = null;
    return first;
  }

  #splits(): boolean {
    const { sha256 } = this.#wanted;
    const safe = sha256 !== null || isStrong(this.validator);
    const left = this.total === null ? 0 : this.total - this.#at;
    return this.#kept && this.#ranges === true && safe && left >= this.#tuning.splitBytes;
  }

  async *#sideBySide(): AsyncGenerator<Uint8Array, void> {
    const end = this.total!;
    let next = this.#at;
    const { controller: stop, release } = following(this.#signal);
    const first = this.#first;
    const lanes: AsyncGenerator<Uint8Array, void>[] = [];
    const fill = () => {
      while (lanes.length < this.#lanes && next < end && this.#ranges) {
        const to = Math.min(next + this.#tuning.chunkBytes, end);
        lanes.push(ahead(this.#range(next, to, this.#takeFirst(), stop.signal), stop.signal));
        next = to;
      }
    };
    try {
      for (fill(); lanes.length > 0; fill()) {
        yield* lanes[0]!;
        lanes.shift();
      }
      // Lanes that were not opened because no ranges were left.
      if (next < end) throw new TransferError('ranges', `${this.#wanted.url}: no more parts`);
    } finally {
      release();
      stop.abort();
      first?.close();
    }
  }

  /** The bytes from `from` to `to`, or to the end of the file, from as many responses as it takes. */
  async *#range(from: number, to: number, first: Answer | null, signal: AbortSignal): AsyncGenerator<Uint8Array, void> {
    const { url, name } = this.#wanted;
    const patience = this.#patience(from, signal);
    for (let at = from; at < to; ) {
      try {
        const answer = first ?? (await this.#ask(at, to, signal));
        first = null;
        ++this.answers;
        let position = answer.start;
        // A server that sends the whole file: skip what is there already.
        const end = Math.min(to, answer.total ?? Infinity);
        for await (const piece of answer.body) {
          const begin = Math.max(0, at - position);
          const stop = Math.min(piece.length, end - position);
          position += piece.length;
          if (stop > begin) {
            at += stop - begin;
            if (at > (this.total ?? Infinity)) {
              throw new DecalError('corrupt-model', `${name}: more than the ${this.total} bytes there should be`);
            }
            yield piece.subarray(begin, stop);
          }
          // A response that is read to its end leaves its connection open for the next request.
          if (at >= end && end !== answer.end) break;
        }
        const whole = this.total;
        if (to === Infinity && (whole === null || at === whole)) return;
        if (at < Math.min(to, whole ?? to)) {
          throw new TransferError('interrupted', `${url}: the connection ended after ${at} of ${whole} bytes`);
        }
      } catch (error) {
        const kind = error instanceof TransferError && to === Infinity ? error.kind : null;
        if (kind === 'end') return;
        if (at === this.total && !signal.aborted) return;  // nothing was missing
        if (kind === 'ranges' && this.#ranges !== false) this.#ranges = false;
        else await patience.after(error, at);
      }
    }
  }

  #patience(from: number, signal: AbortSignal): RetryPolicy {
    return new RetryPolicy(this.#host, this.#tuning, signal, from);
  }

  async #ask(at: number, to: number, signal: AbortSignal): Promise<Answer> {
    const { url, sha256, bytes } = this.#wanted;
    // A range also keeps servers from compressing. With compression, a file of unknown size could not be checked for
    // completeness.
    const useful = at > 0 || to !== Infinity || bytes === null || sha256 === null;
    const ranged = useful && this.#ranges !== false;
    const cache = this.#kept ? 'no-store' : 'default';
    let answer: Answer;
    try {
      const question = { from: at, to, ranged, validator: this.validator, cache } as const;
      answer = await ask(this.#host, this.#wanted, question, this.#tuning.stallMs, signal);
    } catch (error) {
      if (error instanceof TransferError && error.kind === 'interrupted') {
        if (!error.silent) this.#lanes = 1;  // perhaps too many at a time
        else if (ranged && this.#ranges === null && ++this.#silentTries >= kSilentTries) this.#ranges = false;
      }
      throw error;
    }
    try {
      this.#compare(answer, at);
      if (ranged && !answer.partial && at > 0 && to !== Infinity) {
        throw new TransferError('ranges', `${url}: the server gives no parts any more`);
      }
      if (ranged) this.#ranges = answer.partial;
      return answer;
    } catch (error) {
      answer.close();
      throw error;
    }
  }

  /** Throws if this response is of another file than the bytes before. */
  #compare(answer: Answer, at: number): void {
    const { url, name, bytes, sha256 } = this.#wanted;
    if (bytes !== null && answer.total !== null && answer.total !== bytes) {
      throw new DecalError('corrupt-model', `${name}: ${answer.total} bytes at ${url} where there should be ${bytes}`);
    }
    const otherSize = this.total !== null && answer.total !== null && answer.total !== this.total;
    const unnamed = sha256 === null && this.validator === null && at > 0;
    const otherVersion = unnamed || (this.validator !== null && answer.validator !== this.validator);
    const begins = !this.#delivering && answer.start === 0;
    if ((otherSize || otherVersion) && !begins) {
      // Mirrors of one host may label the same file differently. If a hash is known, it decides.
      const mayBeSame = this.#delivering && !otherSize && sha256 !== null;
      if (!mayBeSame) throw new TransferError('changed', `${url}: the file changed while it was downloaded`);
      this.mixed = true;
    }
    if (begins) {
      this.validator = answer.validator;
      this.total = answer.total ?? bytes;
    }
    this.total ??= answer.total;
    this.validator ??= answer.validator;
  }
}
