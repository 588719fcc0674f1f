// Models as people export them, made here: for the command, Node and browsers alike, with the options that each needs and the
// matte that is right.
//
// Copyright the Decal authors.
// SPDX-License-Identifier: MIT
import { createHash } from 'node:crypto';
import { bytesOf, halves, kFloat, kHalf, kUint8, onnxModel } from './onnx.mjs';

/** Of the picture, and of the models' inputs. */
export const kWidth = 4;
export const kHeight = 2;

/** Dense RGBA8. */
export function casePicture() {
  const data = new Uint8Array(4 * kWidth * kHeight);
  for (let i = 0; i < kWidth * kHeight; ++i) {
    data.set([10 + 50 * (i % kWidth), 20 + 90 * Math.floor(i / kWidth), 200 - 40 * (i % kWidth), 255], 4 * i);
  }
  return { data, width: kWidth, height: kHeight };
}

const sigmoid = (x) => 1 / (1 + Math.exp(-x));
const picture = { name: 'picture', shape: [1, 3, kHeight, kWidth] };

/** Weights of a 1x1 convolution: a row of (r, g, b) for each output channel. */
const kernel = (name, rows) => ({ name, shape: [rows.length, 3, 1, 1], data: Float32Array.from(rows.flat()) });
const output = (name, channels, more = {}) => ({ name, shape: [1, channels, kHeight, kWidth], ...more });
/** A model of one convolution. */
const mix = (rows, name = 'y') =>
  onnxModel({ nodes: [['Conv', ['picture', 'w'], [name]]], tensors: [kernel('w', rows)], inputs: [picture], outputs: [output(name, rows.length)] });

function halfModel() {
  return onnxModel({
    nodes: [['Conv', ['picture', 'w'], ['y']]],
    tensors: [{ name: 'w', shape: [1, 3, 1, 1], type: kHalf, data: halves([0, 0, 1]) }],
    inputs: [{ ...picture, type: kHalf }], outputs: [output('y', 1, { type: kHalf })],
  });
}

function byteModel() {
  return onnxModel({
    nodes: [
      ['Cast', ['picture'], ['floats'], { to: kFloat }], ['Transpose', ['floats'], ['planes'], { perm: [0, 3, 1, 2] }],
      ['Conv', ['planes', 'w'], ['y']],
    ],
    tensors: [kernel('w', [[0, 1 / 255, 0]])],
    inputs: [{ name: 'picture', shape: [1, kHeight, kWidth, 3], type: kUint8 }], outputs: [output('y', 1)],
  });
}

function planarModel() {
  return onnxModel({
    nodes: [['Conv', ['picture', 'w'], ['m']], ['Reshape', ['m', 'shape'], ['y']]],
    tensors: [kernel('w', [[1, 0, 0]]), { name: 'shape', shape: [3], type: 7, data: BigInt64Array.of(1n, BigInt(kHeight), BigInt(kWidth)) }],
    inputs: [picture], outputs: [{ name: 'y', shape: [1, kHeight, kWidth] }],
  });
}

/** Like a video matting model: outputs colours first, then the matte; inputs are the picture, a ratio and a state. */
function severalModel() {
  return onnxModel({
    nodes: [
      ['Conv', ['picture', 'w'], ['fgr']], ['Conv', ['picture', 'v'], ['blue']], ['Mul', ['blue', 'ratio'], ['scaled']],
      ['Add', ['scaled', 'state'], ['pha']],
    ],
    tensors: [kernel('w', [[1, 0, 0], [0, 1, 0], [0, 0, 1]]), kernel('v', [[0, 0, 1]])],
    inputs: [picture, { name: 'ratio', shape: [1] }, { name: 'state', shape: ['batch', 1, 'h', 'w'] }],
    outputs: [output('fgr', 3), output('pha', 1)],
  });
}

const kOuter = Float32Array.of(7, 0, 0, 1, 7);
const kInner = Float32Array.of(0.125);
const kBias = { name: 'b', shape: [1] };

/** Weights in two files, one of them in a folder, with an offset and a checksum. */
export function externalModel(places = {}) {
  const checksum = createHash('sha1').update(bytesOf(kOuter)).digest('hex');
  const { outer = { location: 'external.onnx.data', offset: 4, length: 12, checksum }, inner = { location: 'more/bias.bin' } } = places;
  return onnxModel({
    nodes: [['Conv', ['picture', 'w', 'b'], ['y']]],
    tensors: [{ name: 'w', shape: [1, 3, 1, 1], external: outer }, { ...kBias, external: inner }],
    inputs: [picture], outputs: [output('y', 1)],
  });
}

/** The files of externalModel, by name. */
export const externalFiles = { 'external.onnx.data': bytesOf(kOuter), 'more/bias.bin': bytesOf(kInner) };

const [red, green, blue] = [0, 1, 2].map((i) => (...rgb) => rgb[i] / 255);

/**
 * `fields`: what npm and Python are given beside mean 0, std 1 and the input size; `args`: the same for the command; `files`: what
 * lies beside the model; `matte`: of a pixel's bytes; `inputs`: values of inputs besides the picture.
 */
export const modelCases = [
  { name: 'float16', onnx: halfModel(), matte: blue },
  { name: 'bytes-nhwc', onnx: byteModel(), matte: green },
  { name: 'three-dimensions', onnx: planarModel(), matte: red },
  { name: 'two-classes', onnx: mix([[1, 0, 0], [0, 1, 0]]), matte: green },
  {
    name: 'many-classes', onnx: mix([[1, 0, 0], [0, 1, 0], [0, 0, 1], [1, 0, 0]]), fields: { foregroundClass: 2 },
    args: ['--foreground-class', '2'], matte: blue,
  },
  {
    name: 'softmax', onnx: mix([[9, 0, 0], [0, 9, 0], [0, 0, 9]]), fields: { foregroundClass: 0, activation: 'softmax' },
    args: ['--foreground-class', '0', '--activation', 'softmax'],
    matte: (...rgb) => Math.exp((9 * rgb[0]) / 255) / rgb.reduce((sum, value) => sum + Math.exp((9 * value) / 255), 0),
  },
  {
    name: 'logits', onnx: mix([[20, 0, -20]]), fields: { activation: 'sigmoid' }, args: ['--activation', 'sigmoid'],
    matte: (r, g, b) => sigmoid((20 * (r - b)) / 255),
  },
  {
    name: 'auto-logits', onnx: mix([[20, 0, -20]]), fields: { activation: 'auto' }, args: ['--activation', 'auto'],
    matte: (r, g, b) => sigmoid((20 * (r - b)) / 255),
  },
  { name: 'auto-bytes', onnx: mix([[0, 0, 255]]), fields: { activation: 'auto' }, args: ['--activation', 'auto'], matte: blue },
  { name: 'bytes', onnx: mix([[0, 0, 255]]), fields: { activation: 'bytes' }, args: ['--activation', 'bytes'], matte: blue },
  {
    name: 'mean-std', onnx: mix([[0, 0.5, 0]]), fields: { mean: [0, -0.5, 0], std: [1, 2, 1] }, args: ['--mean', '0,-0.5,0', '--std', '1,2,1'],
    matte: (r, g) => 0.25 * (g / 255 + 0.5),
  },
  {
    name: 'several', onnx: severalModel(), fields: { inputs: { ratio: 0.5, state: 0.25 } }, inputs: { ratio: 0.5, state: 0.25 },
    args: ['--model-value', 'ratio=0.5', '--model-value', 'state=0.25'], matte: (r, g, b) => (0.5 * b) / 255 + 0.25,
  },
  {
    name: 'output-by-name', onnx: severalModel(), fields: { inputs: { ratio: 1, state: 0 }, output: 'fgr', foregroundClass: 1 },
    inputs: { ratio: 1, state: 0 },
    args: ['--model-value', 'ratio=1', '--model-value', 'state=0', '--model-output', 'fgr', '--foreground-class', '1'], matte: green,
  },
  { name: 'external', onnx: externalModel(), files: externalFiles, matte: (r, g, b) => b / 255 + 0.125 },
];
