#!/usr/bin/env node
// `npx decal copy-assets <folder>`: for tools that bundle the package and leave its files behind.
// SPDX-License-Identifier: MIT
import { copyFile, mkdir } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { kAssets } from '../shared/assets.js';

const [, , task, folder, ...rest] = process.argv;
if (task !== 'copy-assets' || !folder || rest.length > 0) {
  console.error('usage: npx decal copy-assets <folder>   copies the files that decal loads at run time; init({ assetBaseUrl }) names the folder');
  process.exit(2);
}
try {
  const here = dirname(fileURLToPath(import.meta.url));
  for (const name of kAssets) {
    const target = join(folder, name);
    await mkdir(dirname(target), { recursive: true });
    await copyFile(join(here, name), target);
  }
  console.log(`decal: ${kAssets.length} files in ${folder}; pass its address as init({ assetBaseUrl })`);
} catch (error) {
  console.error(`decal: ${error instanceof Error ? error.message : String(error)}`);
  process.exit(1);
}
