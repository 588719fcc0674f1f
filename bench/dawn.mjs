// Puts npm webgpu where onnxruntime-web looks for a browser's WebGPU.
// SPDX-License-Identifier: MIT

/** Defines `navigator.gpu` and WebGPU's other globals. */
export async function offerGpu() {
  const { create, globals } = await import('webgpu');
  Object.assign(globalThis, globals);
  // Also keeps the GPU object, which Dawn's other objects do not outlive.
  Object.defineProperty(globalThis, 'navigator', { value: { gpu: create([]) }, configurable: true });
  takeSharedMemory(GPUQueue.prototype);
}

// The specification takes shared memory, which onnxruntime-web's is even on one thread; npm webgpu refuses it.
function takeSharedMemory(queue) {
  const { writeBuffer } = queue;
  queue.writeBuffer = function (buffer, bufferOffset, ...source) {
    return writeBuffer.call(this, buffer, bufferOffset, plainBytes(...source));
  };
}

/** A copy of what `writeBuffer` would take: `offset` and `size` count elements of views and bytes of buffers. */
export function plainBytes(data, offset = 0, size = undefined) {
  const view = ArrayBuffer.isView(data);
  const unit = (view && data.BYTES_PER_ELEMENT) || 1;
  const bytes = view ? new Uint8Array(data.buffer, data.byteOffset, data.byteLength) : new Uint8Array(data);
  const end = size === undefined ? bytes.length : (offset + size) * unit;
  return new Uint8Array(bytes.subarray(offset * unit, end));
}
