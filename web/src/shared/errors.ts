// The one error class of the package, with a stable `code`.

/**
 * The codes of the C++ engine (include/decal/result.h), and those only a host can meet: `webgpu-unavailable` (nothing to
 * run on, or the gate refused it), `webgpu-failed` (a shader, buffer or result was bad) and `device-lost` reach callers
 * only where they demanded WebGPU. `worker-lost`: the worker crashed or was killed, twice for the same call.
 */
export type DecalErrorCode =
  | 'invalid-argument'
  | 'not-found'
  | 'io'
  | 'corrupt-model'
  | 'unsupported-operator'
  | 'shape-mismatch'
  | 'corrupt-image'
  | 'out-of-memory'
  | 'limit-exceeded'
  | 'cancelled'
  | 'internal'
  | 'network'
  | 'unsupported'
  | 'webgpu-unavailable'
  | 'webgpu-failed'
  | 'device-lost'
  | 'worker-lost'
  | 'aborted';

/** Why a call failed: `code` for programs, `message` (one line) for people. */
export class DecalError extends Error {
  readonly code: DecalErrorCode;

  constructor(code: DecalErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'DecalError';
    this.code = code;
  }
}

/** `error` as it is if it has a code already, otherwise wrapped under `code`. */
export function toDecalError(error: unknown, code: DecalErrorCode, context?: string): DecalError {
  if (error instanceof DecalError) return error;
  const detail = error instanceof Error ? error.message : String(error);
  return new DecalError(code, context ? `${context}: ${detail}` : detail, { cause: error });
}
