// Put before the package's worker: tells the page which stage a call has come to, and what the engine's memory holds.
// Others in this file's place break something; this one only looks.
// SPDX-License-Identifier: MIT
const channel = new BroadcastChannel('watched');

/** Blocks of the engine's memory that the worker has asked for and not given back. */
const live = new Map();
let memory = null;
let isEngine = false;
self.addEventListener('message', ({ data }) => (isEngine ||= data?.type === 'start'));

const stage = (name) => channel.postMessage({ stage: name });

channel.onmessage = ({ data }) => {
  if (data !== 'memory' || !isEngine) return;
  channel.postMessage({ blocks: [...live.values()], bytes: memory?.buffer.byteLength ?? 0 });
};

const { Instance } = WebAssembly;
WebAssembly.Instance = function watched(module, imports) {
  const real = new Instance(module, imports).exports;
  memory = imports.env.memory;
  const exports = {
    ...real,
    decal_alloc(bytes) {
      const pointer = real.decal_alloc(bytes);
      live.set(pointer, bytes);
      return pointer;
    },
    decal_free(pointer) {
      live.delete(pointer);
      real.decal_free(pointer);
    },
    decal_session_from_stream(stream) {
      stage('building');
      return real.decal_session_from_stream(stream);
    },
    decal_remover_run(...call) {
      stage('inference');
      return real.decal_remover_run(...call);
    },
  };
  if (real.decal_png_pack) {
    exports.decal_png_pack = (...call) => {
      stage('encoding');
      return real.decal_png_pack(...call);
    };
  }
  return { exports };
};

const { createImageBitmap: decode } = self;
self.createImageBitmap = (...call) => {
  stage('decoding');
  return decode(...call);
};
