// Reads and writes NumPy's .npy files of float32, little-endian, C order.
// SPDX-License-Identifier: MIT
import { readFileSync, renameSync, unlinkSync, writeFileSync } from 'node:fs';
import { coded } from './command.mjs';

const kMagic = '\x93NUMPY';

/** @returns {{shape: number[], data: Float32Array}} */
export function readNpy(path) {
  const file = readFileSync(path);
  const fail = (why) => {
    throw coded(`${path}: ${why}`, 'invalid-argument');
  };
  if (file.length < 12 || file.toString('latin1', 0, 6) !== kMagic) fail('not a .npy file');
  const wide = file[6] >= 2;  // from version 2 on the header's length has 4 bytes
  const headerStart = wide ? 12 : 10;
  const dataStart = headerStart + (wide ? file.readUInt32LE(8) : file.readUInt16LE(8));
  const header = file.toString('latin1', headerStart, dataStart);
  if (!/'descr'\s*:\s*'<f4'/.test(header)) fail('only little-endian float32 is read');
  if (!/'fortran_order'\s*:\s*False/.test(header)) fail('only C order is read');
  const extents = /'shape'\s*:\s*\(([\d,\s]*)\)/.exec(header);
  if (!extents) fail('the header has no shape');
  const shape = extents[1].split(',').filter((part) => part.trim() !== '').map(Number);
  const elements = shape.reduce((product, extent) => product * extent, 1);
  if (file.length - dataStart !== 4 * elements) fail(`${file.length - dataStart} bytes of data for ${elements} values`);
  // Copied: the data need not lie on a multiple of 4.
  return { shape, data: new Float32Array(new Uint8Array(file.subarray(dataStart)).buffer) };
}

export function writeNpy(path, shape, data) {
  const tuple = shape.length === 1 ? `${shape[0]},` : shape.join(', ');
  let header = `{'descr': '<f4', 'fortran_order': False, 'shape': (${tuple}), }`;
  header += ' '.repeat(63 - ((10 + header.length) % 64)) + '\n';
  const prefix = Buffer.alloc(10);
  prefix.write(kMagic, 'latin1');
  prefix[6] = 1;
  prefix.writeUInt16LE(header.length, 8);
  writeWhole(path, Buffer.concat([prefix, Buffer.from(header, 'latin1'), Buffer.from(data.buffer, data.byteOffset, data.byteLength)]));
}

/** Writes beside, then renames: there is never half a file at `path`. */
export function writeWhole(path, bytes) {
  const part = `${path}.part-${process.pid}`;
  try {
    writeFileSync(part, bytes);
    renameSync(part, path);
  } catch (error) {
    try {
      unlinkSync(part);
    } catch {
      // It was never made.
    }
    throw error;
  }
}
