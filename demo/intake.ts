// How photos come in: chosen, dropped, pasted, or the sample.
// SPDX-License-Identifier: MIT
import { element } from './dom.ts';

// Written by build.mjs: whether sample.jpg lies beside the page.
declare const kHasSample: boolean;

interface IntakeHooks {
  take: (pictures: File[]) => void;
  /** Photos are likely to come soon. */
  expect: () => void;
  failed: (text: string) => void;
}

/** Returns what opens the file dialogue. */
export function listenForPhotos({ take, expect, failed }: IntakeHooks): () => void {
  const input = element('files', HTMLInputElement);
  const pick = (): void => {
    input.click();
    expect();
  };
  const offer = (files: Iterable<File>): void => {
    const pictures: File[] = [];
    for (const file of files) {
      // Without a type the file may still be a picture: the decoder will tell.
      if (file.type === '' || file.type.startsWith('image/')) pictures.push(file);
      else failed(`${file.name} is not a picture`);
    }
    if (pictures.length > 0) take(pictures);
  };
  input.addEventListener('change', () => {
    offer([...(input.files ?? [])]);
    // So that the same file can be chosen twice in a row.
    input.value = '';
  });
  element('pick', HTMLButtonElement).addEventListener('click', pick);
  listenForDrops(offer, expect);
  addEventListener('paste', (event) => {
    const files = [...(event.clipboardData?.files ?? [])];
    if (files.length > 0) offer(files);
    else failed('The clipboard holds no picture');
  });
  offerSample(offer, failed);
  if (/Mac|iPhone|iPad/.test(navigator.platform)) element('paste-key', HTMLElement).textContent = '⌘';
  return pick;
}

function listenForDrops(offer: (files: Iterable<File>) => void, expect: () => void): void {
  // Entering a child fires before leaving its parent: a counter tells when the pointer has really left.
  let depth = 0;
  addEventListener('dragenter', (event) => {
    if (!event.dataTransfer?.types.includes('Files')) return;
    depth++;
    document.body.classList.add('dragging');
    expect();
  });
  addEventListener('dragleave', () => {
    depth = Math.max(0, depth - 1);
    if (depth === 0) document.body.classList.remove('dragging');
  });
  addEventListener('dragover', (event) => {
    if (event.dataTransfer?.types.includes('Files')) event.preventDefault();
  });
  addEventListener('drop', (event) => {
    event.preventDefault();
    depth = 0;
    document.body.classList.remove('dragging');
    offer([...(event.dataTransfer?.files ?? [])]);
  });
}

function offerSample(offer: (files: Iterable<File>) => void, failed: (text: string) => void): void {
  const sample = element('sample', HTMLButtonElement);
  sample.hidden = !kHasSample;
  sample.addEventListener('click', async () => {
    try {
      const response = await fetch('sample.jpg');
      if (!response.ok) throw new Error(String(response.status));
      offer([new File([await response.blob()], 'grace-hopper.jpg', { type: 'image/jpeg' })]);
    } catch {
      failed('The sample could not be loaded');
    }
  });
}
