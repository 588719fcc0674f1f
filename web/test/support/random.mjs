// Seeded chance for tests that try many cases: a failing seed fails again.
// SPDX-License-Identifier: MIT

/** Numbers from 0 up to 1: mulberry32. */
export function seeded(seed) {
  let state = seed >>> 0;
  const random = () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = state;
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
  return Object.assign(random, {
    /** A whole number from 0 up to `end`, without it. */
    below: (end) => Math.floor(random() * end),
    chance: (share) => random() < share,
    pick: (list) => list[Math.floor(random() * list.length)],
    bytes: (count) => Buffer.from(Uint8Array.from({ length: count }, () => random() * 256)),
  });
}
