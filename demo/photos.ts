// The visitor's photos and the queue that works on them, one after the other.
// SPDX-License-Identifier: MIT
import { applyMatte, models, removeBackground, type PictureResult, type RemoveBackgroundResult } from 'decal';
import type { Background } from './look.ts';
import { Painting } from './painting.ts';
import { askPictureWorker } from './picture_client.ts';
import type { Backdrop, ImageType, Stroke } from './picture_tasks.ts';

export type PhotoState =
  | { kind: 'waiting' }
  | { kind: 'working' }
  | { kind: 'done'; result: RemoveBackgroundResult }
  | { kind: 'failed'; error: unknown }
  | { kind: 'cancelled' };

export class Photo {
  readonly originalUrl: string;
  abort = new AbortController();
  #state: PhotoState = { kind: 'waiting' };
  #painting: Painting | null = null;
  #edged: { amount: number; version: number; cutout: Promise<PictureResult>; url: string | null } | null = null;
  #blurred: { strength: number; picture: Promise<Blob> } | null = null;

  constructor(readonly file: File) {
    this.originalUrl = URL.createObjectURL(file);
  }

  get name(): string {
    return this.file.name || 'Pasted picture';
  }

  get state(): PhotoState {
    return this.#state;
  }

  set state(state: PhotoState) {
    this.#forget();
    if (this.#state.kind === 'done') this.#state.result.revoke();
    this.#state = state;
  }

  /** What to show: the cut-out with the edges asked for last, as soon as they are there. */
  get cutoutUrl(): string | null {
    return this.#edged?.url ?? (this.#state.kind === 'done' ? this.#state.result.blobUrl : null);
  }

  /** The name of the download: that of the photo, with what it became. */
  fileName(type: ImageType): string {
    const stem = this.name.replace(/\.[^.]+$/, '') || 'photo';
    return `${stem}.decal.${type === 'image/jpeg' ? 'jpg' : type.slice('image/'.length)}`;
  }

  /** The cut-out with tighter (-10) to wider (10) edges, from the original's colours and without another run. */
  async cutout(edges: number): Promise<Pick<PictureResult, 'blob'>> {
    const result = this.#result();
    const version = this.#painting?.version ?? 0;
    if (edges === 0 && version === 0) {
      this.#forgetEdges();
      return result;
    }
    if (this.#edged?.amount !== edges || this.#edged.version !== version) {
      this.#forgetEdges();
      const found = this.#painting?.matte() ?? askPictureWorker({ kind: 'matte', cutout: result.blob });
      const cutout = found.then((matte) => applyMatte(this.file, matte, { output: { grow: edges * edgeStep(matte) } }));
      const edged = (this.#edged = { amount: edges, version, cutout, url: null as string | null });
      cutout.then(
        ({ blobUrl }) => (edged.url = blobUrl),
        // The next call tries again.
        () => {
          if (this.#edged === edged) this.#edged = null;
        },
      );
    }
    return this.#edged!.cutout;
  }

  get canUndo(): boolean {
    return this.#painting?.canUndo ?? false;
  }

  /** Keeps or removes what the stroke covers, up to the edges there. */
  async paint(stroke: Stroke): Promise<void> {
    this.#painting ??= new Painting(this.file, this.#result().blob);
    await this.#painting.add(stroke);
  }

  /** Takes the last stroke back. */
  async undo(): Promise<void> {
    await this.#painting?.undo();
  }

  async backdrop(background: Background): Promise<Backdrop> {
    if (background.kind === 'none') return '';
    if (background.kind === 'colour') return background.colour;
    if (background.kind === 'picture') return background.picture;
    const { strength } = background;
    if (this.#blurred?.strength !== strength) {
      const picture = askPictureWorker({ kind: 'blur', original: this.file, cutout: this.#result().blob, strength });
      this.#blurred = { strength, picture };
    }
    return this.#blurred.picture;
  }

  free(): void {
    this.state = { kind: 'cancelled' };
    URL.revokeObjectURL(this.originalUrl);
  }

  #result(): RemoveBackgroundResult {
    if (this.#state.kind !== 'done') throw new Error(`${this.name} is not done`);
    return this.#state.result;
  }

  #forget(): void {
    this.#forgetEdges();
    this.#painting = null;
    this.#blurred = null;
  }

  #forgetEdges(): void {
    this.#edged?.cutout.then((result) => result.revoke(), () => undefined);
    this.#edged = null;
  }
}

/** Pixels of a step: a half of one, and more in pictures of more than 2,000. */
function edgeStep({ width, height }: { width: number; height: number }): number {
  return Math.min(Math.max(width, height, 2000) / 4000, 5);
}

/** Holds photos in order. `changed` hears of every change, with the photo that it is about. */
export class Photos {
  readonly list: Photo[] = [];
  /** Of the registry; what starts from now on uses it. */
  model = models[0]!.name;
  #running = false;

  constructor(readonly changed: (photo: Photo) => void) {}

  get pending(): Photo[] {
    return this.list.filter(({ state: { kind } }) => kind === 'waiting' || kind === 'working');
  }

  get done(): Photo[] {
    return this.list.filter(({ state }) => state.kind === 'done');
  }

  add(file: File): Photo {
    const photo = new Photo(file);
    this.list.push(photo);
    this.changed(photo);
    void this.#run();
    return photo;
  }

  cancel(photo: Photo): void {
    if (!this.pending.includes(photo)) return;
    photo.abort.abort();
    this.#set(photo, { kind: 'cancelled' });
  }

  /** Runs a photo that is not under way once more, with the model of now. */
  again(photo: Photo): void {
    if (this.pending.includes(photo)) return;
    photo.abort = new AbortController();
    this.#set(photo, { kind: 'waiting' });
    void this.#run();
  }

  remove(photo: Photo): void {
    photo.abort.abort();
    photo.free();
    this.list.splice(this.list.indexOf(photo), 1);
    this.changed(photo);
  }

  async #run(): Promise<void> {
    if (this.#running) return;
    this.#running = true;
    for (;;) {
      const photo = this.list.find(({ state }) => state.kind === 'waiting');
      if (!photo) break;
      const { signal } = photo.abort;
      this.#set(photo, { kind: 'working' });
      try {
        const result = await removeBackground(photo.file, { signal, model: this.model });
        // Cancelled or removed between the end of the work and this line: it is no longer wanted.
        if (signal.aborted) result.revoke();
        else this.#set(photo, { kind: 'done', result });
      } catch (error) {
        if (!signal.aborted) this.#set(photo, { kind: 'failed', error });
      }
    }
    this.#running = false;
  }

  #set(photo: Photo, state: PhotoState): void {
    photo.state = state;
    this.changed(photo);
  }
}
