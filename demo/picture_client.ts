// The page's end of the picture worker.
// SPDX-License-Identifier: MIT
import type { Answers, PictureAnswer, PictureRequest, PictureTask } from './picture_tasks.ts';

type Value = Answers[PictureTask['kind']];

let worker: Worker | null = null;
let nextId = 1;
const waiting = new Map<number, { done: (value: Value) => void; failed: (error: Error) => void }>();

export function askPictureWorker<Task extends PictureTask>(task: Task): Promise<Answers[Task['kind']]> {
  return new Promise<Value>((done, failed) => {
    const request: PictureRequest = { ...task, id: nextId++ };
    waiting.set(request.id, { done, failed });
    (worker ??= startWorker()).postMessage(request);
  }) as Promise<Answers[Task['kind']]>;
}

function startWorker(): Worker {
  const url = new URL('./picture_worker.js', import.meta.url);
  const started = new Worker(url, { type: 'module', name: 'decal-pictures' });
  started.onmessage = ({ data }: MessageEvent<PictureAnswer>) => {
    const entry = waiting.get(data.id);
    waiting.delete(data.id);
    if (data.value) entry?.done(data.value);
    else entry?.failed(new Error(data.error));
  };
  started.onerror = () => {
    // Without this, a worker that cannot start would leave its callers waiting for ever.
    for (const { failed } of waiting.values()) failed(new Error('the picture could not be edited'));
    waiting.clear();
    worker = null;
  };
  return started;
}
