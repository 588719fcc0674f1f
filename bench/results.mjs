// Results on disk: one JSON file a suite, the latest whole run, written so that a difference can be read.
// SPDX-License-Identifier: MIT
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { writeWhole } from '../web/tools/npy.mjs';
import { root } from '../tests/support/models.mjs';

/** The file of a suite: "whole", "whole_browser", "models", "browser", "gpu" or "video". */
export const resultsFile = (suite) => join(root, 'bench/results', `${suite}.json`);

/** JSON with lists of numbers on one line. */
export function formatJson(value) {
  const numbers = /\[\s+(-?\d[\d\s,.e+-]*?)\s+\]/g;
  const text = JSON.stringify(value, null, 2).replace(numbers, (_, list) => `[${list.replace(/\s+/g, ' ')}]`);
  return `${text}\n`;
}

export function writeResults(file, results) {
  writeWhole(file, formatJson(results));
}

/** The committed results of a suite, or null. */
export function readResults(suite) {
  const file = resultsFile(suite);
  return existsSync(file) ? JSON.parse(readFileSync(file, 'utf8')) : null;
}

/** Those of all suites, as the page takes them. */
export const readAllResults = () => ({
  ...Object.fromEntries(['whole', 'whole_browser', 'models', 'browser', 'gpu', 'video'].map((suite) => [suite, readResults(suite)])),
  reports: readReports(),
});

/** The committed reports from GPUs: each report.json of bench/gpu-report under the name of its device. */
function readReports() {
  const folder = join(root, 'bench/results/devices');
  if (!existsSync(folder)) return [];
  return readdirSync(folder).filter((name) => name.endsWith('.json')).sort().map((name) => JSON.parse(readFileSync(join(folder, name), 'utf8')));
}
