// What a stroke of the brush covers: a coarse matte around it to be refined, and then the pixels that it changes.
// SPDX-License-Identifier: MIT
import type { AlphaPlane, Box, Patch, Stroke, StrokeParts } from '../picture_tasks.ts';

// Cells of the coarse matte across half a brush. Refining moves an outline by up to two cells, or a little more.
const kCellsARadius = 3;
// Shares of the radius: what the coarse matte has of the stroke, how far it may change anything, and what is as painted whatever the colours say.
const kPainted = 0.7;
const kReached = 1.35;
const kSure = 0.3;
// Around the stroke, in radii: colours that it is told apart from.
const kMargin = 2;
const kMostCells = 512;

export async function strokeParts(original: Blob, matte: AlphaPlane, stroke: Stroke): Promise<StrokeParts> {
  const box = boxAround(stroke, matte);
  const cell = Math.max(1, stroke.radius / kCellsARadius, box.width / kMostCells, box.height / kMostCells);
  const [width, height] = [Math.max(2, Math.round(box.width / cell)), Math.max(2, Math.round(box.height / cell))];
  const painted = coverage(box, stroke, kPainted);
  const data = new Uint8ClampedArray(width * height);
  for (let y = 0; y < height; y++) {
    const [top, bottom] = share(y, height, box.height);
    for (let x = 0; x < width; x++) {
      const [left, right] = share(x, width, box.width);
      let [sum, inside] = [0, 0];
      for (let v = top; v < bottom; v++) {
        const row = (box.y + v) * matte.width + box.x;
        for (let u = left; u < right; u++) {
          sum += matte.data[row + u]!;
          inside += painted[v * box.width + u]!;
        }
      }
      const count = (right - left) * (bottom - top);
      // A cell is painted or not: soft cells would claim to know.
      data[y * width + x] = 2 * inside >= 255 * count ? (stroke.keep ? 255 : 0) : sum / count;
    }
  }
  const bitmap = await createImageBitmap(original, box.x, box.y, box.width, box.height);
  const canvas = new OffscreenCanvas(box.width, box.height);
  canvas.getContext('2d')!.drawImage(bitmap, 0, 0);
  bitmap.close();
  return { picture: await canvas.convertToBlob(), coarse: { width, height, data }, box };
}

/** `refined` is dense RGBA of the box. A stroke that keeps takes nothing away, and the other way round. */
export async function merged(matte: AlphaPlane, stroke: Stroke, box: Box, refined: Blob): Promise<Patch> {
  const rgba = new Uint8Array(await refined.arrayBuffer());
  const [reached, sure] = [coverage(box, stroke, kReached), coverage(box, stroke, kSure)];
  const data = new Uint8ClampedArray(box.width * box.height);
  for (let y = 0; y < box.height; y++) {
    for (let x = 0; x < box.width; x++) {
      const i = y * box.width + x;
      const before = matte.data[(box.y + y) * matte.width + box.x + x]!;
      const found = rgba[4 * i + 3]!;
      const wanted = stroke.keep ? Math.max(before, found, sure[i]!) : Math.min(before, found, 255 - sure[i]!);
      data[i] = before + (wanted - before) * (reached[i]! / 255);
    }
  }
  return { ...box, data };
}

function boxAround({ points, radius }: Stroke, { width, height }: AlphaPlane): Box {
  const reach = (1 + kMargin) * radius;
  const limit = (value: number, most: number) => Math.min(Math.max(Math.round(value), 0), most);
  const side = (index: 0 | 1, most: number): [number, number] => {
    const values = points.map((point) => point[index]);
    const first = limit(Math.min(...values) - reach, most - 1);
    return [first, Math.max(1, limit(Math.max(...values) + reach, most) - first)];
  };
  const [x, boxWidth] = side(0, width);
  const [y, boxHeight] = side(1, height);
  return { x, y, width: boxWidth, height: boxHeight };
}

/** 0..255 of each pixel of the box: how much of it a brush of that share of the radius covers. */
function coverage(box: Box, { points, radius }: Stroke, ofRadius: number): Uint8ClampedArray {
  const context = new OffscreenCanvas(box.width, box.height).getContext('2d', { willReadFrequently: true });
  if (!context) throw new Error('this browser gives no canvas of that size');
  context.lineCap = context.lineJoin = 'round';
  context.lineWidth = 2 * ofRadius * radius;
  context.beginPath();
  for (const [x, y] of [points[0]!, ...points]) context.lineTo(x - box.x, y - box.y);
  context.stroke();
  const { data } = context.getImageData(0, 0, box.width, box.height);
  const alpha = new Uint8ClampedArray(box.width * box.height);
  for (let i = 0; i < alpha.length; i++) alpha[i] = data[4 * i + 3]!;
  return alpha;
}

/** The pixels of a cell along one side: at least one. */
function share(index: number, cells: number, pixels: number): [number, number] {
  const first = Math.min(Math.floor((index * pixels) / cells), pixels - 1);
  return [first, Math.max(first + 1, Math.floor(((index + 1) * pixels) / cells))];
}
