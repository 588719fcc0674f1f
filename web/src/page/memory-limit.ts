// How much shared memory this device may be asked for.
// SPDX-License-Identifier: MIT

/** 1 GB in pages of 64 KiB: what iPhones and iPads give to one page, more or less. */
const kIosPages = 16384;

/**
 * The most pages to ask for as shared memory, which is address space that some hosts take at once: iOS ends pages that ask
 * for too much. Null for as much as there is. iPads say that they are Macs, but those have no touch screens; workers of iPads
 * cannot tell.
 */
export function sharedMemoryLimit(): number | null {
  const { userAgent, maxTouchPoints = 0 } = navigator;
  return /iPhone|iPad|iPod/.test(userAgent) || (/Macintosh/.test(userAgent) && maxTouchPoints > 1) ? kIosPages : null;
}
