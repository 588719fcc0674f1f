// How much shared memory is asked for, by what the browser says it is.
// SPDX-License-Identifier: MIT
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { importSource } from './helpers.mjs';

const { sharedMemoryLimit } = await importSource('page/memory-limit.ts');

test('shared memory is limited on iPhones and iPads alone', () => {
  const limitOf = (userAgent, maxTouchPoints) => {
    Object.defineProperty(globalThis, 'navigator', { value: { userAgent, maxTouchPoints }, configurable: true });
    return sharedMemoryLimit();
  };
  const webkit = 'AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.5 Safari/605.1.15';
  assert.equal(limitOf(`Mozilla/5.0 (iPhone; CPU iPhone OS 18_5 like Mac OS X) ${webkit}`, 5), 16384);
  assert.equal(limitOf(`Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) ${webkit}`, 5), 16384, 'an iPad');
  assert.equal(limitOf(`Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) ${webkit}`, 0), null, 'a Mac');
  assert.equal(limitOf(`Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) ${webkit}`), null, 'a worker on either');
  assert.equal(limitOf('Mozilla/5.0 (Linux; Android 15; Pixel 9) AppleWebKit/537.36 Chrome/140.0 Mobile', 5), null);
});
