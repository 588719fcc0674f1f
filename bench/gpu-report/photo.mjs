// The picture that the report's models see: the photo beside this file where the bundle has one, else a drawn one.
//
// Copyright the Decal authors.
// SPDX-License-Identifier: MIT
import { existsSync, readFileSync } from 'node:fs';

const kFile = new URL('photo.rgb', import.meta.url);
/** Side of photo.rgb: dense RGB8. */
export const kPhotoSide = 320;

/** What `picture` shows. */
export const photoKind = existsSync(kFile) ? 'a photo' : 'a drawn disc';

function drawn(side) {
  const rgb = new Uint8Array(3 * side * side);
  for (let y = 0, at = 0; y < side; ++y) {
    for (let x = 0; x < side; ++x, at += 3) {
      const inside = Math.hypot(x - side / 2, y - side / 2) < side / 3;
      rgb[at] = inside ? 220 - (40 * y) / side : 30 + (60 * x) / side;
      rgb[at + 1] = inside ? 150 + 20 * Math.sin(x / 5) : 60 + (40 * y) / side;
      rgb[at + 2] = inside ? 110 : 90 + 30 * Math.sin((x + y) / 9);
    }
  }
  return rgb;
}

/** A function (x, y, channel) from places in a picture of `width` x `height` to values 0..255, bilinear. */
function sampler(width, height) {
  const rgb = existsSync(kFile) ? readFileSync(kFile) : drawn(kPhotoSide);
  const side = kPhotoSide;
  const place = (i, extent) => Math.min(side - 1, Math.max(0, ((i + 0.5) * side) / extent - 0.5));
  return (x, y, c) => {
    const [fx, fy] = [place(x, width), place(y, height)];
    const [x0, y0] = [Math.floor(fx), Math.floor(fy)];
    const [x1, y1] = [Math.min(side - 1, x0 + 1), Math.min(side - 1, y0 + 1)];
    const [ax, ay] = [fx - x0, fy - y0];
    const at = (px, py) => rgb[3 * (py * side + px) + c];
    return (1 - ay) * ((1 - ax) * at(x0, y0) + ax * at(x1, y0)) + ay * ((1 - ax) * at(x0, y1) + ax * at(x1, y1));
  };
}

/** RGBA8 of any size, as removeBackgroundRaw takes it. */
export function picture(width, height) {
  const value = sampler(width, height);
  const data = new Uint8Array(4 * width * height);
  for (let y = 0, at = 0; y < height; ++y) {
    for (let x = 0; x < width; ++x, at += 4) {
      for (let c = 0; c < 3; ++c) data[at + c] = value(x, y, c);
      data[at + 3] = 255;
    }
  }
  return { data, width, height };
}

/** The same for pictures of many megapixels: one of a quarter of the sides, its pixels four times each way. */
export function largePicture(width, height) {
  const small = picture(Math.ceil(width / 4), Math.ceil(height / 4));
  const from = new Uint32Array(small.data.buffer);
  const to = new Uint32Array(width * height);
  for (let y = 0, at = 0; y < height; ++y) {
    const row = (y >> 2) * small.width;
    for (let x = 0; x < width; ++x) to[at++] = from[row + (x >> 2)];
  }
  return { data: new Uint8Array(to.buffer), width, height };
}

/** A model's input, [1,3,size,size] or, `channelsLast`, [1,size,size,3]: (v / 255 - mean) / std by channel. */
export function pictureTensor({ size, channelsLast = false, mean, std }) {
  const value = sampler(size, size);
  const data = new Float32Array(3 * size * size);
  for (let y = 0; y < size; ++y) {
    for (let x = 0; x < size; ++x) {
      for (let c = 0; c < 3; ++c) {
        const i = y * size + x;
        data[channelsLast ? 3 * i + c : c * size * size + i] = (value(x, y, c) / 255 - mean[c]) / std[c];
      }
    }
  }
  return { shape: channelsLast ? [1, size, size, 3] : [1, 3, size, size], data };
}
