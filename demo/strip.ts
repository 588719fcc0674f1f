// The strip of small pictures: one card a photo, to select it or to put it away.
// SPDX-License-Identifier: MIT
import { element } from './dom.ts';
import type { Photo } from './photos.ts';
import { stateInWords } from './strings.ts';

interface StripHooks {
  select: (photo: Photo) => void;
  remove: (photo: Photo) => void;
  pick: () => void;
}

interface Card {
  item: HTMLLIElement;
  button: HTMLButtonElement;
  image: HTMLImageElement;
  caption: HTMLElement;
}

export class Strip {
  readonly addButton = element('add', HTMLButtonElement);
  readonly #list = element('cards', HTMLUListElement);
  readonly #cards = new Map<Photo, Card>();

  constructor(readonly hooks: StripHooks) {
    this.addButton.addEventListener('click', hooks.pick);
  }

  show(photos: readonly Photo[], current: Photo | null): void {
    for (const [photo, card] of this.#cards) {
      if (photos.includes(photo)) continue;
      const hadFocus = card.item.contains(document.activeElement);
      card.item.remove();
      this.#cards.delete(photo);
      if (hadFocus) this.addButton.focus();
    }
    for (const photo of photos) {
      let card = this.#cards.get(photo);
      if (!card) {
        card = this.#makeCard(photo);
        this.#cards.set(photo, card);
        this.#list.append(card.item);
      }
      const { state } = photo;
      const url = state.kind === 'done' ? state.result.previewUrl : photo.originalUrl;
      if (card.image.src !== url) card.image.src = url;
      card.button.dataset['state'] = state.kind;
      card.button.setAttribute('aria-current', String(photo === current));
      card.button.setAttribute('aria-label', `${photo.name}, ${stateInWords(photo)}`);
      card.caption.textContent = stateInWords(photo);
    }
  }

  #makeCard(photo: Photo): Card {
    const item = document.createElement('li');
    const button = Object.assign(document.createElement('button'), { type: 'button', className: 'card checker', title: photo.name });
    const image = Object.assign(document.createElement('img'), { alt: '', decoding: 'async' as const });
    // A file that is no picture gets no broken-picture sign: the card tells once the engine has refused it.
    image.addEventListener('error', () => (image.hidden = true));
    image.addEventListener('load', () => (image.hidden = false));
    button.append(image);
    button.addEventListener('click', () => this.hooks.select(photo));
    const discard = Object.assign(document.createElement('button'), { type: 'button', className: 'discard', title: 'Put away' });
    discard.setAttribute('aria-label', `Put ${photo.name} away`);
    discard.append(cross());
    discard.addEventListener('click', () => this.hooks.remove(photo));
    // The button's name says the same.
    const caption = Object.assign(document.createElement('span'), { className: 'caption', ariaHidden: 'true' });
    item.append(button, discard, caption);
    return { item, button, image, caption };
  }
}

function cross(): SVGSVGElement {
  const kSvg = 'http://www.w3.org/2000/svg';
  const svg = document.createElementNS(kSvg, 'svg');
  svg.setAttribute('viewBox', '0 0 12 12');
  svg.setAttribute('aria-hidden', 'true');
  const path = document.createElementNS(kSvg, 'path');
  path.setAttribute('d', 'M2 2l8 8M10 2l-8 8');
  svg.append(path);
  return svg;
}
