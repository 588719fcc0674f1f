// The text about the shown photo: its size, the time and device it took, and everything under "How it ran".
// SPDX-License-Identifier: MIT
import type { Capabilities } from 'decal';
import { element } from './dom.ts';
import type { Photo } from './photos.ts';
import {
  downgradeInWords, executionFacts, executionInWords, executionStages, placeInWords, sizeInWords, timeInWords,
} from './strings.ts';

export function showFacts(photo: Photo | null, capabilities: Capabilities | null): void {
  const facts = element('facts', HTMLElement);
  const downgrade = element('downgrade', HTMLElement);
  const state = photo?.state;
  element('name', HTMLElement).textContent = photo?.name ?? '';
  element('how', HTMLDetailsElement).hidden = state?.kind !== 'done';
  downgrade.hidden = state?.kind !== 'done' || !state.result.execution.downgraded;
  if (!photo || state?.kind !== 'done') {
    facts.textContent = photo ? sizeInWords(photo.file.size) : '';
    return;
  }
  const { width, height, processingTimeSeconds, execution, notes } = state.result;
  const ran = `${timeInWords(processingTimeSeconds)} on ${placeInWords(execution)}`;
  facts.textContent = [`${width} × ${height}`, ran, execution.model, ...notes].join('\n');
  downgrade.textContent = downgradeInWords(execution);
  element('how-words', HTMLElement).textContent = executionInWords(execution, capabilities);
  element('how-stages', HTMLElement).replaceChildren(...executionStages(execution).map(stageRow));
  element('how-facts', HTMLElement).replaceChildren(
    ...executionFacts(execution).flatMap(([name, value]) => [
      Object.assign(document.createElement('dt'), { textContent: name }),
      Object.assign(document.createElement('dd'), { textContent: value }),
    ]),
  );
}

function stageRow({ label, ms, share }: { label: string; ms: number; share: number }): HTMLTableRowElement {
  const row = document.createElement('tr');
  const head = Object.assign(document.createElement('th'), { scope: 'row', textContent: label });
  const bar = document.createElement('td');
  const fill = Object.assign(document.createElement('div'), { className: 'share' });
  fill.style.setProperty('--share', String(share));
  bar.append(fill);
  const time = document.createElement('td');
  time.textContent = ms === 0 ? 'none' : timeInWords(ms / 1000);
  row.append(head, bar, time);
  return row;
}
