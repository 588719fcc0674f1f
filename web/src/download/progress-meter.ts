// Progress and speed of a download, reported no more often than a display refreshes.
// SPDX-License-Identifier: MIT
import type { DownloadProgress, Host } from './host.js';

const kTellMs = 25;
/** Over how long the speed is an average, about. */
const kSpeedMs = 1000;

export class ProgressMeter {
  readonly #host: Pick<Host, 'now'>;
  readonly #tell: (progress: DownloadProgress) => void;
  #loaded = 0;
  #total: number | null;
  #told = -Infinity;
  /** Since `#since`, from the network. */
  #received = 0;
  #since: number;
  #speed = 0;

  constructor(host: Pick<Host, 'now'>, total: number | null, tell: (progress: DownloadProgress) => void = () => {}) {
    this.#host = host;
    this.#total = total;
    this.#tell = tell;
    this.#since = host.now();
    this.tell();
  }

  set total(total: number | null) {
    this.#total = total;
  }

  /** A new attempt begins with its first byte. */
  restart(): void {
    this.#loaded = this.#received = 0;
    this.#since = this.#host.now();
  }

  /** `bytes` more: of the network, or of a cache. */
  add(bytes: number, received: boolean): void {
    this.reach(this.#loaded + bytes, received ? bytes : 0);
  }

  /** Somebody else has brought it that far. */
  reach(loaded: number, received = 0): void {
    this.#loaded = loaded;
    this.#received += received;
    const now = this.#host.now();
    if (now - this.#told >= kTellMs) this.tell(now);
  }

  tell(now = this.#host.now()): void {
    const elapsed = now - this.#since;
    const rate = elapsed > 0 ? (this.#received * 1000) / elapsed : 0;
    if (elapsed >= kSpeedMs / 4) {
      this.#speed = this.#speed === 0 ? rate : this.#speed + Math.min(1, elapsed / kSpeedMs) * (rate - this.#speed);
      this.#since = now;
      this.#received = 0;
    }
    this.#told = now;
    this.#tell({ loadedBytes: this.#loaded, totalBytes: this.#total, bytesPerSecond: Math.round(this.#speed || rate) });
  }
}
