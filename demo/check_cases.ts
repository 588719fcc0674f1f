// Small models, one for each kind of kernel, that the check of the graphics card runs there and on the processor.
// SPDX-License-Identifier: MIT
import { tinyModel, xorshift, type TinyNode, type TinyWeight } from '../web/src/gpu/tiny-onnx.ts';

export interface CheckCase {
  name: string;
  model: Uint8Array<ArrayBuffer>;
  inputs: Float32Array<ArrayBuffer>[];
}

interface Sketch {
  name: string;
  /** Shapes of inputs x, x1, ..., of y, and of random weights by name. */
  inputs: number[][];
  output: number[];
  weights?: Record<string, number[]>;
  constants?: TinyWeight[];
  nodes: TinyNode[];
}

const pads = [1, 1, 1, 1];
const node = (op: string, inputs: string, attributes: TinyNode['attributes'] = {}, more: Partial<TinyNode> = {}): TinyNode =>
  ({ op, inputs: inputs.split(' '), outputs: ['y'], attributes, ...more });
const whole = (name: string, values: number[]): TinyWeight => ({ name, shape: [values.length], data: BigInt64Array.from(values.map(BigInt)) });

const kSketches: Sketch[] = [
  { name: 'convolution 3x3', inputs: [[1, 16, 40, 40]], output: [1, 48, 40, 40], weights: { w: [48, 16, 3, 3], b: [48] }, nodes: [node('Conv', 'x w b', { pads })] },
  { name: 'convolution 3x3 over few channels', inputs: [[1, 3, 33, 29]], output: [1, 16, 17, 15], weights: { w: [16, 3, 3, 3] }, nodes: [node('Conv', 'x w', { pads, strides: [2, 2] })] },
  { name: 'convolution 1x1', inputs: [[1, 24, 30, 30]], output: [1, 70, 30, 30], weights: { w: [70, 24, 1, 1] }, nodes: [node('Conv', 'x w')] },
  { name: 'convolution 3x3, dilated', inputs: [[1, 8, 24, 24]], output: [1, 10, 24, 24], weights: { w: [10, 8, 3, 3] }, nodes: [node('Conv', 'x w', { pads: [2, 2, 2, 2], dilations: [2, 2] })] },
  { name: 'convolution in groups', inputs: [[1, 16, 20, 20]], output: [1, 32, 20, 20], weights: { w: [32, 4, 3, 3] }, nodes: [node('Conv', 'x w', { pads, group: 4 })] },
  { name: 'depthwise convolution', inputs: [[1, 24, 25, 25]], output: [1, 24, 25, 25], weights: { w: [24, 1, 3, 3] }, nodes: [node('Conv', 'x w', { pads, group: 24 })] },
  { name: 'transposed convolution', inputs: [[1, 12, 15, 15]], output: [1, 9, 30, 30], weights: { w: [12, 9, 2, 2] }, nodes: [node('ConvTranspose', 'x w', { strides: [2, 2] })] },
  { name: 'matrix product', inputs: [[1, 90, 64]], output: [1, 90, 50], weights: { w: [64, 50] }, nodes: [node('MatMul', 'x w')] },
  { name: 'product of two tensors', inputs: [[2, 40, 32], [2, 32, 40]], output: [2, 40, 40], nodes: [node('MatMul', 'x x1')] },
  { name: 'softmax', inputs: [[4, 30, 77]], output: [4, 30, 77], nodes: [node('Softmax', 'x', { axis: 2 })] },
  { name: 'layer norm', inputs: [[1, 60, 96]], output: [1, 60, 96], weights: { s: [96], b: [96] }, nodes: [node('LayerNormalization', 'x s b', { axis: 2 })] },
  { name: 'instance norm', inputs: [[1, 8, 40, 40]], output: [1, 8, 40, 40], weights: { s: [8], b: [8] }, nodes: [node('InstanceNormalization', 'x s b')] },
  { name: 'largest of a window', inputs: [[1, 10, 31, 31]], output: [1, 10, 16, 16], nodes: [node('MaxPool', 'x', { kernel_shape: [3, 3], strides: [2, 2], pads })] },
  { name: 'mean of a window', inputs: [[1, 10, 32, 32]], output: [1, 10, 16, 16], nodes: [node('AveragePool', 'x', { kernel_shape: [2, 2], strides: [2, 2] })] },
  { name: 'mean of a map', inputs: [[1, 3, 128, 128]], output: [1, 3, 1, 1], nodes: [node('GlobalAveragePool', 'x')] },
  { name: 'mean along dimensions', inputs: [[1, 40, 9, 50]], output: [1, 40, 1, 50], nodes: [node('ReduceMean', 'x', { axes: [2], keepdims: 1 })] },
  {
    name: 'resize', inputs: [[1, 6, 20, 24]], output: [1, 6, 50, 48],
    constants: [{ name: 'scales', shape: [4], data: Float32Array.of(1, 1, 2.5, 2) }],
    nodes: [node('Resize', 'x  scales', {}, { words: { mode: 'linear', coordinate_transformation_mode: 'half_pixel' } })],
  },
  { name: 'sampling along a grid', inputs: [[1, 5, 20, 20], [1, 18, 22, 2]], output: [1, 5, 18, 22], nodes: [node('GridSample', 'x x1', { align_corners: 1 })] },
  { name: 'addition', inputs: [[1, 12, 20, 20], [1, 12, 1, 1]], output: [1, 12, 20, 20], nodes: [node('Add', 'x x1')] },
  { name: 'sigmoid', inputs: [[1, 7, 33, 5]], output: [1, 7, 33, 5], nodes: [node('Sigmoid', 'x')] },
  { name: 'tanh', inputs: [[1, 7, 33, 5]], output: [1, 7, 33, 5], nodes: [node('Tanh', 'x')] },
  { name: 'hard swish', inputs: [[1, 7, 33, 5]], output: [1, 7, 33, 5], nodes: [node('HardSwish', 'x')] },
  { name: 'leaky rectifier', inputs: [[1, 7, 33, 5]], output: [1, 7, 33, 5], nodes: [node('LeakyRelu', 'x', {}, { floats: { alpha: 0.2 } })] },
  { name: 'joining', inputs: [[1, 5, 20, 20], [1, 8, 20, 20]], output: [1, 13, 20, 20], nodes: [node('Concat', 'x x1', { axis: 1 })] },
  {
    name: 'a part', inputs: [[1, 10, 20, 20]], output: [1, 10, 12, 9], constants: [whole('from', [3, 2]), whole('to', [15, 20]), whole('axes', [2, 3]), whole('step', [1, 2])],
    nodes: [node('Slice', 'x from to axes step')],
  },
  { name: 'transposition', inputs: [[1, 10, 12, 14]], output: [1, 12, 14, 10], nodes: [node('Transpose', 'x', { perm: [0, 2, 3, 1] })] },
  { name: 'depth to space', inputs: [[1, 16, 9, 11]], output: [1, 4, 18, 22], nodes: [node('DepthToSpace', 'x', { blocksize: 2 })] },
];

const elements = (shape: readonly number[]) => shape.reduce((product, extent) => product * extent, 1);

/** The same models and numbers in every browser. */
export function checkCases(): CheckCase[] {
  const random = xorshift();
  const values = (count: number, scale = 1) => Float32Array.from({ length: count }, () => scale * random());
  return kSketches.map(({ name, inputs, output, weights = {}, constants = [], nodes }) => {
    const named = inputs.map((shape, i) => ({ name: i === 0 ? 'x' : `x${i}`, shape }));
    const filled = Object.entries(weights).map(([weight, shape]) => {
      // Of sums over so many products, which stay near 1.
      const depth = shape.length === 1 ? 1 : shape.length === 2 ? shape[0]! : elements(shape.slice(1));
      return { name: weight, shape, data: values(elements(shape), 1.7 / Math.sqrt(depth)) };
    });
    return {
      name,
      model: tinyModel({ nodes, weights: [...filled, ...constants], inputs: named, outputs: [{ name: 'y', shape: output }] }),
      inputs: inputs.map((shape) => values(elements(shape))),
    };
  });
}
