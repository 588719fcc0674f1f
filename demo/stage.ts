// The large picture: original and cut-out with the slider between them, or what keeps them from being there.
// SPDX-License-Identifier: MIT
import type { ProgressState } from 'decal';
import { element } from './dom.ts';
import type { Photo } from './photos.ts';
import type { Backdrop } from './picture_tasks.ts';
import { problemInWords, progressInWords } from './strings.ts';

interface StageHooks {
  cancel: () => void;
  retry: () => void;
}

export class Stage {
  readonly #frame = element('frame', HTMLElement);
  readonly #original = element('original', HTMLImageElement);
  readonly #cutout = element('cutout', HTMLImageElement);
  readonly #split = element('split', HTMLInputElement);
  readonly #busy = element('busy', HTMLElement);
  readonly #bar = element('bar', HTMLProgressElement);
  readonly #busyText = element('busy-text', HTMLElement);
  readonly #cancel = element('cancel', HTMLButtonElement);
  readonly #problem = element('problem', HTMLElement);
  #backdrop: Backdrop = '';
  #backdropUrl = '';

  constructor({ cancel, retry }: StageHooks) {
    this.#cancel.addEventListener('click', cancel);
    element('retry', HTMLButtonElement).addEventListener('click', retry);
    this.#split.addEventListener('input', () => this.#showSplit());
    // The browser applies the photo's orientation, as the package does: both have the same shape.
    this.#original.addEventListener('load', () => {
      this.#setShape(this.#original.naturalWidth, this.#original.naturalHeight);
    });
    this.#showSplit();
  }

  show(photo: Photo | null, progress: ProgressState): void {
    const state = photo?.state;
    const done = state?.kind === 'done';
    const busy = state?.kind === 'working' || state?.kind === 'waiting';
    const problem = state?.kind === 'failed' || state?.kind === 'cancelled';
    this.#frame.dataset['state'] = done ? 'done' : problem ? 'problem' : 'working';

    if (photo) setSource(this.#original, photo.originalUrl);
    else this.#original.removeAttribute('src');
    this.#original.alt = photo ? `Original: ${photo.name}` : '';
    this.#cutout.hidden = !done;
    if (done) {
      setSource(this.#cutout, photo!.cutoutUrl!);
      this.#cutout.alt = `Cut-out: ${photo?.name ?? ''}`;
      this.#setShape(state.result.width, state.result.height);
    } else {
      this.#cutout.removeAttribute('src');
    }

    this.#busy.hidden = !busy;
    if (state?.kind === 'waiting') this.#showBusy('Waiting for the photos before it', null);
    if (state?.kind === 'working') this.showProgress(progress);

    this.#problem.hidden = !problem;
    if (state?.kind === 'failed') this.#showProblem(problemInWords(state.error));
    if (state?.kind === 'cancelled') this.#showProblem({ title: 'Cancelled', hint: 'The photo was left as it is.', detail: '' });
  }

  showProgress(progress: ProgressState): void {
    const { text, percent } = progressInWords(progress);
    this.#showBusy(text, percent);
  }

  /** A CSS colour, a picture that fills the frame, or '' for the checkerboard. */
  setBackground(backdrop: Backdrop): void {
    const layer = this.#cutout.parentElement!;
    if (backdrop !== this.#backdrop) {
      URL.revokeObjectURL(this.#backdropUrl);
      this.#backdropUrl = backdrop instanceof Blob ? URL.createObjectURL(backdrop) : '';
      this.#backdrop = backdrop;
    }
    layer.classList.toggle('coloured', backdrop !== '');
    const css = backdrop instanceof Blob ? `center / cover no-repeat url("${this.#backdropUrl}")` : backdrop || 'none';
    layer.style.setProperty('--background', css);
  }

  /** The cut-out shown is about to be replaced by one with other edges or another background. */
  setDressing(dressing: boolean): void {
    this.#frame.setAttribute('aria-busy', String(dressing));
  }

  #setShape(width: number, height: number): void {
    if (width > 0 && height > 0) this.#frame.style.setProperty('--ratio', String(width / height));
  }

  #showSplit(): void {
    const value = this.#split.valueAsNumber;
    this.#frame.style.setProperty('--split', `${value}%`);
    this.#split.setAttribute('aria-valuetext', `${value} % original, ${100 - value} % cut-out`);
  }

  #showBusy(text: string, percent: number | null): void {
    this.#busyText.textContent = text;
    if (percent === null) this.#bar.removeAttribute('value');
    else this.#bar.value = percent;
  }

  #showProblem({ title, hint, detail }: { title: string; hint: string; detail: string }): void {
    element('problem-title', HTMLElement).textContent = title;
    element('problem-hint', HTMLElement).textContent = hint;
    element('problem-detail', HTMLElement).textContent = detail;
  }
}

// Setting the same address again would decode the picture again.
function setSource(image: HTMLImageElement, url: string): void {
  if (image.src !== url) image.src = url;
}
