// The properties in a picture file's header, and the parts to hide from browsers because they interpret them differently.
// SPDX-License-Identifier: MIT
import { DecalError } from '../shared/errors.js';
import type { Edit } from './bytes.js';
import type { Colour } from './colour.js';

/**
 * Browsers disagree about orientation, colour chunks and animations. So they get the file without these (`edits`), and what
 * was taken out is applied to their pixels here: the same file gives the same picture everywhere.
 */
export interface PictureFacts {
  /** As stored, before `orientation`; 0 if this header is not parsed here. */
  width: number;
  height: number;
  /** EXIF's 1..8, still to be applied. */
  orientation: number;
  /** The part of the stored picture to show, before it is turned. */
  crop: { x: number; y: number; width: number; height: number } | null;
  /** The colours to convert to sRGB; null if the browser converts them or they are sRGB. */
  colour: Colour | null;
  /** No part of the picture can be transparent. Transparent pixels were not decoded. */
  opaque: boolean;
  /** Messages for people, one sentence each. */
  notes: string[];
  edits: Edit[];
  /** The file's colour profile for inks, which only some browsers apply. These edits remove it. */
  inkProfile: Edit[] | null;
  /** The decoded picture itself, upright, as RGBA, so that no browser need decode it. */
  rows: ((first: number, count: number) => Uint8ClampedArray) | null;
  /** A variant that not every browser decodes. If decoding fails, this is the reason, not damage. */
  rare: string | null;
  /** Checks the data of the picture itself while the browser decodes. Throws `corrupt-image`. */
  verify: ((signal: AbortSignal) => Promise<void>) | null;
}

export function plainFacts(): PictureFacts {
  return {
    width: 0, height: 0, orientation: 1, crop: null, colour: null, opaque: false, notes: [], edits: [], inkProfile: null, rows: null,
    rare: null, verify: null,
  };
}

/** Its message lacks the file's name; the caller that knows the name prepends it. */
export function damaged(what: string): DecalError {
  return new DecalError('corrupt-image', `damaged picture: ${what}`);
}

export function cutShort(): DecalError {
  return damaged('the file ends in the middle of the picture');
}
