// The visitor's photos and the queue that works on them, one after the other.
import { removeBackground, type RemoveBackgroundResult } from 'decal';

export type PhotoState =
  | { kind: 'waiting' }
  | { kind: 'working' }
  | { kind: 'done'; result: RemoveBackgroundResult }
  | { kind: 'failed'; error: unknown }
  | { kind: 'cancelled' };

export class Photo {
  readonly originalUrl: string;
  state: PhotoState = { kind: 'waiting' };
  abort = new AbortController();

  constructor(
    readonly id: number,
    readonly file: File,
  ) {
    this.originalUrl = URL.createObjectURL(file);
  }

  get name(): string {
    return this.file.name || 'Pasted picture';
  }

  /** The name of the download: that of the photo, with what it became. */
  fileName(type: string): string {
    const stem = this.name.replace(/\.[^.]+$/, '') || 'photo';
    return `${stem}.decal.${type === 'image/jpeg' ? 'jpg' : type.slice('image/'.length)}`;
  }
}

/** Holds photos in order. `changed` hears of every change, with the photo that it is about. */
export class Photos {
  readonly list: Photo[] = [];
  #nextId = 1;
  #running = false;

  constructor(readonly changed: (photo: Photo) => void) {}

  add(file: File): Photo {
    const photo = new Photo(this.#nextId++, file);
    this.list.push(photo);
    this.changed(photo);
    void this.#run();
    return photo;
  }

  cancel(photo: Photo): void {
    if (photo.state.kind !== 'waiting' && photo.state.kind !== 'working') return;
    photo.abort.abort();
    this.#set(photo, { kind: 'cancelled' });
  }

  retry(photo: Photo): void {
    if (photo.state.kind !== 'failed' && photo.state.kind !== 'cancelled') return;
    photo.abort = new AbortController();
    this.#set(photo, { kind: 'waiting' });
    void this.#run();
  }

  remove(photo: Photo): void {
    photo.abort.abort();
    if (photo.state.kind === 'done') photo.state.result.revoke();
    URL.revokeObjectURL(photo.originalUrl);
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
        const result = await removeBackground(photo.file, { signal });
        // Cancelled or removed between the end of the work and this line: nobody will ask for it.
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
