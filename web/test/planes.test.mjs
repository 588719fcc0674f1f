// Frames in planes: small copies, and backgrounds behind mattes of any size, against straightforward arithmetic.
//
// Copyright the Decal authors.
// SPDX-License-Identifier: MIT
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { importSource } from './helpers.mjs';

const { fillPlanes, PlaneComposer, PlaneReducer, planesBytes, planesOf, toPlanes } = await importSource('pictures/planes.ts');

const kColours = {
  'BT.709, limited': { red: 0.2126, blue: 0.0722, full: false }, 'BT.709, full': { red: 0.2126, blue: 0.0722, full: true },
  'BT.601, limited': { red: 0.299, blue: 0.114, full: false }, 'BT.601, full': { red: 0.299, blue: 0.114, full: true },
};
const [kUsual] = Object.values(kColours);

/** The same numbers in every run. */
function random(seed) {
  let state = seed;
  return () => ((state = (state * 1664525 + 1013904223) >>> 0) / 2 ** 32);
}

function newPlanes(width, height, value = () => 0) {
  const planes = planesOf(new ArrayBuffer(planesBytes(width, height)), width, height);
  planes.forEach((plane, p) => plane.bytes.forEach((_, i) => (plane.bytes[i] = value(p, i % plane.width, Math.floor(i / plane.width), plane))));
  return planes;
}

const matteOf = (width, height, value) => ({ values: Uint8Array.from({ length: width * height }, (_, i) => value(i % width, Math.floor(i / width))), width, height });

/** A matte at a place of a plane, 0..1: bilinear at the middles of pixels. */
function stretched({ values, width, height }, plane, x, y) {
  const along = (at, from, to) => Math.max(0, Math.min(from - 1, ((at + 0.5) * from) / to - 0.5));
  const [u, v] = [along(x, width, plane.width), along(y, height, plane.height)];
  const [i, j] = [Math.floor(u), Math.floor(v)];
  const value = (a, b) => values[Math.min(b, height - 1) * width + Math.min(a, width - 1)];
  const row = (b) => value(i, b) * (1 - u + i) + value(i + 1, b) * (u - i);
  return (row(j) * (1 - v + j) + row(j + 1) * (v - j)) / 255;
}

for (const [name, colours] of Object.entries(kColours)) {
  test(`${name}: a colour goes to planes and back within two levels`, () => {
    const next = random(1);
    for (let turn = 0; turn < 200; ++turn) {
      const colour = [next(), next(), next()].map((value) => Math.round(255 * value));
      const numbers = toPlanes(colour, colours);
      const planes = newPlanes(12, 8, (p) => numbers[p]);
      const rgba = new Uint8ClampedArray(4 * 6);
      new PlaneReducer().reduce(planes, colours, 3, 2, rgba);
      for (let i = 0; i < rgba.length; ++i) {
        const expected = i % 4 === 3 ? 255 : colour[i % 4];
        assert.ok(Math.abs(rgba[i] - expected) <= 2, `${colour} became ${rgba.subarray(0, 4)}`);
      }
    }
    assert.deepEqual(toPlanes([0, 0, 0], colours), [colours.full ? 0 : 16, 128, 128]);
    assert.deepEqual(toPlanes([255, 255, 255], colours), [colours.full ? 255 : 235, 128, 128]);
  });
}

test('a small copy has the mean of the pixels in each of its own, and the reducer works for the next size too', () => {
  const next = random(2);
  const reducer = new PlaneReducer();
  for (const [width, height, w, h] of [[64, 48, 16, 16], [320, 180, 128, 128], [34, 22, 33, 22], [8, 8, 1, 1]]) {
    const planes = newPlanes(width, height, (p) => (p === 0 ? Math.round(16 + 219 * next()) : 128));
    const rgba = new Uint8ClampedArray(4 * w * h);
    reducer.reduce(planes, kUsual, w, h, rgba);
    for (let y = 0; y < h; ++y) {
      for (let x = 0; x < w; ++x) {
        let sum = 0, count = 0;
        for (let j = Math.floor((y * height) / h); j < Math.floor(((y + 1) * height) / h); ++j) {
          for (let i = Math.floor((x * width) / w); i < Math.floor(((x + 1) * width) / w); ++i, ++count) sum += planes[0].bytes[j * width + i];
        }
        const grey = Math.round(((sum / count - 16) * 255) / 219);
        for (let c = 0; c < 3; ++c) assert.ok(Math.abs(rgba[4 * (y * w + x) + c] - grey) <= 1, `${width} x ${height}: ${x}, ${y}`);
      }
    }
  }
});

test('colours and pictures lie behind the subject, mixed along its edge as the matte says, at any size', () => {
  const composer = new PlaneComposer();
  const next = random(3);
  for (const [width, height, w, h] of [[64, 48, 16, 16], [320, 180, 256, 256], [30, 50, 256, 256], [32, 18, 1, 1], [16, 16, 16, 16], [66, 34, 7, 5]]) {
    // All of one, all of the other, and everything in between.
    const matte = matteOf(w, h, (x, y) => (3 * x < w ? 0 : 3 * x > 2 * w ? 255 : (37 * x + 91 * y) % 256));
    const frame = newPlanes(width, height, () => Math.floor(256 * next()));
    const picture = newPlanes(width, height, () => Math.floor(256 * next()));
    const colour = [200, 90, 170];
    for (const [what, behind, compose] of [
      ['a colour', (p) => colour[p], (planes) => composer.overColour(planes, matte, colour)],
      ['a picture', (p, i) => picture[p].bytes[i], (planes) => composer.overPicture(planes, matte, picture)],
    ]) {
      const planes = newPlanes(width, height, (p, x, y, plane) => frame[p].bytes[y * plane.width + x]);
      compose(planes);
      planes.forEach((plane, p) => plane.bytes.forEach((value, i) => {
        const share = stretched(matte, plane, i % plane.width, Math.floor(i / plane.width));
        const expected = frame[p].bytes[i] * share + behind(p, i) * (1 - share);
        // Weights are of a 64th: between two neighbours that are far apart, half of one is 2 levels in each direction.
        assert.ok(Math.abs(value - expected) <= 5, `${what}, ${width} x ${height}, plane ${p}, ${i}: ${value}, not ${expected}`);
        if (share === 1) assert.equal(value, frame[p].bytes[i]);
        if (share === 0) assert.equal(value, behind(p, i));
      }));
    }
    const alpha = { bytes: new Uint8Array(width * height), width, height };
    composer.alpha(alpha, matte);
    alpha.bytes.forEach((value, i) => {
      const share = stretched(matte, alpha, i % width, Math.floor(i / width));
      assert.ok(Math.abs(value - 255 * share) <= 5);
      if (share === 0 || share === 1) assert.equal(value, 255 * share);
    });
  }
});

test('the small copy of a picture behind is the picture', () => {
  const planes = newPlanes(20, 12);
  fillPlanes(Array.from({ length: 4 * 20 * 12 }, (_, i) => [180, 60, 90, 10][i % 4]), kUsual, planes);
  const numbers = toPlanes([180, 60, 90], kUsual);
  planes.forEach(({ bytes }, p) => bytes.forEach((value) => assert.equal(value, numbers[p])));
});

test('a blur leaves an even background as it is, right up to the subject, which has no glow', () => {
  const composer = new PlaneComposer();
  const [room, person] = [[90, 120, 140], [230, 100, 170]];
  for (const [width, height] of [[320, 180], [322, 182], [64, 40], [8, 6]]) {
    // The subject's edge lies between cells of the matte, two pixels inside of what the frame shows of it.
    const matte = matteOf(64, 36, (x) => (x >= 32 ? 255 : 0));
    for (const radius of [2, 6, 12, 40, 100]) {
      const planes = newPlanes(width, height, (p, x, _, plane) => (2 * x >= plane.width ? person : room)[p]);
      composer.overBlur(planes, matte, radius);
      planes.forEach((plane, p) => plane.bytes.forEach((value, i) => {
        const share = stretched(matte, plane, i % plane.width, Math.floor(i / plane.width));
        if (share === 1) assert.equal(value, person[p]);
        else if (share === 0) assert.ok(Math.abs(value - room[p]) <= 1, `${width} x ${height}, blur ${radius}, plane ${p}, ${i % plane.width}: ${value}`);
      }));
    }
  }
});

test('a blur is as wide as it is asked for, and keeps the mean', () => {
  const composer = new PlaneComposer();
  const nobody = matteOf(16, 16, () => 0);
  for (const radius of [3, 12, 30]) {
    // In the middle of a cell, of which an edge is as wide as anywhere.
    const planes = newPlanes(640, 360, (p, x) => (p === 0 ? (x < 322 ? 40 : 200) : 128));
    composer.overBlur(planes, nobody, radius);
    const row = planes[0].bytes.subarray(180 * 640, 181 * 640);
    // The standard deviation of an edge's slope is the blur's.
    const slope = Array.from({ length: 639 }, (_, i) => row[i + 1] - row[i]);
    const total = slope.reduce((sum, value) => sum + value, 0);
    const mean = slope.reduce((sum, value, i) => sum + value * i, 0) / total;
    const sigma = Math.sqrt(slope.reduce((sum, value, i) => sum + value * (i - mean) ** 2, 0) / total);
    assert.equal(total, 160);
    assert.ok(Math.abs(mean - 321) < 1, `${radius}: its middle is at ${mean}`);
    // By powers of two: the nearest is at most 1.42 times away.
    assert.ok(sigma / radius > 0.66 && sigma / radius < 1.5, `${radius}: ${sigma}`);
    for (const plane of planes.slice(1)) plane.bytes.forEach((value) => assert.equal(value, 128));
  }
});

test('a frame that is all subject stays as it is', () => {
  const planes = newPlanes(40, 24, (p, x, y) => (50 * p + 3 * x + y) % 256);
  const before = planes.map(({ bytes }) => bytes.slice());
  new PlaneComposer().overBlur(planes, matteOf(16, 16, () => 255), 20);
  planes.forEach(({ bytes }, p) => assert.deepEqual(bytes, before[p]));
});
