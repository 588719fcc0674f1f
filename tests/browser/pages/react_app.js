// The React entry as an application uses it, in strict mode, beside the package itself.
// SPDX-License-Identifier: MIT
import { createElement, StrictMode } from 'react';
import { createRoot } from 'react-dom/client';
import * as decal from 'decal';
import { BackgroundRemover, useBackgroundRemover } from 'decal/react';
import * as probe from './probe.js';

// Workers that are an engine, not a helper thread of one.
const started = [];
window.Worker = class extends Worker {
  postMessage(message, transfer) {
    if (message.type === 'start') started.push(this);
    super.postMessage(message, transfer);
  }
};

function Own() {
  const remover = useBackgroundRemover({ output: { format: 'image/webp' } });
  window.remover = remover;
  return createElement('output', { id: 'own' }, `${remover.status} ${remover.result?.blob.type ?? ''}`);
}

let root = null;
const results = [];
const errors = [];

/** Mounts the component, or the hook alone. */
function mount(what) {
  root = createRoot(document.getElementById('root'));
  const component = what === 'hook'
    ? createElement(Own)
    : createElement(BackgroundRemover, {
        className: 'mine', onResult: (result) => results.push(result), onError: (error) => errors.push(error.code),
      });
  root.render(createElement(StrictMode, null, component));
}

Object.assign(window, { decal, probe, started, results, errors, mount, unmount: () => root.unmount() });
