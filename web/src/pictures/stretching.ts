// How one side of a plane is stretched to another length: bilinearly, at the middles of pixels.
//
// Copyright the Decal authors.
// SPDX-License-Identifier: MIT

/** Weights are whole numbers up to this. */
export const kOne = 64;

export interface Stretching {
  from: number;
  to: number;
  /** For each of `to` pixels: between which two it lies, this one and the next, and the weight of the next. */
  first: Int32Array;
  weight: Int32Array;
  /** For each of `from` pixels, and for their end: the first that lies between it and the next. */
  starts: Int32Array;
}

export function stretching(from: number, to: number): Stretching {
  const first = new Int32Array(to), weight = new Int32Array(to), starts = new Int32Array(from + 1).fill(to);
  for (let i = to - 1; i >= 0; --i) {
    const at = Math.max(0, Math.min(from - 1, ((i + 0.5) * from) / to - 0.5));
    first[i] = Math.floor(at);
    weight[i] = Math.round((at - first[i]!) * kOne);
    starts[first[i]!] = i;
  }
  // Where there are more than `to`: those that none lies behind begin where the next one does.
  for (let i = from - 1; i >= 0; --i) starts[i] = Math.min(starts[i]!, starts[i + 1]!);
  return { from, to, first, weight, starts };
}
