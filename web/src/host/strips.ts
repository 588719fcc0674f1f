// Rows of a picture, a few MB at a time: what a canvas or a copy of them costs, whatever the size of the picture.
// SPDX-License-Identifier: MIT

const kStripBytes = 4 << 20;

/** From top to bottom, `count` rows from `first` on. */
export function* strips(width: number, height: number): Generator<{ first: number; count: number }, void> {
  const rows = Math.max(1, Math.floor(kStripBytes / (4 * width)));
  for (let first = 0; first < height; first += rows) yield { first, count: Math.min(rows, height - first) };
}
