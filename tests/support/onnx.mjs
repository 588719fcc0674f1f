// Writes small ONNX files for tests, byte by byte.
//
// Copyright the Decal authors.
// SPDX-License-Identifier: MIT

export const kFloat = 1;
export const kUint8 = 2;
export const kInt64 = 7;
export const kHalf = 10;

const varint = (value) => (value < 128 ? [value] : [(value % 128) | 128, ...varint(Math.floor(value / 128))]);
const number = (field, value) => Buffer.from([...varint(field * 8), ...varint(value)]);
const nested = (field, ...parts) => {
  const body = Buffer.concat(parts.map((part) => Buffer.from(part)));
  return Buffer.concat([Buffer.from([...varint(field * 8 + 2), ...varint(body.length)]), body]);
};

/** Bytes of an array of numbers in memory. */
export const bytesOf = (values) => Buffer.from(values.buffer, values.byteOffset, values.byteLength);

/** The bits of float16 numbers; exact for those that tests use. */
export function halves(values) {
  return Uint16Array.from(values, (value) => {
    const [bits] = new Uint32Array(Float32Array.of(value).buffer);
    const exponent = ((bits >>> 23) & 255) - 112;
    return exponent <= 0 ? (bits >>> 16) & 0x8000 : ((bits >>> 16) & 0x8000) | (exponent << 10) | ((bits >>> 13) & 1023);
  });
}

/** The numbers of float16 bits. */
export function fromHalves(bits) {
  return Float32Array.from(bits, (half) => {
    const exponent = (half >>> 10) & 31;
    const fraction = half & 1023;
    const size = exponent === 0 ? fraction * 2 ** -24 : exponent === 31 ? (fraction ? NaN : Infinity) : (1 + fraction / 1024) * 2 ** (exponent - 15);
    return half & 0x8000 ? -size : size;
  });
}

function valueInfo({ name, shape, type = kFloat }) {
  // A text is a dynamic dimension of that name.
  const dimensions = shape.map((size) => nested(1, typeof size === 'number' ? number(1, size) : nested(2, size)));
  return [nested(1, name), nested(2, nested(1, number(1, type), nested(2, ...dimensions)))];
}

function attribute(name, value) {
  const list = Array.isArray(value);
  if (typeof value === 'string') return nested(5, nested(1, name), nested(4, value), number(20, 3));
  return nested(5, nested(1, name), ...(list ? value.map((one) => number(8, one)) : [number(3, value)]), number(20, list ? 7 : 2));
}

/**
 * `tensors`: `{name, shape, type?, data}`, or `{name, shape, type?, external: {location, offset?, length?, checksum?}}`.
 * `nodes`: `[type, inputs, outputs, attributes?]`. `inputs` and `outputs`: `{name, shape, type?}`.
 */
export function onnxModel({ nodes, tensors = [], inputs, outputs, opset = 17 }) {
  const graph = [
    ...nodes.map(([type, from, to, attributes = {}], i) => nested(
      1, ...from.map((name) => nested(1, name)), ...to.map((name) => nested(2, name)), nested(3, `${type}_${i}`), nested(4, type),
      ...Object.entries(attributes).map(([name, value]) => attribute(name, value)))),
    nested(2, 'test'),
    ...tensors.map(({ name, shape, type = kFloat, data, external }) => nested(
      5, ...shape.map((size) => number(1, size)), number(2, type), nested(8, name),
      ...(external
        ? [...Object.entries(external).map(([key, value]) => nested(13, nested(1, key), nested(2, String(value)))), number(14, 1)]
        : [nested(9, bytesOf(data))]))),
    ...inputs.map((input) => nested(11, ...valueInfo(input))),
    ...outputs.map((output) => nested(12, ...valueInfo(output))),
  ];
  return Buffer.concat([number(1, 8), nested(7, ...graph), nested(8, number(2, opset))]);
}
