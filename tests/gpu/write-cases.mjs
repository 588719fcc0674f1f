// Has the native program write its WebGPU cases, and reads them.
// SPDX-License-Identifier: MIT
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = dirname(dirname(dirname(fileURLToPath(import.meta.url))));
const program = process.env.DECAL_GPU_CASES ?? join(root, 'build/native/tests/gpu/decal_gpu_cases');

/** Those whose name contains $DECAL_GPU_FILTER; `bytes` is what their ranges are ranges of. */
export function writeCases(options = []) {
  const folder = mkdtempSync(join(tmpdir(), 'decal-gpu-'));
  try {
    execFileSync(program, [folder, ...options, process.env.DECAL_GPU_FILTER ?? '']);
    const cases = JSON.parse(readFileSync(join(folder, 'cases.json'), 'utf8'));
    return { cases, bytes: readFileSync(join(folder, 'cases.bin')) };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
