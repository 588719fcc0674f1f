// The state machine behind subscribeToProgress.
// SPDX-License-Identifier: MIT
import type { DownloadProgress } from '../download/host.js';
import { Listeners, tell } from '../shared/listeners.js';
import type { ProgressListener, ProgressPhase, ProgressState } from '../shared/types.js';

const kOrder: Record<ProgressPhase, number> = { idle: 0, downloading: 1, building: 2, ready: 3, error: 3 };

/** Keeps the current state and tells it to listeners; within one session it only moves forward. */
export class Progress {
  #state: ProgressState = { phase: 'idle', progress: 0, sessionId: 0 };
  readonly #listeners = new Listeners<ProgressState>();

  get state(): ProgressState {
    return this.#state;
  }

  subscribe(listener: ProgressListener): () => void {
    const end = this.#listeners.add(listener);
    tell(listener, () => ({ ...this.#state }));
    return end;
  }

  /** A new attempt to load a model; returns its session id. */
  begin(): number {
    this.#set({ phase: 'idle', progress: 0, sessionId: this.#state.sessionId + 1 });
    return this.#state.sessionId;
  }

  /** How far the download of `model` is. */
  downloading(sessionId: number, model: string, { loadedBytes, totalBytes, bytesPerSecond }: DownloadProgress): void {
    // 99 and 100 belong to building and ready, whatever the server said about the size.
    const percent = totalBytes ? Math.min(98, Math.floor((98 * loadedBytes) / totalBytes)) : 0;
    const now = this.#state;
    // A download that had to begin again catches up first: nothing goes back within a session.
    const progress = now.sessionId === sessionId ? Math.max(percent, now.progress) : percent;
    const loaded = now.sessionId === sessionId ? Math.max(loadedBytes, now.loadedBytes ?? 0) : loadedBytes;
    const bytes = { loadedBytes: loaded, totalBytes, bytesPerSecond };
    this.#advance(sessionId, { phase: 'downloading', progress, sessionId, ...bytes, model });
  }

  /** `share`: of what a GPU needs built, 0 to 1: tenths of the last percent. */
  building(sessionId: number, share = 0): void {
    const progress = 99 + Math.min(9, Math.floor(10 * share)) / 10;
    this.#advance(sessionId, { ...this.#download(), phase: 'building', progress, sessionId });
  }

  ready(sessionId: number): void {
    this.#advance(sessionId, { ...this.#download(), phase: 'ready', progress: 100, sessionId });
  }

  failed(sessionId: number, errorMsg: string): void {
    const { progress } = this.#state;
    this.#advance(sessionId, { ...this.#download(), phase: 'error', progress, errorMsg, sessionId });
  }

  /** What is said of the download once it is over. */
  #download(): Partial<ProgressState> {
    const { loadedBytes, totalBytes, model } = this.#state;
    if (loadedBytes === undefined || totalBytes === undefined || model === undefined) return {};
    return { loadedBytes, totalBytes, model, bytesPerSecond: 0 };
  }

  #advance(sessionId: number, next: ProgressState): void {
    const now = this.#state;
    if (sessionId !== now.sessionId || kOrder[now.phase] === 3) return;
    if (kOrder[next.phase] < kOrder[now.phase] || next.progress < now.progress) return;
    const same = next.phase === now.phase && next.progress === now.progress;
    if (same && next.loadedBytes === now.loadedBytes && next.totalBytes === now.totalBytes) return;
    this.#set(next);
  }

  #set(state: ProgressState): void {
    this.#state = state;
    this.#listeners.tell(() => ({ ...state }));
  }
}
