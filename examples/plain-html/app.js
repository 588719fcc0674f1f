// Beside this file lies the folder decal/: a copy of node_modules/decal/web/dist.
import { removeBackground, subscribeToProgress } from './decal/index.js';

const input = document.querySelector('input');
const status = document.querySelector('[role=status]');
const image = document.querySelector('img');
let result = null;

subscribeToProgress(({ phase, progress }) => {
  if (phase === 'downloading') status.textContent = `Loading the model: ${progress} %`;
});

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
