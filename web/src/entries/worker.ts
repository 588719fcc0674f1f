// What worker.js runs: the engine, answering the page that started the worker.
// SPDX-License-Identifier: MIT
import { attach } from '../adapters/worker/worker.js';
import type { ToWorker } from '../adapters/worker/protocol.js';

const { receive } = attach((message, transfer) => self.postMessage(message, { transfer }));
self.onmessage = ({ data }: MessageEvent<ToWorker>) => receive(data);
