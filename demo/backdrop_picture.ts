// A picture of the visitor's that is to lie behind the subject: chosen from a file, shown on its chip.
// SPDX-License-Identifier: MIT

interface BackdropHooks {
  /** A picture is there, and wanted. */
  chosen: () => void;
  failed: (text: string) => void;
}

export class BackdropPicture {
  #file: Blob | null = null;
  #url = '';

  constructor(readonly input: HTMLInputElement, readonly chip: HTMLElement, readonly hooks: BackdropHooks) {
    input.addEventListener('change', () => void this.#take());
  }

  get file(): Blob | null {
    return this.#file;
  }

  /** Opens the file dialogue. */
  pick(): void {
    this.input.click();
  }

  async #take(): Promise<void> {
    const file = this.input.files?.[0];
    this.input.value = '';
    if (!file) return;
    try {
      (await createImageBitmap(file)).close();
    } catch {
      this.hooks.failed(`${file.name} cannot be read as a picture`);
      return;
    }
    URL.revokeObjectURL(this.#url);
    this.#file = file;
    this.#url = URL.createObjectURL(file);
    this.chip.style.setProperty('background-image', `url("${this.#url}")`);
    this.hooks.chosen();
  }
}
