// The facts in a picture file's header, and the parts to hide from browsers because they treat them differently.
// SPDX-License-Identifier: MIT
import { DecalError } from '../shared/errors.js';
import type { Edit } from './bytes.js';
import type { Colour } from './colour.js';

/**
 * Browsers disagree about orientation, colour chunks and animations. So they get the file without these (`edits`), and what
 * was taken out is applied to their pixels here: the same file gives the same picture everywhere.
 */
export interface PictureFacts {
  /** As stored, before `orientation`; 0 where the header is not read here. */
  width: number;
  height: number;
  /** EXIF's 1..8, to be applied. */
  orientation: number;
  /** Part of the stored picture to be shown, before it is turned. */
  crop: { x: number; y: number; width: number; height: number } | null;
  /** To be converted to sRGB; null where the browser does it, or nothing is to do. */
  colour: Colour | null;
  /** Nothing of the picture can be transparent: what comes out so was not decoded. */
  opaque: boolean;
  /** For people, a sentence each. */
  notes: string[];
  edits: Edit[];
  /** The file's colour profile for inks, which only some browsers use: taken out by these edits. */
  inkProfile: Edit[] | null;
  /** The picture itself, upright, as RGBA: what no browser need decode. */
  rows: ((first: number, count: number) => Uint8ClampedArray) | null;
  /** A variant that not every browser decodes; where one fails, this is the reason, and not damage. */
  rare: string | null;
  /** Checks the data of the picture itself, while the browser decodes. Throws `corrupt-image`. */
  verify: ((signal: AbortSignal) => Promise<void>) | null;
}

export function plainFacts(): PictureFacts {
  return {
    width: 0, height: 0, orientation: 1, crop: null, colour: null, opaque: false, notes: [], edits: [], inkProfile: null, rows: null,
    rare: null, verify: null,
  };
}

/** Its message lacks the file's name; the caller that knows it prepends it. */
export function damaged(what: string): DecalError {
  return new DecalError('corrupt-image', `damaged picture: ${what}`);
}

export function cutShort(): DecalError {
  return damaged('the file ends in the middle of the picture');
}
