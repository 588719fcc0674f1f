// Reads ahead from a source.
// SPDX-License-Identifier: MIT

/** The pieces of `source`, which starts at once and goes on to its end unless `stop` is aborted; all of it may wait here. */
export function ahead(source: AsyncIterable<Uint8Array>, stop: AbortSignal): AsyncGenerator<Uint8Array, void> {
  const waiting: Uint8Array[] = [];
  let ended = false;
  let wake = () => {};
  const pump = async () => {
    for await (const piece of source) {
      if (stop.aborted) break;
      waiting.push(piece);
      wake();
    }
  };
  const end = pump().finally(() => {
    ended = true;
    wake();
  });
  end.catch(() => {});  // told to the reader, if there still is one
  return (async function* () {
    for (;;) {
      const piece = waiting.shift();
      if (piece) yield piece;
      else if (ended) return void (await end);
      else await new Promise<void>((resolve) => (wake = resolve));
    }
  })();
}
