// Fills a weightless ONNX file with random weights, the same on every machine, without Python.
//   node bench/gpu-report/fill.mjs in.skeleton.onnx[.gz] out.onnx [NAME=FACTOR...]
// A skeleton's dropped weights keep name, type and shape; the metadata "fill:<name>" = "<seed> <mean> <std>" says what they were like.
// The values are other ones than the Python tool makes of the same seeds: answers of the two files cannot be compared.
// NAME=FACTOR multiplies the weights whose name contains NAME (BiRefNet's attention, which random weights make ill-conditioned).
//
// Copyright the Decal authors.
// SPDX-License-Identifier: MIT
import { closeSync, openSync, readFileSync, renameSync, rmSync, writeSync } from 'node:fs';
import { pathToFileURL } from 'node:url';
import { gunzipSync } from 'node:zlib';

/** The fields of a protobuf message: number, wire type, whole bytes and, for bytes, content. */
function* fieldsOf(bytes, what) {
  let at = 0;
  const fail = () => {
    throw new Error(`${what}: no ONNX file, or one that is cut off`);
  };
  const varint = () => {
    let value = 0;
    for (let scale = 1; ; scale *= 128) {
      if (at >= bytes.length || scale > 2 ** 63) fail();
      const byte = bytes[at++];
      value += (byte & 127) * scale;
      if (byte < 128) return value;
    }
  };
  while (at < bytes.length) {
    const start = at;
    const key = varint();
    const [number, type] = [Math.floor(key / 8), key % 8];
    let content = null, value = 0;
    if (type === 0) value = varint();
    else if (type === 2) {
      const length = varint();
      content = bytes.subarray(at, at + length);
      at += length;
    } else if (type === 5 || type === 1) at += type === 5 ? 4 : 8;
    else fail();
    if (number === 0 || at > bytes.length) fail();
    yield { number, content, value, whole: bytes.subarray(start, at) };
  }
}

function varintBytes(value) {
  const bytes = [];
  for (; value >= 128; value = Math.floor(value / 128)) bytes.push((value % 128) | 128);
  return Buffer.from([...bytes, value]);
}
const head = (number, length) => Buffer.concat([varintBytes(8 * number + 2), varintBytes(length)]);
const nested = (number, parts) => [head(number, parts.reduce((sum, part) => sum + part.length, 0)), ...parts];

/** Normal numbers: xorshift128 seeded by splitmix32, and Marsaglia's polar method. */
export function normals(seed, count, mean, std) {
  let mixed = seed >>> 0;
  const next = () => {
    mixed = (mixed + 0x9e3779b9) | 0;
    let z = mixed ^ (mixed >>> 16);
    z = Math.imul(z, 0x21f0aaad);
    z = Math.imul(z ^ (z >>> 15), 0x735a2d97);
    return (z ^ (z >>> 15)) | 0;
  };
  let [a, b, c, d] = [next(), next(), next(), next() | 1];
  const uniform = () => {
    const t = a ^ (a << 11);
    [a, b, c] = [b, c, d];
    d = d ^ (d >>> 19) ^ t ^ (t >>> 8);
    return d / 2 ** 31;
  };
  const values = new Float32Array(count);
  for (let i = 0; i < count;) {
    const [x, y] = [uniform(), uniform()];
    const square = x * x + y * y;
    if (square >= 1 || square === 0) continue;
    const factor = Math.sqrt((-2 * Math.log(square)) / square);
    values[i++] = mean + std * x * factor;
    if (i < count) values[i++] = mean + std * y * factor;
  }
  return values;
}

function metadata(content, what) {
  let key = '', value = '';
  for (const field of fieldsOf(content, what)) {
    if (field.number === 1) key = field.content.toString();
    if (field.number === 2) value = field.content.toString();
  }
  return [key, value];
}

function filled(content, recipes, factorOf, what) {
  const fields = [...fieldsOf(content, what)];
  const name = fields.find(({ number }) => number === 8)?.content.toString() ?? '';
  const type = fields.find(({ number }) => number === 2)?.value;
  const factor = factorOf(name);
  const recipe = recipes.get(name);
  // Dimensions come one by one or packed.
  const dims = fields.filter(({ number }) => number === 1).flatMap((field) =>
    field.content ? [...fieldsOfPacked(field.content)] : [field.value]);
  let values;
  if (recipe) {
    const [seed, mean, std] = recipe;
    values = normals(seed, dims.reduce((product, dim) => product * dim, 1), mean * factor, std * factor);
  } else {
    const raw = fields.find(({ number }) => number === 9)?.content;
    if (factor === 1 || type !== 1 || dims.length < 2 || !raw) return null;
    values = new Float32Array(new Uint8Array(raw).buffer).map((value) => value * factor);
  }
  const kept = fields.filter(({ number }) => [1, 2, 8, 12].includes(number)).map(({ whole }) => whole);
  return [...kept, head(9, values.byteLength), Buffer.from(values.buffer)];
}

function* fieldsOfPacked(bytes) {
  for (let at = 0; at < bytes.length;) {
    let value = 0;
    for (let scale = 1; ; scale *= 128) {
      const byte = bytes[at++];
      value += (byte & 127) * scale;
      if (!(byte >= 128)) break;
    }
    yield value;
  }
}

/** The pieces of the filled file. `factors`: `NAME=FACTOR` texts. */
export function fillParts(bytes, factors = [], what = 'the model') {
  const pairs = factors.map((text) => {
    const [, part, factor] = /^(.+)=([\d.]+)$/.exec(text) ?? [];
    if (!part) throw new Error(`${text}: expected NAME=FACTOR`);
    return [part, Number(factor)];
  });
  const factorOf = (name) => pairs.reduce((product, [part, factor]) => (name.includes(part) ? product * factor : product), 1);
  const model = [...fieldsOf(bytes, what)];
  const recipes = new Map();
  for (const { number, content } of model) {
    if (number !== 14) continue;
    const [key, value] = metadata(content, what);
    if (!key.startsWith('fill:')) continue;
    const numbers = value.split(/\s+/).map(Number);
    if (numbers.length !== 3 || numbers.some(Number.isNaN)) throw new Error(`${what}: ${key} = ${value}: expected seed, mean, deviation`);
    recipes.set(key.slice(5), numbers);
  }
  if (recipes.size === 0) throw new Error(`${what}: no skeleton: its metadata has no "fill:" entries`);
  const graph = model.find(({ number }) => number === 7);
  if (!graph) throw new Error(`${what}: no graph`);
  const parts = [];
  for (const field of fieldsOf(graph.content, what)) {
    const tensor = field.number === 5 ? filled(field.content, recipes, factorOf, what) : null;
    parts.push(...(tensor ? nested(5, tensor) : [field.whole]));
  }
  return model.filter(({ number }) => number !== 14).flatMap(({ number, whole }) => (number === 7 ? nested(7, parts) : [whole]));
}

/** Fills the skeleton `from`, packed with gzip or not, into the file `to`. */
export function fillFile(from, to, factors = []) {
  const file = readFileSync(from);
  const parts = fillParts(from.endsWith('.gz') ? gunzipSync(file) : file, factors, from);
  const part = `${to}.part`;
  const out = openSync(part, 'w');
  try {
    for (const bytes of parts) for (let at = 0; at < bytes.length;) at += writeSync(out, bytes, at);
    closeSync(out);
  } catch (error) {
    closeSync(out);
    rmSync(part, { force: true });
    throw error;
  }
  renameSync(part, to);
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  const [from, to, ...factors] = process.argv.slice(2);
  try {
    if (!to) throw new Error('usage: node bench/gpu-report/fill.mjs in.skeleton.onnx[.gz] out.onnx [NAME=FACTOR...]');
    fillFile(from, to, factors);
  } catch (error) {
    console.error(`error: ${error.message}`);
    process.exitCode = 1;
  }
}
