// When to retry, and after how long.
// SPDX-License-Identifier: MIT
import { DecalError } from '../shared/errors.js';
import type { Host, Tuning } from './host.js';

/**
 * Why an answer is of no use. `interrupted`: another try may succeed. `ranges`: the server cannot be asked for parts.
 * `changed`: the file is another than before. `end`: nothing lies behind the byte that was asked for.
 */
export class TransferError extends DecalError {
  readonly kind: 'interrupted' | 'ranges' | 'changed' | 'end';
  /** What the server asked to wait, in milliseconds. */
  readonly retryAfterMs: number | null;
  /** There was no answer at all. */
  readonly silent: boolean;

  constructor(
    kind: TransferError['kind'], message: string, { retryAfterMs = null, silent = false, cause }:
    { retryAfterMs?: number | null; silent?: boolean; cause?: unknown } = {},
  ) {
    super('network', message, { cause });
    this.kind = kind;
    this.retryAfterMs = retryAfterMs;
    this.silent = silent;
  }
}

/** The pause before try number `failures` + 1, in milliseconds: doubling, and never the same for many who failed at once. */
export function backoffMs(failures: number, { pauseMs, longestPauseMs }: Tuning, random: () => number): number {
  const pause = Math.min(longestPauseMs, pauseMs * 2 ** (failures - 1));
  return pause * (0.5 + random() / 2);
}

/** A Retry-After header, seconds or a date, as milliseconds from `now`; null if there is none that can be read. */
export function retryAfterMs(header: string | null, now: number): number | null {
  if (header === null || header.trim() === '') return null;
  const seconds = Number(header);
  const ms = Number.isNaN(seconds) ? Date.parse(header) - now : seconds * 1000;
  return Number.isNaN(ms) ? null : Math.max(0, ms);
}

/** Counts failures and decides after each: wait and go on, or give up. */
export class RetryPolicy {
  readonly #host: Host;
  readonly #tuning: Tuning;
  readonly #signal: AbortSignal;
  #failures = 0;
  #mark: number;

  constructor(host: Host, tuning: Tuning, signal: AbortSignal, from: number) {
    this.#host = host;
    this.#tuning = tuning;
    this.#signal = signal;
    this.#mark = from;
  }

  /** After `error` at the byte `at`: returns when it is time for the next try, throws when there is none. */
  async after(error: unknown, at: number): Promise<void> {
    if (this.#signal.aborted) throw this.#signal.reason;
    if (!(error instanceof TransferError) || error.kind !== 'interrupted') throw error;
    if (at - this.#mark >= this.#tuning.progressBytes) this.#failures = 0;
    this.#mark = at;
    ++this.#failures;
    if (this.#failures >= this.#tuning.tries) {
      throw new DecalError('network', `${error.message} (tried ${this.#failures} times)`, { cause: error });
    }
    const wanted = error.retryAfterMs;
    if (wanted !== null && wanted > this.#tuning.patienceMs) {
      const seconds = Math.ceil(wanted / 1000);
      throw new DecalError('network', `${error.message}; the server asks to retry after ${seconds} s`, { cause: error });
    }
    await this.#host.sleep(wanted ?? backoffMs(this.#failures, this.#tuning, this.#host.random), this.#signal);
  }
}
