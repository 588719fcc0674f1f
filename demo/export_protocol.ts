// What the page and its export worker say to each other.

export interface ExportRequest {
  id: number;
  cutout: Blob;
  type: string;
  /** A CSS colour, or '' for none. */
  background: string;
}

export type ExportAnswer = { id: number; blob: Blob } | { id: number; blob?: never; error: string };
