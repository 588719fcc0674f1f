// What whole calls are to take, and what of it is met: a table of docs/performance.md.
// SPDX-License-Identifier: MIT
import { milliseconds } from './tables.mjs';

const find = (results, megapixels, format) => results?.cases.find((one) => one.megapixels === megapixels && one.format === format)?.contenders;
const ofCommand = (megapixels, format) => ({ whole }) => find(whole, megapixels, format)?.decal.whole_ms;
/** `value` of a case in Chromium; undefined if it was not measured, or failed. */
const inPage = (megapixels, format, value) => ({ whole_browser: results }) => {
  const decal = find(results, megapixels, format)?.relaxed;
  return decal && !decal.failure ? value(decal) : undefined;
};
const ms = (value) => `${milliseconds(value)} ms`;
const ratio = (value) => `${value.toFixed(2)}x`;

/** `most`: what is allowed of `value(results)`, written as `text` does; `why`: the reason where it is missed. */
export const wholeBars = [
  { what: 'command, 24 MP to PNG', most: 1300, text: ms, value: ofCommand(24, 'png') },
  { what: 'command, 24 MP to WebP', most: 3000, text: ms, value: ofCommand(24, 'webp') },
  {
    what: 'command, 0.3 MP to PNG', most: 90, text: ms, value: ofCommand(0.3, 'png'),
    why: "the bar is of a default model that took 26 ms; libvips's libraries alone take 19 ms to load",
  },
  ...[1, 24].map((megapixels) => ({
    what: `Chromium, ${megapixels} MP: PNG encoding beside the canvas's`, most: 0.8, text: ratio,
    value: inPage(megapixels, 'png', ({ median_ms, canvas_ms }) => median_ms / canvas_ms),
  })),
  {
    what: 'Chromium, 24 MP: WebP encoding', most: 3000, text: ms, value: inPage(24, 'webp', ({ median_ms }) => median_ms),
    why: "the browser's own encoder writes it; another one would not fit into the package's size",
  },
  ...[1, 24].map((megapixels) => ({
    what: `Chromium, ${megapixels} MP: the first call beside later ones`, most: 1.6, text: ratio,
    value: inPage(megapixels, 'png', ({ first_ms, whole_ms }) => first_ms / whole_ms),
  })),
  {
    what: 'Chromium, BiRefNet-lite at 1024x1024: from the first byte until it can run', most: 6000, text: ms,
    value: ({ whole_browser: results }) => results?.large?.ready_ms,
  },
];

/** A row a bar, from the results of whole calls natively and in Chromium. */
export function wholeBarRows(results) {
  return [
    ['what', 'at most', 'measured', 'outcome'],
    ...wholeBars.map(({ what, most, text, value, why }) => {
      const measured = value(results);
      const outcome = measured === undefined ? 'not known' : measured <= most ? 'met' : why ? `missed: ${why}` : 'missed';
      return [what, text(most), measured === undefined ? '–' : text(measured), outcome];
    }),
  ];
}
