// What this host's WebAssembly can do, found out by validating tiny modules.
// SPDX-License-Identifier: MIT

const kHeader = [0, 0x61, 0x73, 0x6d, 1, 0, 0, 0];

// A module with one function of no parameters and results, and this body.
function validates(body: number[]): boolean {
  const code = [0, ...body, 0x1a, 0x0b];  // no locals; body; drop; end
  const section = [1, code.length, ...code];
  return WebAssembly.validate(
    new Uint8Array([...kHeader, 1, 4, 1, 0x60, 0, 0, 3, 2, 1, 0, 10, section.length, ...section]),
  );
}

const kSplat = [0x41, 0, 0xfd, 0x0f];  // i32.const 0; i8x16.splat

/** Fixed-width SIMD: nothing of ours runs without it. */
export function simdSupported(): boolean {
  return typeof WebAssembly === 'object' && validates(kSplat);
}

/** Relaxed SIMD, for its fused multiply-add: f32x4.relaxed_madd. */
export function relaxedSimdSupported(): boolean {
  return simdSupported() && validates([...kSplat, ...kSplat, ...kSplat, 0xfd, 0x85, 0x02]);
}

/** Why there is no memory that threads could share; null if there is. */
export function noSharedMemory(): string | null {
  if (!globalThis.crossOriginIsolated) return 'the page is not cross-origin isolated (COOP and COEP headers)';
  return typeof SharedArrayBuffer === 'function' ? null : 'this browser has no shared memory';
}
