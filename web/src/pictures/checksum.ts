// The CRC-32 of PNG, eight bytes at a time: browsers have no function for it.
// SPDX-License-Identifier: MIT

let tables: Int32Array[] | null = null;

function makeTables(): Int32Array[] {
  const first = Int32Array.from({ length: 256 }, (_, value) => {
    let sum = value;
    for (let bit = 0; bit < 8; ++bit) sum = sum & 1 ? (sum >>> 1) ^ 0xedb88320 : sum >>> 1;
    return sum;
  });
  const made = [first];
  for (let i = 1; i < 8; ++i) made.push(made[i - 1]!.map((sum) => (sum >>> 8) ^ first[sum & 255]!));
  return made;
}

/** Of the bytes from `from` to `to`. A table a byte would take four times as long. */
export function crc32(bytes: Uint8Array, from: number, to: number): number {
  const [t0, t1, t2, t3, t4, t5, t6, t7] = (tables ??= makeTables()) as [
    Int32Array, Int32Array, Int32Array, Int32Array, Int32Array, Int32Array, Int32Array, Int32Array];
  let sum = -1;
  let at = from;
  for (const end = to - 7; at < end; at += 8) {
    const low = sum ^ (bytes[at]! | bytes[at + 1]! << 8 | bytes[at + 2]! << 16 | bytes[at + 3]! << 24);
    sum = t7[low & 255]! ^ t6[low >>> 8 & 255]! ^ t5[low >>> 16 & 255]! ^ t4[low >>> 24]! ^
      t3[bytes[at + 4]!]! ^ t2[bytes[at + 5]!]! ^ t1[bytes[at + 6]!]! ^ t0[bytes[at + 7]!]!;
  }
  for (; at < to; ++at) sum = (sum >>> 8) ^ t0[(sum ^ bytes[at]!) & 255]!;
  return ~sum >>> 0;
}
