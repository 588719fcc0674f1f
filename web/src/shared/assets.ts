// The files that the package loads at run time, and what to do where a tool has left them behind.
// SPDX-License-Identifier: MIT

export const kAssets = [
  'worker.js', 'node-thread.js', 'decal-relaxed.wasm', 'decal-simd128.wasm', 'decal-cutout.wasm', 'decal-planner.wasm',
  'models/decal-default.onnx', 'models/people-live.onnx',
] as const;

/** What an error says of a file that is not where it was looked for. */
export const kRemedy = "copy the package's files (npx decal copy-assets <folder>) and pass init({ assetBaseUrl }), see docs/hosting.md";

/** The error of a bundle that has forgotten where it came from. */
export const kNoAddress =
  "the package's own address is not known in a bundle of this format (IIFE, CommonJS): make an ES module of it, or ";

/** Vite 5 to 7 bundle the package for their development server and leave its files behind; they are where they were. */
export function besideSource(href: string): string {
  return href.replace(/\/\.vite\/deps(_\w+)?\/(?=[^/]*$|models\/[^/]*$)/, '/decal/web/dist/');
}
