// The sites under test: the built package beside the pages of tests/browser/pages, and the built demo page.
// SPDX-License-Identifier: MIT
import { existsSync } from 'node:fs';
import { mkdir, readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { serve } from '../../../scripts/serve.mjs';

const kRoot = new URL('../../../', import.meta.url);
const path = (relative) => fileURLToPath(new URL(relative, kRoot));

export const kPackage = path('web/dist');
export const kDemo = path('build/demo');
export const kPages = path('tests/browser/pages');
/** What tests build goes here, never into the sources. */
export const kScratch = path('build/browser-tests');
/** Grace Hopper's portrait, 512 x 600, public domain; from Debian's python-matplotlib-data. */
export const kPhoto = process.env.DECAL_TEST_PHOTO ?? '/usr/share/matplotlib/mpl-data/sample_data/grace_hopper.jpg';

/** Throws, with what to do, when something that tests need has not been built or installed. */
export function needs(file, remedy) {
  if (!existsSync(file)) throw new Error(`${file} is missing: ${remedy}`);
}

needs(kPhoto, 'install python-matplotlib-data');
await mkdir(kScratch, { recursive: true });

// The strictest policy that the package promises to work under.
export const kPolicy =
  "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; worker-src 'self'; connect-src 'self' blob: data:; img-src 'self' blob: data:";

/** A site with the package (`decal`, a folder) at /decal, the photo at /photo.jpg and the pages at the root. */
export function startSite({ decal = kPackage, mounts = {}, ...options } = {}) {
  needs(`${kPackage}/index.js`, 'run `npm run build`');
  return serve({
    root: kPages,
    mounts: { '/decal': decal, '/photo.jpg': kPhoto, ...mounts },
    headers: { 'Content-Security-Policy': kPolicy },
    ...options,
  });
}

/** Whether a request asks for the model's weights. */
export const isModel = (request) => request.url.includes('.onnx');

/** Answers with a file in pieces, so that a download has a middle. */
export async function answerSlowly(response, file, { pieces = 16, pauseMs = 12 } = {}) {
  const bytes = await readFile(file);
  response.writeHead(200, { 'Content-Type': 'application/octet-stream', 'Content-Length': bytes.length });
  const size = Math.ceil(bytes.length / pieces);
  for (let at = 0; at < bytes.length; at += size) {
    response.write(bytes.subarray(at, at + size));
    await new Promise((done) => setTimeout(done, pauseMs));
  }
  response.end();
}
