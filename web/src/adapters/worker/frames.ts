// Whether a picture file moves: browsers decode its first frame and do not say that there were more.

/** Reads files piece by piece: headers are short, and a film need not be in memory to be recognised. */
const kPieceBytes = 64 << 10;

/** GIF with two frames, or animated PNG, WebP or AVIF. A file that is broken, or of another kind, does not move. */
export async function isAnimated(blob: Blob): Promise<boolean> {
  const file = new Reader(blob);
  const head = await file.text(0, 12);
  if (head.startsWith('GIF8')) return isAnimatedGif(file);
  if (head.startsWith('\x89PNG')) return isAnimatedPng(file);
  // The flag stands in the extended header, which comes first.
  if (head.startsWith('RIFF') && head.endsWith('WEBP')) {
    return (await file.text(12, 4)) === 'VP8X' && ((await file.byte(20)) & 2) !== 0;
  }
  // ISO media: the brand of image sequences.
  return head.slice(4) === 'ftypavis';
}

async function isAnimatedGif(file: Reader): Promise<boolean> {
  const tableBytes = (flags: number) => (flags & 0x80 ? 3 << ((flags & 7) + 1) : 0);
  let at = 13 + tableBytes(await file.byte(10));
  const skipSubBlocks = async () => {
    for (let size; (size = await file.byte(at++)) > 0; ) at += size;
  };
  for (let frames = 0; ; ) {
    const kind = await file.byte(at);
    if (kind === 0x2c) {
      if (++frames === 2) return true;
      at += 10 + tableBytes(await file.byte(at + 9)) + 1;
    } else if (kind === 0x21) {
      at += 2;
    } else {
      return false;  // the trailer, or the end of a file that breaks off
    }
    await skipSubBlocks();
  }
}

async function isAnimatedPng(file: Reader): Promise<boolean> {
  for (let at = 8; ; ) {
    const kind = await file.text(at + 4, 4);
    if (kind === 'acTL') return true;
    // What animates must come before the first frame's data.
    if (kind === 'IDAT' || kind.length < 4) return false;
    at += 12 + (await file.uint32(at));
  }
}

/** Random access that keeps one piece of the file; 0 where it has ended. */
class Reader {
  readonly #blob: Blob;
  #piece = new Uint8Array(0);
  #start = 0;

  constructor(blob: Blob) {
    this.#blob = blob;
  }

  async byte(at: number): Promise<number> {
    return (await this.#bytes(at, 1))[0] ?? 0;
  }

  async uint32(at: number): Promise<number> {
    const [a = 0, b = 0, c = 0, d = 0] = await this.#bytes(at, 4);
    return a * 2 ** 24 + (b << 16 | c << 8 | d);
  }

  async text(at: number, length: number): Promise<string> {
    return String.fromCharCode(...(await this.#bytes(at, length)));
  }

  async #bytes(at: number, length: number): Promise<Uint8Array> {
    if (at < this.#start || at + length > this.#start + this.#piece.length) {
      this.#piece = new Uint8Array(await this.#blob.slice(at, at + kPieceBytes).arrayBuffer());
      this.#start = at;
    }
    return this.#piece.subarray(at - this.#start, at - this.#start + length);
  }
}
