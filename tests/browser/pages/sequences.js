// Calls, aborts, restarts and ends in random order against the real package, in pages and in Node: each call ends once, with the
// right picture or a typed error.
// SPDX-License-Identifier: MIT

/** Numbers from 0 up to 1, the same for the same seed: mulberry32. */
function seeded(seed) {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = state;
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

/**
 * `api`: `remove(signal)` gives pixels (RGBA), `load(signal)` nothing, `init(n)` sets other settings for each of a few n,
 * `dispose()` ends everything. `typed` tells the package's errors. Returns how often calls ended in which way; throws, with the
 * seed, where one ended in a way that it must not.
 */
export async function runSequences({ runs, firstSeed = 1, api, typed, longestPauseMs = 20 }) {
  const counts = {};
  const reference = await api.remove(new AbortController().signal);
  for (let seed = firstSeed; seed < firstSeed + runs; ++seed) {
    try {
      await sequence(seed, { api, typed, reference, counts, longestPauseMs });
    } catch (error) {
      throw new Error(`seed ${seed}: ${error?.message ?? error}`, { cause: error });
    }
  }
  await api.dispose();
  return counts;
}

async function sequence(seed, { api, typed, reference, counts, longestPauseMs }) {
  const random = seeded(seed);
  const calls = [];
  const call = (kind) => {
    const abort = new AbortController();
    const end = (how) => (counts[how] = (counts[how] ?? 0) + 1);
    const done = api[kind](abort.signal).then((pixels) => {
      if (kind === 'remove' && !pixels.every((value, i) => Math.abs(value - reference[i]) <= 1)) {
        throw new Error(pixels.every((value, i) => i % 4 !== 3 || value === 255) ? 'the uncut picture came as a success' : 'a wrong picture');
      }
      return end(kind);
    }, (error) => {
      if (abort.signal.aborted && error === abort.signal.reason) return end('abort');
      if (typed(error) && error.code === 'aborted') return end('disposed');
      throw error;
    });
    done.catch(() => {});
    calls.push({ abort, done });
  };
  call('remove');
  for (let steps = 2 + Math.floor(4 * random()); steps > 0; --steps) {
    // Now and then without a turn of the event loop in between.
    if (random() < 0.8) await new Promise((resolve) => setTimeout(resolve, longestPauseMs * random() ** 2));
    const what = random();
    if (what < 0.4) calls[Math.floor(random() * calls.length)].abort.abort(new Error('given up'));
    else if (what < 0.7) call('remove');
    else if (what < 0.8) call('load');
    else if (what < 0.9) await Promise.race([api.init(Math.floor(2 * random())), Promise.resolve()]);
    else void api.dispose();
  }
  let timer;
  const stuck = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error('a call never ends')), 60_000);
  });
  try {
    await Promise.race([Promise.all(calls.map(({ done }) => done)), stuck]);
  } finally {
    clearTimeout(timer);
  }
}
