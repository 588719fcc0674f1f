// Size of previews.
// SPDX-License-Identifier: MIT

/** The picture's size, scaled down so that the long side is at most `longSide`; never enlarged. */
export function previewExtent(width: number, height: number, longSide: number): [number, number] {
  const scale = Math.min(1, longSide / Math.max(width, height));
  return [Math.max(1, Math.round(width * scale)), Math.max(1, Math.round(height * scale))];
}
