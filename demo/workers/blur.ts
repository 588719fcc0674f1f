// Blurs planes of numbers, in time that does not depend on the radius.
// SPDX-License-Identifier: MIT

type Plane = Float32Array<ArrayBuffer>;

/** Three box blurs, which come close to a Gaussian of about `radius` pixels. What lies outside continues the border. */
export function blurPlane(plane: Plane, width: number, height: number, radius: number): void {
  const reach = Math.round(radius);
  if (reach < 1) return;
  const line = new Float32Array(Math.max(width, height));
  for (let pass = 0; pass < 3; pass++) {
    for (let y = 0; y < height; y++) blurLine(plane, y * width, 1, width, reach, line);
    for (let x = 0; x < width; x++) blurLine(plane, x, width, height, reach, line);
  }
}

function blurLine(plane: Plane, start: number, step: number, length: number, reach: number, line: Plane): void {
  for (let i = 0; i < length; i++) line[i] = plane[start + i * step]!;
  const at = (i: number): number => line[Math.min(length - 1, Math.max(0, i))]!;
  let sum = 0;
  for (let i = -reach; i <= reach; i++) sum += at(i);
  const share = 1 / (2 * reach + 1);
  for (let i = 0; i < length; i++) {
    plane[start + i * step] = sum * share;
    sum += at(i + reach + 1) - at(i - reach);
  }
}
