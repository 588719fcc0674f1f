// Decodes the PNGs that the package writes (8 bits a channel, not interlaced) with straight alpha, which no canvas gives.
// SPDX-License-Identifier: MIT
import { inflateSync } from 'node:zlib';

const kSignature = Buffer.from([137, 80, 78, 71, 13, 10, 26, 10]);
const kChannels = { 0: 1, 2: 3, 4: 2, 6: 4 };

/** RGBA8, row after row, with `at(x, y)` for one pixel. Throws on anything that is not such a PNG. */
export function decodePng(bytes) {
  if (!bytes.subarray(0, 8).equals(kSignature)) throw new Error('not a PNG');
  const data = [];
  let header = null;
  let ended = false;
  for (let at = 8; at + 12 <= bytes.length; ) {
    const length = bytes.readUInt32BE(at);
    const type = bytes.toString('latin1', at + 4, at + 8);
    const body = bytes.subarray(at + 8, at + 8 + length);
    if (type === 'IHDR') header = body;
    if (type === 'IDAT') data.push(body);
    if (type === 'IEND') ended = true;
    at += 12 + length;
  }
  if (!header || !ended) throw new Error('PNG without IHDR or IEND');
  const width = header.readUInt32BE(0);
  const height = header.readUInt32BE(4);
  const channels = kChannels[header[9]];
  if (header[8] !== 8 || channels === undefined || header[12] !== 0) throw new Error('PNG of another kind than ours');

  const raw = inflateSync(Buffer.concat(data));
  const stride = width * channels;
  if (raw.length !== height * (stride + 1)) throw new Error(`PNG of ${raw.length} bytes instead of ${height * (stride + 1)}`);
  const rows = unfilter(raw, stride, height, channels);

  const rgba = channels === 4 ? rows : new Uint8Array(width * height * 4);
  for (let i = 0; channels < 4 && i < width * height; i++) {
    const from = i * channels;
    const grey = channels < 3;
    rgba[4 * i] = rows[from];
    rgba[4 * i + 1] = rows[grey ? from : from + 1];
    rgba[4 * i + 2] = rows[grey ? from : from + 2];
    rgba[4 * i + 3] = channels % 2 === 0 ? rows[from + channels - 1] : 255;
  }
  const at = (x, y) => [...rgba.subarray(4 * (y * width + x), 4 * (y * width + x) + 4)];
  return { width, height, rgba, at };
}

/** Row by row, with a loop for each filter: tests decode hundreds of pictures, which took seven times as long with a call a byte. */
function unfilter(raw, stride, height, channels) {
  // A row of zeros above the first, and a pixel of zeros before each row: what lies outside counts as zero.
  const pitch = stride + channels;
  const rows = new Uint8Array((height + 1) * pitch);
  for (let y = 0; y < height; y++) {
    const filter = raw[y * (stride + 1)];
    const source = raw.subarray(y * (stride + 1) + 1, (y + 1) * (stride + 1));
    const above = rows.subarray(y * pitch, (y + 1) * pitch);
    const row = rows.subarray((y + 1) * pitch, (y + 2) * pitch);
    const undo = kUndo[filter];
    if (!undo) throw new Error(`PNG filter ${filter}`);
    undo(source, row, above, channels);
  }
  const pixels = new Uint8Array(height * stride);
  for (let y = 0; y < height; y++) pixels.set(rows.subarray((y + 1) * pitch + channels, (y + 2) * pitch), y * stride);
  return pixels;
}

/** By filter type: `row` and `above` begin a pixel before the row, `channels` bytes. */
const kUndo = [
  (source, row, _, channels) => row.set(source, channels),
  (source, row, _, channels) => {
    for (let i = 0; i < source.length; i++) row[i + channels] = source[i] + row[i];
  },
  (source, row, above, channels) => {
    for (let i = 0; i < source.length; i++) row[i + channels] = source[i] + above[i + channels];
  },
  (source, row, above, channels) => {
    for (let i = 0; i < source.length; i++) row[i + channels] = source[i] + ((row[i] + above[i + channels]) >> 1);
  },
  (source, row, above, channels) => {
    for (let i = 0; i < source.length; i++) {
      row[i + channels] = source[i] + paeth(row[i], above[i + channels], above[i]);
    }
  },
];

function paeth(left, up, corner) {
  const estimate = left + up - corner;
  const a = Math.abs(estimate - left);
  const b = Math.abs(estimate - up);
  const c = Math.abs(estimate - corner);
  if (a <= b && a <= c) return left;
  return b <= c ? up : corner;
}
