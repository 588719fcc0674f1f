// What onnxruntime-node makes of a model and an input, kept in build/parity: several tests compare with one answer.
//
// Copyright the Decal authors.
// SPDX-License-Identifier: MIT
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, renameSync, statSync } from 'node:fs';
import { basename, join } from 'node:path';
import ort from 'onnxruntime-node';
import { readNpy, writeNpy } from '../../web/tools/npy.mjs';
import { work } from './models.mjs';

// Threads that wait sleep: other tests want the cores.
const kOptions = { intraOpNumThreads: 2, logSeverityLevel: 3, extra: { session: { intra_op: { allow_spinning: '0' } } } };

/** The first output of the model in `file` for the float32 tensor `{ shape, data }`. */
export async function onnxruntimeAnswer(file, { shape, data }) {
  const { size, mtimeMs } = statSync(file);
  const key = createHash('sha256').update(JSON.stringify([file, size, mtimeMs, ort.env.versions, kOptions, shape])).update(data);
  const kept = join(work, `${basename(file, '.onnx')}.${key.digest('hex').slice(0, 16)}.ort.npy`);
  if (existsSync(kept)) return readNpy(kept).data;
  const session = await ort.InferenceSession.create(file, kOptions);
  const feeds = { [session.inputNames[0]]: new ort.Tensor('float32', data, shape) };
  const output = (await session.run(feeds))[session.outputNames[0]];
  const answer = Float32Array.from(output.data);
  await session.release();
  mkdirSync(work, { recursive: true });
  writeNpy(`${kept}.part`, output.dims, answer);
  renameSync(`${kept}.part`, kept);
  return answer;
}
