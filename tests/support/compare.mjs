// How far tensors are apart.
// SPDX-License-Identifier: MIT

/** The largest difference of two tensors of one length; NaN if an element is one. */
export function maxDifference(a, b) {
  if (a.length !== b.length) throw new Error(`${a.length} and ${b.length} elements`);
  let max = 0;
  for (let i = 0; i < a.length; ++i) {
    const d = Math.abs(a[i] - b[i]);
    if (!(d <= max)) max = d; // a NaN becomes the maximum and fails every bound
  }
  return max;
}

/** The share of elements that are at most `tolerance` apart. */
export const shareWithin = (a, b, tolerance) => a.reduce((n, v, i) => n + (Math.abs(v - b[i]) <= tolerance), 0) / a.length;

/** Standard deviation. */
export function deviation(values) {
  const mean = values.reduce((sum, v) => sum + v, 0) / values.length;
  return Math.sqrt(values.reduce((sum, v) => sum + (v - mean) ** 2, 0) / values.length);
}
