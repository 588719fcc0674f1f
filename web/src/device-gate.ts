// Whether a device may run a model: a pure function from facts to a decision with its reasons.
import type { AdapterFacts } from './gpu/adapter.js';

/** Names by which renderers that compute on the CPU give themselves away. */
const kSoftware: readonly [RegExp, string][] = [
  [/swiftshader/i, 'SwiftShader'],
  [/llvmpipe|lavapipe/i, 'llvmpipe'],
  [/softpipe/i, 'softpipe'],
  [/microsoft basic render/i, 'Microsoft Basic Render'],
  [/\bwarp\b/i, 'WARP'],
];

/** Why an adapter counts as software, or null. */
export function softwareRenderer({ info, isFallback }: AdapterFacts): string | null {
  const text = Object.values(info).join(' ');
  const known = kSoftware.find(([pattern]) => pattern.test(text));
  if (known) return `the adapter is ${known[1]}, which computes on the CPU`;
  return isFallback ? 'the adapter is a fallback, which computes on the CPU' : null;
}
