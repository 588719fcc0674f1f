// The entry `decal/rembg-webgpu`: the exports and types of rembg-webgpu 0.2, so that an import is all that changes.
// Everything else of decal can be imported beside it and shares its engine.
// SPDX-License-Identifier: MIT
import * as decal from './index.js';

export type { DeviceCapability, ProgressPhase, ProgressState } from '../shared/types.js';
import type { DeviceCapability, ProgressListener } from '../shared/types.js';

export type RemoveBackgroundResult = {
  /** Yours to revoke with `URL.revokeObjectURL`. */
  blobUrl: string;
  /** A PNG of at most 450 pixels on its long side; yours to revoke too. */
  previewUrl: string;
  width: number;
  height: number;
  processingTimeSeconds: number;
};

/** Cuts the picture at an address (http, blob, data) out, as a transparent PNG of the same size. */
export async function removeBackground(url: string): Promise<RemoveBackgroundResult> {
  const { blobUrl, previewUrl, width, height, processingTimeSeconds } = await decal.removeBackground(url);
  return { blobUrl, previewUrl, width, height, processingTimeSeconds };
}

/** Tells about model loading: at once the current state, then every change. Returns what ends the subscription. */
export function subscribeToProgress(listener: ProgressListener): () => void {
  return decal.subscribeToProgress(listener);
}

/** What the model runs on, or, before it is loaded, probably will. */
export async function getCapabilities(): Promise<DeviceCapability> {
  const { device, dtype } = await decal.getCapabilities();
  return { device, dtype } as DeviceCapability;
}

/**
 * Loads the model ahead of the first picture; `setModelLoaded` is called with true when it is there. What rembg-webgpu
 * resolves with are objects of transformers.js, of which there are none here: both are null.
 */
export async function init(setModelLoaded?: (loaded: boolean) => void): Promise<{ model: null; processor: null }> {
  await decal.preload();
  setModelLoaded?.(true);
  return { model: null, processor: null };
}
