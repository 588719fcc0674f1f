// Draws SVG by an image element, at a size of our own: browsers differ where the file gives none, or only some of it.
// SPDX-License-Identifier: MIT
import { DecalError } from '../shared/errors.js';
import { checkPixels } from '../shared/options.js';
import type { DrawingRequest } from '../adapters/worker/page-drawing.js';

/** What CSS gives replaced elements without a size. */
const kNoSize = [300, 150] as const;
const kSvg = 'http://www.w3.org/2000/svg';
/** CSS pixels of absolute units. */
const kUnits: Record<string, number> = { '': 1, 'px': 1, 'pt': 4 / 3, 'pc': 16, 'mm': 96 / 25.4, 'cm': 96 / 2.54, 'in': 96 };

/** @throws {DecalError} `corrupt-image`, `limit-exceeded`, and `unsupported` if there is no document */
export async function drawSvg({ svg, size, maxPixels }: DrawingRequest): Promise<ImageBitmap> {
  if (typeof document === 'undefined') throw new DecalError('unsupported', 'SVG is drawn by pages, and this is a worker');
  const root = new DOMParser().parseFromString(await svg.text(), 'image/svg+xml').documentElement;
  if (root.namespaceURI !== kSvg || root.localName !== 'svg' || root.getElementsByTagName('parsererror').length > 0) {
    throw new DecalError('corrupt-image', 'damaged picture: not well-formed SVG');
  }
  const [ownWidth, ownHeight] = ownSize(root);
  const scale = size === null ? 1 : size / Math.max(ownWidth, ownHeight);
  const width = Math.max(1, Math.round(ownWidth * scale)), height = Math.max(1, Math.round(ownHeight * scale));
  checkPixels(width, height, maxPixels);
  if (!viewBox(root)) root.setAttribute('viewBox', `0 0 ${ownWidth} ${ownHeight}`);
  root.setAttribute('width', String(width));
  root.setAttribute('height', String(height));
  const image = new Image();
  image.src = URL.createObjectURL(new Blob([new XMLSerializer().serializeToString(root)], { type: 'image/svg+xml' }));
  try {
    await image.decode();
    return await createImageBitmap(image);
  } catch (error) {
    throw new DecalError('corrupt-image', 'damaged picture: the browser cannot draw it', { cause: error });
  } finally {
    URL.revokeObjectURL(image.src);
  }
}

/** In CSS pixels: as its attributes say, else in proportion to the view box, else the view box. */
function ownSize(root: Element): [number, number] {
  const [width, height] = ['width', 'height'].map((name) => length(root.getAttribute(name)));
  const box = viewBox(root);
  if (width && height) return [width, height];
  if (box && width) return [width, width * box[1] / box[0]];
  if (box && height) return [height * box[0] / box[1], height];
  return box ?? [width ?? kNoSize[0], height ?? kNoSize[1]];
}

function length(text: string | null): number | null {
  const [, number, unit] = /^\s*\+?([\d.]+(?:e[+-]?\d+)?)\s*([a-z]*)\s*$/i.exec(text ?? '') ?? [];
  const pixels = Number(number) * (kUnits[unit?.toLowerCase() ?? '?'] ?? NaN);
  return pixels > 0 && Number.isFinite(pixels) ? pixels : null;
}

function viewBox(root: Element): [number, number] | null {
  const [, , width, height] = (root.getAttribute('viewBox') ?? '').trim().split(/[\s,]+/).map(Number);
  return width! > 0 && height! > 0 ? [width!, height!] : null;
}
