// The one error class of the package, with a stable `code`.
// SPDX-License-Identifier: MIT

import type { DecalErrorCode } from '../border/border.js';

export type { DecalErrorCode };

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
