// onnxruntime-web where it is at its best: in a worker, which leaves the page free and lets its threads wait.
// SPDX-License-Identifier: MIT
export function run(job) {
  return new Promise((resolve, reject) => {
    const worker = new Worker(new URL(job.format ? './whole_ort_worker.js' : './ort_worker.js', import.meta.url), { type: 'module' });
    worker.onmessage = ({ data }) => resolve(data);
    worker.onerror = (event) => reject(new Error(event.message || 'the worker did not start'));
    worker.postMessage({ ...job, navigation: performance.timeOrigin });
  });
}
