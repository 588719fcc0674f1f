// Beside this file lies the folder decal/: a copy of node_modules/decal/web/dist.
import { removeBackground } from './decal/index.js';

const input = document.querySelector('input');
const status = document.querySelector('[role=status]');
const image = document.querySelector('img');
let result = null;

input.addEventListener('change', async () => {
  const [file] = input.files;
  if (!file) return;
  status.textContent = 'Working…';
  try {
    const removed = await removeBackground(file);
    result?.revoke();
    result = removed;
    image.src = result.blobUrl;
    image.hidden = false;
    status.textContent = `Done in ${result.processingTimeSeconds.toFixed(1)} s`;
  } catch (error) {
    status.textContent = error.message;
  }
});

await navigator.serviceWorker.register('sw.js');
await navigator.serviceWorker.ready;
document.querySelector('#offline').hidden = false;
