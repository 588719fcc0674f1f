// The choices of how cut-outs look: what lies behind them, where their edges run, and in which format they leave.
// SPDX-License-Identifier: MIT
import { BackdropPicture } from './backdrop_picture.ts';
import { element } from './dom.ts';
import type { ImageType } from './picture_tasks.ts';
import { edgesInWords, formatInWords } from './strings.ts';

export type Background =
  | { kind: 'none' }
  | { kind: 'colour'; colour: string }
  | { kind: 'picture'; picture: Blob }
  | { kind: 'blur'; strength: number };

export interface Look {
  background: Background;
  /** -10, tighter, to 10, wider; 0 is as they were found. */
  edges: number;
}

interface LookHooks {
  changed: () => void;
  failed: (text: string) => void;
}

export class LookChoice {
  readonly #colour = element('colour', HTMLInputElement);
  readonly #strength = element('strength', HTMLInputElement);
  readonly #edges = element('edges', HTMLInputElement);
  readonly #picture: BackdropPicture;

  constructor(readonly hooks: LookHooks) {
    this.#picture = new BackdropPicture(element('backdrop-file', HTMLInputElement), element('backdrop-chip', HTMLElement), {
      chosen: () => this.#choose('picture'),
      failed: hooks.failed,
    });
    for (const event of ['click', 'input']) {
      this.#colour.addEventListener(event, () => this.#choose('own'));
    }
    for (const choice of document.querySelectorAll('input[name="background"], input[name="format"]')) {
      choice.addEventListener('change', () => this.#show());
    }
    // Every step of a drag would edit the whole picture: the text follows at once, the picture when the hand rests.
    this.#edges.addEventListener('input', () => this.#tell());
    this.#edges.addEventListener('change', () => this.#show());
    this.#strength.addEventListener('input', () => this.#tell());
    this.#strength.addEventListener('change', () => this.#show());
    element('backdrop-pick', HTMLButtonElement).addEventListener('click', () => this.#picture.pick());
    element('backdrop', HTMLInputElement).addEventListener('click', ({ detail }) => {
      // Arrow keys click as well (without a count): they pass by here on their way to other backgrounds.
      if (!this.#picture.file && detail > 0) this.#picture.pick();
    });
    this.#tell();
  }

  get type(): ImageType {
    return document.querySelector<HTMLInputElement>('input[name="format"]:checked')!.value as ImageType;
  }

  get look(): Look {
    return { background: this.#background(), edges: this.#edges.valueAsNumber };
  }

  #background(): Background {
    const value = this.#chosen();
    if (value === 'own') return { kind: 'colour', colour: this.#colour.value };
    if (value === 'blur') return { kind: 'blur', strength: this.#strength.valueAsNumber };
    const { file: picture } = this.#picture;
    if (value === 'picture') return picture ? { kind: 'picture', picture } : { kind: 'none' };
    return value === '' ? { kind: 'none' } : { kind: 'colour', colour: value };
  }

  #chosen(): string {
    return document.querySelector<HTMLInputElement>('input[name="background"]:checked')!.value;
  }

  #choose(value: string): void {
    document.querySelector<HTMLInputElement>(`input[name="background"][value="${value}"]`)!.checked = true;
    this.#show();
  }

  #show(): void {
    this.#tell();
    this.hooks.changed();
  }

  #tell(): void {
    const chosen = this.#chosen();
    element('strength-row', HTMLElement).hidden = chosen !== 'blur';
    element('backdrop-pick', HTMLElement).hidden = chosen !== 'picture';
    element('strength-words', HTMLElement).textContent = `${this.#strength.value} of 10`;
    const edges = edgesInWords(this.#edges.valueAsNumber);
    this.#edges.setAttribute('aria-valuetext', edges);
    element('edges-words', HTMLElement).textContent = edges;
    element('format-note', HTMLElement).textContent = formatInWords(this.type, this.#background().kind === 'none');
  }
}
