// Small ONNX files for checks on the device, written field by field.
// SPDX-License-Identifier: MIT
import { joined } from '../pictures/bytes.js';

export interface TinyNode {
  op: string;
  inputs: readonly string[];
  outputs: readonly string[];
  /** Whole numbers from 0: one, or a list. */
  attributes?: Readonly<Record<string, number | readonly number[]>>;
  /** Floats and words, by name. */
  floats?: Readonly<Record<string, number>>;
  words?: Readonly<Record<string, string>>;
}

export interface TinyTensor {
  name: string;
  shape: readonly number[];
}

export interface TinyWeight extends TinyTensor {
  data: Float32Array<ArrayBuffer> | BigInt64Array<ArrayBuffer>;
}

export interface TinyGraph {
  nodes: readonly TinyNode[];
  weights: readonly TinyWeight[];
  inputs: readonly TinyTensor[];
  outputs: readonly TinyTensor[];
}

// Numbers of fields and types are those of onnx.proto.
const kFloat = 1, kInt64 = 7;
const kIrVersion = 8, kOpset = 17;

/** The graph as an ONNX file. */
export function tinyModel({ nodes, weights, inputs, outputs }: TinyGraph): Uint8Array<ArrayBuffer> {
  const graph = joined([
    ...nodes.map((node) => field(1, nodeMessage(node))),
    ...weights.map(({ name, shape, data }) => field(5, joined([
      ...shape.map((extent) => number(1, extent)), number(2, data instanceof Float32Array ? kFloat : kInt64), text(8, name),
      field(9, new Uint8Array(data.buffer, data.byteOffset, data.byteLength)),
    ]))),
    ...inputs.map((tensor) => field(11, tensorInfo(tensor))),
    ...outputs.map((tensor) => field(12, tensorInfo(tensor))),
  ]);
  return joined([number(1, kIrVersion), field(7, graph), field(8, number(2, kOpset))]);
}

function nodeMessage({ op, inputs, outputs, attributes = {}, floats = {}, words = {} }: TinyNode): Uint8Array<ArrayBuffer> {
  return joined([
    ...inputs.map((name) => text(1, name)), ...outputs.map((name) => text(2, name)), text(4, op),
    ...Object.entries(attributes).map(([name, value]) => field(5, joined(typeof value === 'number'
      ? [text(1, name), number(3, value), number(20, 2)]
      : [text(1, name), ...value.map((one) => number(8, one)), number(20, 7)]))),
    ...Object.entries(floats).map(([name, value]) =>
      field(5, joined([text(1, name), Uint8Array.of(2 << 3 | 5), new Uint8Array(Float32Array.of(value).buffer), number(20, 1)]))),
    ...Object.entries(words).map(([name, value]) => field(5, joined([text(1, name), text(4, value), number(20, 3)]))),
  ]);
}

function tensorInfo({ name, shape: extents }: TinyTensor): Uint8Array<ArrayBuffer> {
  const shape = joined(extents.map((extent) => field(1, number(1, extent))));
  return joined([text(1, name), field(2, field(1, joined([number(1, kFloat), field(2, shape)])))]);
}

function field(id: number, bytes: Uint8Array): Uint8Array<ArrayBuffer> {
  return joined([Uint8Array.of(id << 3 | 2), varint(bytes.length), bytes]);
}

function text(id: number, value: string): Uint8Array<ArrayBuffer> {
  return field(id, new TextEncoder().encode(value));
}

function number(id: number, value: number): Uint8Array<ArrayBuffer> {
  // The key itself is a varint: fields from 16 on take two bytes.
  return joined([varint(id << 3), varint(value)]);
}

function varint(value: number): Uint8Array<ArrayBuffer> {
  const bytes: number[] = [];
  for (; value >= 0x80; value >>>= 7) bytes.push(value & 0x7f | 0x80);
  return Uint8Array.from([...bytes, value]);
}

/** The same numbers from -1 to 1 in every session. */
export function xorshift(): () => number {
  let x = 1;
  return () => {
    x ^= x << 13;
    x ^= x >>> 17;
    x ^= x << 5;
    return x / 2 ** 31;
  };
}
