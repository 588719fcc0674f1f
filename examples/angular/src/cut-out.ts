import { Component, DestroyRef, inject, signal } from '@angular/core';
import { removeBackground, subscribeToProgress, type RemoveBackgroundResult } from 'decal';

@Component({
  selector: 'app-cut-out',
  template: `
    <main>
      <h1>Remove a background</h1>
      <label>Photo <input #photo type="file" accept="image/*" (change)="choose(photo.files?.[0])"></label>
      <p role="status">{{ status() }}</p>
      @if (cutout(); as cutout) {
        <img [src]="cutout.blobUrl" [width]="cutout.width" [height]="cutout.height" alt="cut-out">
      }
    </main>
  `,
})
export class CutOut {
  protected readonly status = signal('Choose a photo.');
  protected readonly cutout = signal<RemoveBackgroundResult | null>(null);
  private controller = new AbortController();

  constructor() {
    const unsubscribe = subscribeToProgress(({ phase, progress }) => {
      if (phase === 'downloading') this.status.set(`Loading the model: ${progress} %`);
    });
    inject(DestroyRef).onDestroy(() => {
      unsubscribe();
      this.clear();
    });
  }

  protected async choose(file: File | undefined): Promise<void> {
    if (!file) return;
    this.clear();
    const { signal } = (this.controller = new AbortController());
    this.status.set('Working…');
    try {
      const cutout = await removeBackground(file, { signal });
      this.cutout.set(cutout);
      this.status.set(`Done in ${cutout.processingTimeSeconds.toFixed(1)} s`);
    } catch (error) {
      if (!signal.aborted) this.status.set((error as Error).message);
    }
  }

  private clear(): void {
    this.controller.abort();
    this.cutout()?.revoke();
    this.cutout.set(null);
  }
}
