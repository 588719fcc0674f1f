// The two tabs of the page, by mouse and by arrow keys, as the ARIA pattern for tabs has them.
// SPDX-License-Identifier: MIT
import { element } from './dom.ts';

export type Tab = 'photos' | 'camera';
const kTabs: readonly Tab[] = ['photos', 'camera'];

export class Tabs {
  #current: Tab = 'photos';

  /** `changed` hears of the tab that is shown from now on. */
  constructor(readonly changed: (tab: Tab) => void) {
    for (const [i, tab] of kTabs.entries()) {
      const button = buttonOf(tab);
      button.addEventListener('click', () => this.show(tab));
      button.addEventListener('keydown', ({ key }) => {
        if (key !== 'ArrowLeft' && key !== 'ArrowRight') return;
        const next = kTabs[(i + (key === 'ArrowRight' ? 1 : kTabs.length - 1)) % kTabs.length]!;
        this.show(next);
        buttonOf(next).focus();
      });
    }
  }

  show(tab: Tab): void {
    if (tab === this.#current) return;
    this.#current = tab;
    for (const each of kTabs) {
      const button = buttonOf(each);
      button.setAttribute('aria-selected', String(each === tab));
      button.tabIndex = each === tab ? 0 : -1;
      element(each, HTMLElement).hidden = each !== tab;
    }
    this.changed(tab);
  }
}

const buttonOf = (tab: Tab): HTMLButtonElement => element(`tab-${tab}`, HTMLButtonElement);
