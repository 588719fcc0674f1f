// Cuts out one photo: `npm run node photo.jpg cut-out.png`, and likewise with bun and deno.
import { dispose, removeBackgroundRaw } from 'decal/node';
import sharp from 'sharp';

const [input, output = 'cut-out.png'] = process.argv.slice(2);
if (!input) {
  console.error('usage: cut-out.js <photo> [<cut-out.png>]');
  process.exit(2);
}

// Upright sRGB with alpha, which is what decal/node takes; it reads and writes no files of pictures itself.
const { data, info } = await sharp(input).autoOrient().toColourspace('srgb').ensureAlpha().raw().toBuffer({ resolveWithObject: true });
const cutout = await removeBackgroundRaw({ data, width: info.width, height: info.height });
await sharp(cutout.data, { raw: { width: cutout.width, height: cutout.height, channels: 4 } }).png().toFile(output);

const { threads, simd, ms } = cutout.execution;
console.log(`${output}: ${cutout.width} x ${cutout.height}, ${threads} threads, ${simd} SIMD, ${Math.round(ms.inference)} ms`);
await dispose();
