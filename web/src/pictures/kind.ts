// Detects a file's kind by its first bytes, like the command (cli/pictures/kind.cc), never by its name or type.
// SPDX-License-Identifier: MIT
import { Bytes } from './bytes.js';

/** Bytes that suffice to tell. */
export const kSniffBytes = 4096;

/** `read`: a format that some browsers read. `name`: for people. */
export interface SniffedKind {
  name: string;
  read: boolean;
}

// Offset, bytes, name. The first that fits counts.
const kRead: [number, string, string][] = [
  [0, '\xff\xd8\xff', 'JPEG'],
  [0, '\x89PNG\r\n\x1a\n', 'PNG'],
  [0, 'GIF87a', 'GIF'],
  [0, 'GIF89a', 'GIF'],
  [0, 'II*\0', 'TIFF'],
  [0, 'MM\0*', 'TIFF'],
  [0, 'II+\0', 'TIFF'],
  [0, 'MM\0+', 'TIFF'],
  [0, '\xff\x0a', 'JPEG XL'],
  [0, '\0\0\0\x0cJXL \r\n\x87\n', 'JPEG XL'],
  [0, '\0\0\0\x0cjP  \r\n\x87\n', 'JPEG 2000'],
  [0, '\xff\x4f\xff\x51', 'JPEG 2000'],
  [0, 'qoif', 'QOI'],
];

const kOthers: [number, string, string][] = [
  [0, '\xff\xd8\xff\xf7', 'JPEG-LS'],
  [8, 'CR\x02', 'Canon CR2 camera raw'],
  [0, 'IIRO', 'Olympus camera raw'],
  [0, 'IIRS', 'Olympus camera raw'],
  [0, 'MMOR', 'Olympus camera raw'],
  [0, 'IIU\0', 'Panasonic camera raw'],
  [0, 'II\xbc', 'JPEG XR'],
  [0, '8BPS', 'PSD'],
  [0, '#?RADIANCE', 'Radiance HDR'],
  [0, '#?RGBE', 'Radiance HDR'],
  [0, 'v/1\x01', 'OpenEXR'],
  [0, '%PDF-', 'PDF'],
  [0, '%!PS', 'PostScript'],
  [0, '\xc5\xd0\xd3\xc6', 'EPS'],
  [0, 'SIMPLE  =', 'FITS'],
  [128, 'DICM', 'DICOM'],
  [0, 'gimp xcf', 'XCF'],
  [0, 'DDS ', 'DDS'],
  [0, '\xabKTX ', 'KTX'],
  [0, 'FLIF', 'FLIF'],
  [0, 'BPG\xfb', 'BPG'],
  [0, 'farbfeld', 'farbfeld'],
  [0, 'icns', 'ICNS'],
  [0, 'AT&TFORM', 'DjVu'],
  [0, 'FUJIFILMCCD-RAW', 'Fujifilm camera raw'],
  [0, 'FOVb', 'Sigma camera raw'],
  [40, ' EMF', 'EMF'],
  [0, '\xd7\xcd\xc6\x9a', 'WMF'],
  [0, '\x0a\x05\x01', 'PCX'],
  [0, '\x59\xa6\x6a\x95', 'Sun raster'],
  [0, '\x01\xda', 'SGI'],
  [0, '/* XPM */', 'XPM'],
  [0, 'SDPX', 'DPX'],
  [0, 'XPDS', 'DPX'],
  [0, '\x80\x2a\x5f\xd7', 'Cineon'],
  [0, '\x8aMNG\r\n\x1a\n', 'MNG'],
  [0, '\x8bJNG\r\n\x1a\n', 'JNG'],
  [0, 'id=ImageMagick', 'MIFF'],
  [0, '\x97JB2', 'JBIG2'],
  [0, '\x1a\x45\xdf\xa3', 'Matroska or WebM film'],
  [8, 'AVI ', 'AVI film'],
  [0, 'PK\x03\x04', 'ZIP'],
  [0, '\x1f\x8b', 'gzip'],
];

/** `begin`: the first kSniffBytes of a file, or all of it. Null for what is no picture. */
export function sniffKind(begin: Uint8Array<ArrayBuffer>): SniffedKind | null {
  const bytes = new Bytes(begin, true);
  if (bytes.has(0, 'RIFF') && bytes.has(8, 'WEBP')) return { name: 'WebP', read: true };
  for (const [read, table] of [[false, kOthers], [true, kRead]] as const) {
    for (const [at, text, name] of table) if (bytes.has(at, text)) return { name, read };
  }
  // Two letters are little: the size of the next header tells.
  const header = bytes.u32(14);
  if (bytes.has(0, 'BM') && (header === 12 || header === 16 || (header >= 40 && header <= 124))) return { name: 'BMP', read: true };
  if (/^P[1-7Ff][\s#]/.test(bytes.text(0, 3))) return { name: 'PNM', read: true };
  if (isIcon(bytes)) return { name: 'ICO', read: true };
  return isoMedia(bytes.part(0, begin.length, false)) ?? markup(begin);
}

function isIcon(bytes: Bytes): boolean {
  const type = bytes.u16(2), count = bytes.u16(4);
  // The first entry's reserved byte is 0, and its picture lies behind the directory.
  return bytes.size >= 22 && bytes.u16(0) === 0 && (type === 1 || type === 2) && count > 0 && bytes.u8(9) === 0 &&
    bytes.u32(18) >= 6 + 16 * count;
}

function isoMedia(bytes: Bytes): SniffedKind | null {
  if (!bytes.has(4, 'ftyp')) return null;
  const end = Math.min(bytes.u32(0), bytes.size);
  const brands = [];
  for (let at = 8; at + 4 <= end; at += 4) brands.push(bytes.text(at, 4));
  if (brands[0] === 'crx ') return { name: 'Canon CR3 camera raw', read: false };
  if (brands.some((brand) => brand === 'avif' || brand === 'avis')) return { name: 'AVIF', read: true };
  if (brands.some((brand) => /^(hei.|hev[cmsx]|mif1|msf1)$/.test(brand))) return { name: 'HEIC', read: true };
  return { name: 'MP4 or QuickTime film', read: false };
}

/** The first element behind declarations, comments and the document type is <svg>, with or without a namespace prefix. */
function markup(begin: Uint8Array<ArrayBuffer>): SniffedKind | null {
  let text = new TextDecoder().decode(begin);  // without its byte order mark
  for (let before = ''; text !== before; ) {
    before = text;
    text = text.trimStart().replace(/^(<!--.*?-->|<\?.*?\?>|<![^>[]*(\[[^\]]*\]\s*)?>)/s, '');
  }
  const name = /^<([^\s/>]+)/.exec(text)?.[1];
  if (name === 'svg' || name?.endsWith(':svg')) return { name: 'SVG', read: true };
  return name === 'html' || name === 'HTML' ? { name: 'HTML', read: false } : null;
}
