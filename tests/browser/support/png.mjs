// Decodes the PNGs that the package writes (8 bits a channel, not interlaced) with straight alpha, which no canvas gives.
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

  const rgba = new Uint8Array(width * height * 4);
  for (let i = 0; i < width * height; i++) {
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

function unfilter(raw, stride, height, channels) {
  const rows = new Uint8Array(stride * height);
  for (let y = 0; y < height; y++) {
    const filter = raw[y * (stride + 1)];
    const source = y * (stride + 1) + 1;
    const row = y * stride;
    for (let i = 0; i < stride; i++) {
      const left = i >= channels ? rows[row + i - channels] : 0;
      const up = y > 0 ? rows[row + i - stride] : 0;
      const corner = i >= channels && y > 0 ? rows[row + i - stride - channels] : 0;
      rows[row + i] = raw[source + i] + prediction(filter, left, up, corner);
    }
  }
  return rows;
}

function prediction(filter, left, up, corner) {
  switch (filter) {
    case 0: return 0;
    case 1: return left;
    case 2: return up;
    case 3: return (left + up) >> 1;
    case 4: return paeth(left, up, corner);
    default: throw new Error(`PNG filter ${filter}`);
  }
}

function paeth(left, up, corner) {
  const estimate = left + up - corner;
  const [a, b, c] = [left, up, corner].map((value) => Math.abs(estimate - value));
  if (a <= b && a <= c) return left;
  return b <= c ? up : corner;
}
