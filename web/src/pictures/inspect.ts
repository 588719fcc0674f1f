// From a file's bytes to what is known of it before a browser decodes it.
// SPDX-License-Identifier: MIT
import { avifFacts, type SplitAlpha } from './avif.js';
import { bmpFacts, icoFacts } from './bmp.js';
import { Bytes } from './bytes.js';
import { plainFacts, type PictureFacts } from './facts.js';
import { jpegFacts } from './jpeg.js';
import { jxlFacts } from './jxl.js';
import { pngFacts } from './png.js';
import { gifFacts, webpFacts } from './webp_gif.js';

export type Inspected = PictureFacts & { split?: SplitAlpha | null };

/**
 * `kind`: the file's, by sniffKind. Throws `corrupt-image` for what is cut or broken, `unsupported` for variants that are not
 * read, both without the file's name. Formats that are not looked into have plain facts.
 */
export async function inspect(file: Uint8Array<ArrayBuffer>, kind: string): Promise<Inspected> {
  switch (kind) {
    case 'JPEG': return jpegFacts(new Bytes(file));
    case 'PNG': return pngFacts(new Bytes(file));
    case 'WebP': return webpFacts(new Bytes(file, true));
    case 'GIF': return gifFacts(new Bytes(file, true));
    case 'AVIF': return avifFacts(new Bytes(file));
    case 'BMP': return bmpFacts(new Bytes(file, true));
    case 'ICO': return icoFacts(new Bytes(file, true));
    case 'JPEG XL': return jxlFacts(new Bytes(file));
    default: return plainFacts();
  }
}
