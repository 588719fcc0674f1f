// The choice of the model, with what it costs: licence, megabytes, and where they come from.
// SPDX-License-Identifier: MIT
import { clearCache, listModels, type ModelInfo } from 'decal';
import { element } from './dom.ts';
import { licenceWarning, modelAction, modelInWords, modelLine, sizeInWords } from './strings.ts';

interface ModelHooks {
  /** The visitor has agreed to use, and if need be to download, this model. */
  use: (name: string) => void;
  told: (text: string) => void;
}

export class ModelChoice {
  readonly #select = element('model', HTMLSelectElement);
  readonly #use = element('model-use', HTMLButtonElement);
  readonly #clear = element('model-clear', HTMLButtonElement);
  #models: ModelInfo[] = [];
  #used = '';

  constructor(readonly hooks: ModelHooks) {
    // To choose only shows what the model is: nothing is downloaded before the button is pressed.
    this.#select.addEventListener('change', () => this.#show());
    this.#use.addEventListener('click', () => {
      this.#used = this.#select.value;
      this.hooks.use(this.#used);
      this.#show();
    });
    this.#clear.addEventListener('click', () => void this.#clearAll());
  }

  /** Asks anew what is on this device. */
  async refresh(): Promise<void> {
    this.#models = await listModels();
    if (this.#select.options.length === 0) {
      this.#used = this.#models[0]!.name;
      this.#select.append(...this.#models.map(({ name }) => new Option(name, name)));
    }
    this.#show();
  }

  #show(): void {
    for (const [i, option] of [...this.#select.options].entries()) {
      option.text = modelLine(this.#models[i]!, option.value === this.#used);
    }
    const model = this.#models.find(({ name }) => name === this.#select.value);
    if (!model) return;
    element('model-description', HTMLElement).textContent = `${model.description}.`;
    element('model-facts', HTMLElement).textContent = modelInWords(model);
    const warning = licenceWarning(model);
    element('model-warning', HTMLElement).textContent = warning;
    element('model-warning', HTMLElement).hidden = warning === '';
    this.#use.textContent = modelAction(model);
    this.#use.hidden = model.name === this.#used;
    const kept = this.#models.filter(({ cached }) => cached);
    const bytes = kept.reduce((sum, model) => sum + (model.bytes ?? 0), 0);
    this.#clear.hidden = kept.length === 0;
    this.#clear.textContent = `Remove kept models from this device (${sizeInWords(bytes)})`;
  }

  async #clearAll(): Promise<void> {
    try {
      await clearCache();
      this.hooks.told('The models kept on this device were removed');
    } catch (error) {
      this.hooks.told(`Not removed: ${error instanceof Error ? error.message : String(error)}`);
    }
    await this.refresh();
    // The button has gone with what it removed.
    if (this.#clear.hidden) this.#select.focus();
  }
}
