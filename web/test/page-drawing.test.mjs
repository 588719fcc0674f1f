// SVG between the worker and the page: what is drawn comes back, errors keep their codes, and nothing is kept after an abort.
// SPDX-License-Identifier: MIT
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { importSource, rejectsWith } from './helpers.mjs';

const { DecalError, drawThroughPage, serveDrawing } = await importSource('adapters/worker/page-drawing.ts', 'shared/errors.ts');

const request = { svg: new Blob(['<svg/>']), size: 64, maxPixels: 1000 };
const never = new AbortController().signal;
/** What stands for a bitmap: something that can be transferred, and closed. */
const bitmap = () => new MessageChannel().port1;

test('the request arrives as it is, and the bitmap comes back', async () => {
  const asked = [];
  const draw = drawThroughPage((given, port) => serveDrawing(async (arrived) => {
    asked.push(arrived);
    return bitmap();
  }, given, port));
  const drawn = await draw(request, never);
  assert.deepEqual(asked, [request]);
  assert.equal(typeof drawn.close, 'function');
  drawn.close();
});

test('errors keep their code; others are of the picture', async () => {
  const failing = (error) => drawThroughPage((given, port) => serveDrawing(() => Promise.reject(error), given, port))(request, never);
  const { message } = await rejectsWith('limit-exceeded', () => failing(new DecalError('limit-exceeded', 'too much')));
  assert.equal(message, 'too much');
  await rejectsWith('corrupt-image', () => failing(new Error('no')));
});

test('an abort ends the wait, and what is drawn later is closed', async () => {
  const stop = new AbortController();
  let finish;
  const drawing = new Promise((resolve) => (finish = resolve));
  const draw = drawThroughPage((given, port) => serveDrawing(() => drawing, given, port));
  const result = draw(request, stop.signal);
  stop.abort();
  await assert.rejects(result, { name: 'AbortError' });
  const { port1, port2 } = new MessageChannel();
  port2.on('message', () => {});  // keeps the process waiting
  const closed = new Promise((resolve) => port2.on('close', resolve));
  finish(port1);
  await closed;
});
