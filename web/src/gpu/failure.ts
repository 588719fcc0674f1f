// Turns WebGPU's errors into the package's: error scopes around asynchronous failures, and lost devices.
// SPDX-License-Identifier: MIT
import { DecalError, toDecalError, type DecalErrorCode } from '../shared/errors.js';

const kScopes = ['validation', 'out-of-memory', 'internal'] as const;

/** Which code an error of the API means. Names rather than classes: not every host has the classes as globals. */
function codeOf(error: object): DecalErrorCode {
  return error.constructor.name === 'GPUOutOfMemoryError' ? 'out-of-memory' : 'webgpu-failed';
}

/**
 * Runs `work`, which must be synchronous, inside error scopes of all three kinds and waits for what they caught.
 *
 * @throws {DecalError} `out-of-memory`, `webgpu-failed`, or `device-lost` when the device went away meanwhile
 */
export async function guarded<T>(device: GPUDevice, what: string, work: () => T): Promise<T> {
  let value: T;
  let scopes: Promise<GPUError | null>[];
  for (const kind of kScopes) device.pushErrorScope(kind);
  try {
    value = work();
  } catch (error) {
    throw toDecalError(error, 'webgpu-failed', what);
  } finally {
    // In the same turn as the pushes, so that no other scope gets in between.
    scopes = kScopes.map(() => device.popErrorScope());
    // Looked at below unless `work` threw.
    for (const scope of scopes) scope.catch(() => {});
  }
  for (const scope of scopes) {
    // A lost device answers with null in some hosts and rejects in others.
    const error = await scope.catch((reason: unknown) => {
      throw toDecalError(reason, 'device-lost', what);
    });
    if (error) throw new DecalError(codeOf(error), `${what}: ${firstLine(error.message)}`);
  }
  return value;
}

/** Remembers that a device was lost and lets waiting work end at once. */
export class LossWatch {
  /** Set when the device is gone. */
  error: DecalError | null = null;
  readonly #lost: Promise<never>;

  constructor(device: GPUDevice) {
    this.#lost = device.lost.then(({ reason, message }) => {
      this.error = new DecalError('device-lost', `the GPU was lost (${reason || 'unknown'}): ${firstLine(message)}`);
      throw this.error;
    });
    this.#lost.catch(() => {});
  }

  /** `work`, or a `device-lost` error as soon as the device is gone. */
  async orLost<T>(work: Promise<T>): Promise<T> {
    if (this.error) throw this.error;
    try {
      return await Promise.race([work, this.#lost]);
    } catch (error) {
      // What a dying device breaks may be noticed before the loss itself: give that a turn to arrive.
      await new Promise((resolve) => setTimeout(resolve));
      throw this.error ?? error;
    }
  }
}

/** Messages of compilers go on for pages; the first line says what is wrong. */
export function firstLine(text: string): string {
  return text.trim().split('\n')[0]!.slice(0, 300);
}
