// Which way frames go, by what a browser has: Chromium's pages, Safari's workers, neither; and what a worker does with a track it is lent.
// SPDX-License-Identifier: MIT
import assert from 'node:assert/strict';
import { afterEach, test } from 'node:test';
import { importSource } from './helpers.mjs';

const { hasTrackStreams, openTrackStreams } = await importSource('adapters/worker/track-streams.ts');
const { composeFrames } = await importSource('adapters/worker/frames.ts');

const track = (name) => ({ name, enabled: true, stops: 0, stop() { ++this.stops; } });

/** Fakes of the interfaces; `made` has what each was given. */
function scopeWith(...names) {
  const made = [];
  const all = {
    MediaStreamTrackProcessor: class {
      constructor(init) {
        made.push(init);
        this.readable = new ReadableStream({ start: (controller) => void (this.controller = controller) });
        made.push(this);
      }
    },
    VideoTrackGenerator: class {
      track = track('by VideoTrackGenerator');
      writable = new WritableStream();
    },
    MediaStreamTrackGenerator: class {
      constructor({ kind }) {
        Object.assign(this, { ...track('by MediaStreamTrackGenerator'), kind, writable: new WritableStream() });
      }
    },
  };
  return { scope: Object.fromEntries(names.map((name) => [name, all[name]])), made };
}

test("Chromium's page, Safari's worker, and one that has both: the standard's comes first", () => {
  for (const [names, result] of [
    [['MediaStreamTrackProcessor', 'MediaStreamTrackGenerator'], 'by MediaStreamTrackGenerator'],
    [['MediaStreamTrackProcessor', 'VideoTrackGenerator'], 'by VideoTrackGenerator'],
    [['MediaStreamTrackProcessor', 'VideoTrackGenerator', 'MediaStreamTrackGenerator'], 'by VideoTrackGenerator'],
  ]) {
    const { scope, made } = scopeWith(...names);
    const source = track('camera');
    assert.equal(hasTrackStreams(scope), true);
    const streams = openTrackStreams(source, scope);
    assert.equal(streams.result.name, result);
    assert.deepEqual(made[0], { track: source, maxBufferSize: 1 });
    assert.ok(streams.readable instanceof ReadableStream && streams.writable instanceof WritableStream);
  }
});

test('half of a way is none', () => {
  for (const names of [[], ['MediaStreamTrackProcessor'], ['VideoTrackGenerator'], ['MediaStreamTrackGenerator']]) {
    const { scope, made } = scopeWith(...names);
    assert.equal(hasTrackStreams(scope), false);
    assert.equal(openTrackStreams(track('camera'), scope), null);
    assert.deepEqual(made, []);
  }
});

/** A canvas that shows what is put on it, as far as the check against fingerprinting looks. */
class FakeCanvas {
  constructor(width, height) {
    Object.assign(this, { width, height });
  }

  getContext() {
    let kept;
    return { canvas: this, putImageData: (data) => (kept = data), getImageData: () => kept, drawImage() {}, fillRect() {} };
  }
}

let ports = [];
afterEach(() => {
  for (const port of ports) port.close();
  ports = [];
  for (const name of ['OffscreenCanvas', 'ImageData', 'MediaStreamTrackProcessor', 'VideoTrackGenerator']) delete globalThis[name];
});

/** A worker's frames, and what it tells the page. */
function startFrames() {
  globalThis.OffscreenCanvas = FakeCanvas;
  globalThis.ImageData = class {
    constructor(data, width, height) {
      Object.assign(this, { data, width, height });
    }
  };
  const mattes = new MessageChannel();
  ports = [mattes.port1, mattes.port2];
  const told = [];
  const control = { postMessage: (message, transfer) => told.push({ ...message, transfer }), onmessage: null };
  const frames = composeFrames({
    type: 'frames', control, mattes: mattes.port2, streams: null, input: { rule: 'stretch', width: 8, height: 8, multiple: 1 }, maxFps: null, background: { kind: 'transparent' },
  });
  return { frames, told, say: (data) => control.onmessage({ data }) };
}

test('a worker that can takes a lent track, follows it, and stops it at the end', async () => {
  const { scope, made } = scopeWith('MediaStreamTrackProcessor', 'VideoTrackGenerator');
  Object.assign(globalThis, scope);
  const { frames, told, say } = startFrames();
  const lent = track('camera');
  frames.takeTrack(lent);
  assert.equal(told[0].type, 'streams');
  assert.equal(told[0].result.name, 'by VideoTrackGenerator');
  assert.deepEqual(told[0].transfer, [told[0].result]);
  say({ type: 'enabled', enabled: false });
  assert.equal(lent.enabled, false);
  let closed = 0;
  made[1].controller.enqueue({ timestamp: 0, displayWidth: 4, displayHeight: 4, close: () => ++closed });
  await new Promise((resolve) => setTimeout(resolve, 20));
  say({ type: 'end' });
  await new Promise((resolve) => setTimeout(resolve, 20));
  const { type, stats, failure } = told.at(-1);
  assert.deepEqual([type, failure, stats.framesIn, stats.framesOpen, closed, lent.stops], ['ended', null, 1, 0, 1, 1]);
});

test('one that cannot stops the track and says so; the page then brings each frame', async () => {
  const { frames, told, say } = startFrames();
  const lent = track('camera');
  frames.takeTrack(lent);
  assert.deepEqual([told[0].type, told[0].result, lent.stops], ['streams', null, 1]);
  let closed = 0;
  say({ type: 'frame', frame: { width: 4, height: 4, close: () => ++closed } });
  await new Promise((resolve) => setTimeout(resolve, 20));
  assert.deepEqual(told.at(-1), { type: 'drawn', picture: null, transfer: [] });
  say({ type: 'end' });
  await new Promise((resolve) => setTimeout(resolve, 20));
  assert.deepEqual([told.at(-1).type, closed], ['ended', 1]);
});

test('a track that ends is said, and a lent one is stopped', async () => {
  const { scope, made } = scopeWith('MediaStreamTrackProcessor', 'VideoTrackGenerator');
  Object.assign(globalThis, scope);
  const { frames, told } = startFrames();
  const lent = track('camera');
  frames.takeTrack(lent);
  made[1].controller.close();
  await new Promise((resolve) => setTimeout(resolve, 20));
  assert.deepEqual([told.at(-1).type, told.at(-1).failure, lent.stops], ['ended', { code: 'io', message: "the source's track has ended" }, 1]);
});
