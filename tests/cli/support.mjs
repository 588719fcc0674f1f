// Helpers of the command's tests: a scratch folder, the command itself, and small files to feed it.
// SPDX-License-Identifier: MIT
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { mkdtemp, readFile, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import sharp from 'sharp';
import { onnxModel } from '../support/onnx.mjs';

export { defaultMatteSide as kMatteSide, defaultModelFile as kDefaultModel, defaultModelSide as kSide } from '../support/default_model.mjs';

export const kDecal = process.env.DECAL ?? fileURLToPath(new URL('../../build/bin/decal', import.meta.url));

/** Whether the command is sanitized: it takes ten times as long then, and seconds for the default network. */
export const kSanitized = Boolean(process.env.DECAL_SANITIZE);

/** A folder for one test, removed after it. */
export async function scratch(test) {
  const folder = await mkdtemp(join(tmpdir(), 'decal-cli-'));
  test.after(() => rm(folder, { recursive: true, force: true }));
  return folder;
}

/** The file of a model that takes a millisecond: its matte is 1 where a picture is redder than it is blue, as a disc() is. */
export function quickModel() {
  const folder = mkdtempSync(join(tmpdir(), 'decal-cli-model-'));
  process.on('exit', () => rmSync(folder, { recursive: true, force: true }));
  const file = join(folder, 'quick.onnx');
  writeFileSync(file, onnxModel({
    nodes: [['Conv', ['x', 'w', 'b'], ['logits']], ['Sigmoid', ['logits'], ['y']]],
    tensors: [{ name: 'w', shape: [1, 3, 1, 1], data: Float32Array.of(20, 0, -20) }, { name: 'b', shape: [1], data: Float32Array.of(-8) }],
    inputs: [{ name: 'x', shape: [1, 3, 64, 64] }], outputs: [{ name: 'y', shape: [1, 1, 64, 64] }],
  }));
  return file;
}

/** Runs the command; resolves to {status, signal, stdout (Buffer), stderr (string)}. */
export function decal(args, { cwd, stdin, env, onStderr } = {}) {
  return new Promise((resolve, reject) => {
    const child = spawn(kDecal, args, { cwd, env: { ...process.env, ...env } });
    const stdout = [];
    let stderr = '';
    child.stdout.on('data', (piece) => stdout.push(piece));
    child.stderr.on('data', (piece) => {
      stderr += piece;
      onStderr?.(stderr, child);
    });
    child.on('error', reject);
    child.on('close', (status, signal) => resolve({ status, signal, stdout: Buffer.concat(stdout), stderr }));
    child.stdin.on('error', () => {}); // the command may end without reading
    child.stdin.end(stdin);
  });
}

/** Waits until a process has a handler for a signal. */
export async function heeds(pid, signal) {
  for (;;) {
    const caught = BigInt(`0x${/SigCgt:\s*([0-9a-f]+)/.exec(await readFile(`/proc/${pid}/status`, 'utf8'))[1]}`);
    if (caught >> BigInt(signal - 1) & 1n) return;
    await sleep(10);
  }
}

export const files = async (folder) => (await readdir(folder)).sort();

/** A sharp picture: a light disc on a dark ground. */
export function disc({ width = 96, height = 64 } = {}) {
  const radius = Math.min(width, height) / 3;
  const svg = `<svg width="${width}" height="${height}"><rect width="100%" height="100%" fill="#142814"/>
    <circle cx="${width / 2}" cy="${height / 2}" r="${radius}" fill="#f0a040"/></svg>`;
  return sharp(Buffer.from(svg)).removeAlpha();
}

/** Pixels of an encoded picture: {data, info: {width, height, channels}}. */
export const pixels = (file) => sharp(file).raw().toBuffer({ resolveWithObject: true });

/** A .npy file (version 1) of the given dtype. */
export function npy(shape, values, dtype = '<f4') {
  const header = `{'descr': '${dtype}', 'fortran_order': False, 'shape': (${shape.join(', ')}${shape.length === 1 ? ',' : ''}), }\n`;
  const size = Buffer.alloc(2);
  size.writeUInt16LE(header.length);
  return Buffer.concat([Buffer.from('\x93NUMPY\x01\x00', 'latin1'), size, Buffer.from(header), Buffer.from(values.buffer)]);
}

// Protocol buffers by hand, as far as an ONNX file of a few nodes needs them.
const varint = (value) => (value < 128 ? [value] : [(value & 127) | 128, ...varint(value >>> 7)]);
const number = (field, value) => Buffer.from([...varint(field << 3), ...varint(value)]);
const nested = (field, ...parts) => {
  const body = Buffer.concat(parts.map((part) => Buffer.from(part)));
  return Buffer.concat([Buffer.from([...varint((field << 3) | 2), ...varint(body.length)]), body]);
};
const tensor = (field, name, shape) =>
  nested(field, nested(1, name), nested(2, nested(1, number(1, 1), nested(2, ...shape.map((extent) => nested(1, number(1, extent)))))));

/** An ONNX model of unary nodes in a row, [1,3,8,8] in and out; `operators` are [type, name] pairs. */
export function chainModel(operators) {
  const nodes = operators.map(([type, name], i) =>
    nested(1, nested(1, i === 0 ? 'input' : `v${i}`), nested(2, i === operators.length - 1 ? 'output' : `v${i + 1}`), nested(3, name), nested(4, type)));
  const graph = nested(7, ...nodes, nested(2, 'chain'), tensor(11, 'input', [1, 3, 8, 8]), tensor(12, 'output', [1, 3, 8, 8]));
  return Buffer.concat([number(1, 8), graph, nested(8, number(2, 17))]);
}
