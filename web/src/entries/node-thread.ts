// A helper thread in Node. Imports nothing when it is read: servers' bundlers copy it into folders of CommonJS, where `import` is an error.
// SPDX-License-Identifier: MIT
import type { ThreadTask } from '../engine/engine.js';
import { runThread } from '../engine/instance.js';

void import('node:worker_threads').then(({ workerData }) => {
  runThread(workerData as ThreadTask);
});
