// SHA-256 (FIPS 180-4) of data that arrives in pieces. crypto.subtle takes only whole files, and is missing on plain http.

const kRounds = 64;
const kBlockBytes = 64;

// The first 32 bits of the fractional parts of the cube roots (K) and square roots (H) of the first primes.
const { K, H } = constants();

export class Sha256 {
  readonly #state = Int32Array.from(H);
  readonly #words = new Int32Array(kRounds);
  readonly #block = new Uint8Array(kBlockBytes);
  #filled = 0;
  #bytes = 0;

  update(data: Uint8Array): void {
    this.#bytes += data.length;
    let at = 0;
    if (this.#filled > 0) {
      at = Math.min(kBlockBytes - this.#filled, data.length);
      this.#block.set(data.subarray(0, at), this.#filled);
      this.#filled += at;
      if (this.#filled < kBlockBytes) return;
      this.#compress(this.#block, 0);
      this.#filled = 0;
    }
    for (; at + kBlockBytes <= data.length; at += kBlockBytes) this.#compress(data, at);
    this.#block.set(data.subarray(at));
    this.#filled = data.length - at;
  }

  /** Lower-case hex; ends the use of this object. */
  digest(): string {
    const bits = this.#bytes * 8;
    const padding = new Uint8Array(((this.#filled < 56 ? 56 : 120) - this.#filled) + 8);
    padding[0] = 0x80;
    const view = new DataView(padding.buffer);
    view.setUint32(padding.length - 8, Math.floor(bits / 2 ** 32));
    view.setUint32(padding.length - 4, bits % 2 ** 32);
    this.update(padding);
    return Array.from(this.#state, (word) => (word >>> 0).toString(16).padStart(8, '0')).join('');
  }

  #compress(data: Uint8Array, offset: number): void {
    const w = this.#words;
    const k = K;  // a local: the optimiser cannot know that the module's never changes
    for (let i = 0; i < 16; ++i) {
      const at = offset + 4 * i;
      w[i] = (data[at]! << 24) | (data[at + 1]! << 16) | (data[at + 2]! << 8) | data[at + 3]!;
    }
    for (let i = 16; i < kRounds; ++i) {
      const x = w[i - 15]!;
      const y = w[i - 2]!;
      const s0 = rotate(x, 7) ^ rotate(x, 18) ^ (x >>> 3);
      const s1 = rotate(y, 17) ^ rotate(y, 19) ^ (y >>> 10);
      w[i] = (w[i - 16]! + s0 + w[i - 7]! + s1) | 0;
    }
    const state = this.#state;
    let a = state[0]!, b = state[1]!, c = state[2]!, d = state[3]!;
    let e = state[4]!, f = state[5]!, g = state[6]!, h = state[7]!;
    for (let i = 0; i < kRounds; ++i) {
      const s1 = rotate(e, 6) ^ rotate(e, 11) ^ rotate(e, 25);
      const t1 = (h + s1 + ((e & f) ^ (~e & g)) + k[i]! + w[i]!) | 0;
      const s0 = rotate(a, 2) ^ rotate(a, 13) ^ rotate(a, 22);
      const t2 = (s0 + ((a & b) ^ (a & c) ^ (b & c))) | 0;
      h = g; g = f; f = e; e = (d + t1) | 0;
      d = c; c = b; b = a; a = (t1 + t2) | 0;
    }
    state[0]! += a; state[1]! += b; state[2]! += c; state[3]! += d;
    state[4]! += e; state[5]! += f; state[6]! += g; state[7]! += h;
  }
}

function rotate(x: number, by: number): number {
  return (x >>> by) | (x << (32 - by));
}

function constants(): { K: Int32Array; H: Int32Array } {
  const primes: number[] = [];
  for (let n = 2; primes.length < kRounds; ++n) if (primes.every((prime) => n % prime !== 0)) primes.push(n);
  const fraction = (x: number) => Math.floor((x - Math.floor(x)) * 2 ** 32) | 0;
  return {
    K: Int32Array.from(primes, (prime) => fraction(Math.cbrt(prime))),
    H: Int32Array.from(primes.slice(0, 8), (prime) => fraction(Math.sqrt(prime))),
  };
}
