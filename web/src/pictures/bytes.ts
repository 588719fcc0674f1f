// Reads numbers and texts from a file's bytes. Reads past the end return 0 and set a flag.
// SPDX-License-Identifier: MIT

/** Reads at given places; `littleEndian` for formats that are so. */
export class Bytes {
  readonly all: Uint8Array<ArrayBuffer>;
  readonly #view: DataView;
  readonly #little: boolean;
  /** A read went past the end. */
  failed = false;

  constructor(all: Uint8Array<ArrayBuffer>, littleEndian = false) {
    this.all = all;
    this.#view = new DataView(all.buffer, all.byteOffset, all.length);
    this.#little = littleEndian;
  }

  get size(): number {
    return this.all.length;
  }

  u8(at: number): number {
    return this.#has(at, 1) ? this.all[at]! : 0;
  }

  u16(at: number): number {
    return this.#has(at, 2) ? this.#view.getUint16(at, this.#little) : 0;
  }

  u32(at: number): number {
    return this.#has(at, 4) ? this.#view.getUint32(at, this.#little) : 0;
  }

  i32(at: number): number {
    return this.u32(at) | 0;
  }

  /** As many characters as there are, at most `length`. */
  text(at: number, length: number): string {
    return String.fromCharCode(...this.all.subarray(at, at + length));
  }

  /** Whether the file has this text there. */
  has(at: number, text: string): boolean {
    return this.text(at, text.length) === text;
  }

  /** A part as a file of its own. */
  part(from: number, to: number, littleEndian = this.#little): Bytes {
    return new Bytes(this.all.subarray(from, Math.max(from, to)), littleEndian);
  }

  #has(at: number, length: number): boolean {
    const inside = at >= 0 && at + length <= this.all.length;
    this.failed ||= !inside;
    return inside;
  }
}

/** Replaces the bytes from `from` to `to` of a file. */
export interface Edit {
  from: number;
  to: number;
  bytes?: Uint8Array<ArrayBuffer>;
}

/**
 * The file with the edits made. In one piece: Firefox (153) tells a file's kind from the first piece of a Blob alone, and refuses
 * where that is too short.
 */
export function edited(file: Uint8Array<ArrayBuffer>, edits: readonly Edit[]): Uint8Array<ArrayBuffer> {
  const pieces: Uint8Array[] = [];
  let at = 0;
  for (const { from, to, bytes } of [...edits].sort((a, b) => a.from - b.from)) {
    if (from > at) pieces.push(file.subarray(at, from));
    if (bytes) pieces.push(bytes);
    at = Math.max(at, to);
  }
  pieces.push(file.subarray(at));
  return joined(pieces);
}

export function joined(pieces: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  const whole = new Uint8Array(pieces.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const piece of pieces) {
    whole.set(piece, at);
    at += piece.length;
  }
  return whole;
}
