// What worker.js runs: the engine, answering the page that started the worker.
import { attach } from './worker.js';
import type { ToWorker } from '../protocol.js';

const { receive } = attach((message, transfer) => self.postMessage(message, { transfer }));
self.onmessage = ({ data }: MessageEvent<ToWorker>) => receive(data);
