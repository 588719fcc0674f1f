// The choices of how cut-outs look: what lies behind them, where their edges run, and in which format they leave.
// SPDX-License-Identifier: MIT
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
  readonly #pictureInput = element('backdrop-file', HTMLInputElement);
  readonly #pictureChip = element('backdrop-chip', HTMLElement);
  #picture: Blob | null = null;
  #pictureUrl = '';

  constructor(readonly hooks: LookHooks) {
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
    element('backdrop-pick', HTMLButtonElement).addEventListener('click', () => this.#pictureInput.click());
    element('backdrop', HTMLInputElement).addEventListener('click', ({ detail }) => {
      // Arrow keys click as well (without a count): they pass by here on their way to other backgrounds.
      if (!this.#picture && detail > 0) this.#pictureInput.click();
    });
    this.#pictureInput.addEventListener('change', () => void this.#takePicture());
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
    if (value === 'picture') return this.#picture ? { kind: 'picture', picture: this.#picture } : { kind: 'none' };
    return value === '' ? { kind: 'none' } : { kind: 'colour', colour: value };
  }

  #chosen(): string {
    return document.querySelector<HTMLInputElement>('input[name="background"]:checked')!.value;
  }

  #choose(value: string): void {
    document.querySelector<HTMLInputElement>(`input[name="background"][value="${value}"]`)!.checked = true;
    this.#show();
  }

  async #takePicture(): Promise<void> {
    const file = this.#pictureInput.files?.[0];
    this.#pictureInput.value = '';
    if (!file) return;
    try {
      (await createImageBitmap(file)).close();
    } catch {
      this.hooks.failed(`${file.name} cannot be read as a picture`);
      return;
    }
    URL.revokeObjectURL(this.#pictureUrl);
    this.#picture = file;
    this.#pictureUrl = URL.createObjectURL(file);
    this.#pictureChip.style.setProperty('background-image', `url("${this.#pictureUrl}")`);
    this.#choose('picture');
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
