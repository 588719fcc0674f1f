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

export type PictureTask =
  | { kind: 'compose'; cutout: Blob; type: ImageType; backdrop: Backdrop }
  /** The matte of a cut-out. */
  | { kind: 'matte'; cutout: Blob }
  /** The original without its subject, blurred by 1 to 10: small, to be stretched to the picture's size. */
  | { kind: 'blur'; original: Blob; cutout: Blob; strength: number };

export interface Answers {
  compose: Blob;
  matte: AlphaPlane;
  blur: Blob;
}

export type PictureRequest = PictureTask & { id: number };
export type PictureAnswer =
  | { id: number; value: Answers[PictureTask['kind']] }
  | { id: number; value?: never; error: string };
