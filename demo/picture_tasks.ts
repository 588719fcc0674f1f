// What the page and its picture worker say to each other.
// SPDX-License-Identifier: MIT

export type ImageType = 'image/png' | 'image/webp' | 'image/jpeg';

/** What is put behind a cut-out: a CSS colour, a picture that fills the frame, or '' for nothing. */
export type Backdrop = string | Blob;

/** One channel of a picture: 0 is background, 255 subject. */
export interface AlphaPlane {
  width: number;
  height: number;
  data: Uint8ClampedArray<ArrayBuffer>;
}

/** Part of a picture, in its pixels. */
export interface Box {
  x: number;
  y: number;
  width: number;
  height: number;
}

/** Part of a plane. */
export type Patch = Box & Pick<AlphaPlane, 'data'>;

/** One movement of the brush, in pixels of the picture. */
export interface Stroke {
  keep: boolean;
  radius: number;
  points: [number, number][];
}

/** The picture around a stroke, and what the brush covers there as a matte that is to be refined. */
export interface StrokeParts {
  picture: Blob;
  coarse: AlphaPlane;
  box: Box;
}

export type PictureTask =
  | { kind: 'compose'; cutout: Blob; type: ImageType; backdrop: Backdrop }
  /** The matte of a cut-out. */
  | { kind: 'matte'; cutout: Blob }
  | { kind: 'stroke'; original: Blob; matte: AlphaPlane; stroke: Stroke }
  /** What a stroke makes of a matte, with the refined matte around it as dense RGBA. */
  | { kind: 'merge'; matte: AlphaPlane; stroke: Stroke; box: Box; refined: Blob }
  /** The original without its subject, blurred by 1 to 10: small, to be stretched to the picture's size. */
  | { kind: 'blur'; original: Blob; cutout: Blob; strength: number };

export interface Answers {
  compose: Blob;
  matte: AlphaPlane;
  stroke: StrokeParts;
  merge: Patch;
  blur: Blob;
}

export type PictureRequest = PictureTask & { id: number };
export type PictureAnswer =
  | { id: number; value: Answers[PictureTask['kind']] }
  | { id: number; value?: never; error: string };
