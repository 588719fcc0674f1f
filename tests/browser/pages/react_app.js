// The React entry as an application uses it, in strict mode, beside the package itself.
// SPDX-License-Identifier: MIT
import { createElement, StrictMode, useState } from 'react';
import { createRoot } from 'react-dom/client';
import * as decal from 'decal';
import { BackgroundRemover, useBackgroundRemover, useVideoBackground } from 'decal/react';
import * as probe from './probe.js';

// Workers that are an engine, not a helper thread of one.
const started = [];
/** Those of them that were ended. */
const ended = [];
window.Worker = class extends Worker {
  postMessage(message, transfer) {
    if (message.type === 'start') started.push(this);
    super.postMessage(message, transfer);
  }

  terminate() {
    if (started.includes(this)) ended.push(this);
    super.terminate();
  }
};

function Own() {
  const remover = useBackgroundRemover({ output: { format: 'image/webp' } });
  window.remover = remover;
  return createElement('output', { id: 'own' }, `${remover.status} ${remover.result?.blob.type ?? ''}`);
}

/** `changeCamera({ source, options })` is what the page around it does. */
function Camera() {
  const [{ source = null, options }, change] = useState({});
  window.changeCamera = change;
  window.camera = useVideoBackground(source, options);
  return createElement('output', { id: 'camera' }, camera.status);
}

let root = null;
const results = [];
const errors = [];

/** Mounts the component, or a hook alone. */
function mount(what) {
  root = createRoot(document.getElementById('root'));
  const hook = { hook: Own, camera: Camera }[what];
  const component = hook
    ? createElement(hook)
    : createElement(BackgroundRemover, {
        className: 'mine', onResult: (result) => results.push(result), onError: (error) => errors.push(error.code),
      });
  root.render(createElement(StrictMode, null, component));
}

Object.assign(window, { decal, probe, started, ended, results, errors, mount, unmount: () => root.unmount() });
