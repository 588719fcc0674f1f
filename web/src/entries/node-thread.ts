// A helper thread in Node.
import { workerData } from 'node:worker_threads';
import type { ThreadTask } from '../engine/engine.js';
import { runThread } from '../engine/instance.js';

const { module, memory, index, stackPointer } = workerData as ThreadTask;
runThread(module, memory, index, stackPointer);
