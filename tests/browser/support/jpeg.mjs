// JPEG files made from others: turned by EXIF, or cut off.
// SPDX-License-Identifier: MIT

/** The same file with an EXIF orientation (1 to 8) in front of its other segments. */
export function withOrientation(jpeg, orientation) {
  const exif = Buffer.from('Exif\0\0MM\0*', 'latin1');
  const directory = Buffer.alloc(22);
  directory.writeUInt32BE(8, 0); // where the directory begins, from "MM"
  directory.writeUInt16BE(1, 4); // one entry: orientation, one short
  directory.writeUInt16BE(0x0112, 6);
  directory.writeUInt16BE(3, 8);
  directory.writeUInt32BE(1, 10);
  directory.writeUInt16BE(orientation, 14);
  const body = Buffer.concat([exif, directory]);
  const segment = Buffer.alloc(4);
  segment.writeUInt16BE(0xffe1, 0);
  segment.writeUInt16BE(body.length + 2, 2);
  return Buffer.concat([jpeg.subarray(0, 2), segment, body, jpeg.subarray(2)]);
}

/** The beginning of the file: a picture that stops in its middle. */
export function truncated(jpeg, share = 0.4) {
  return jpeg.subarray(0, Math.floor(jpeg.length * share));
}
