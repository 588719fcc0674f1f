// The model that every build embeds: its entry of the registry, its file, and the sides of its square input and of its matte.
// SPDX-License-Identifier: MIT
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const folder = new URL('../../models/', import.meta.url);
const [entry] = JSON.parse(readFileSync(new URL('registry.json', folder))).models;

export const defaultEntry = entry;
export const defaultModelFile = fileURLToPath(new URL(entry.file, folder));
export const defaultModelSide = entry.input.width;
export const defaultMatteSide = defaultModelSide / 2;  // as training/join.py makes it
