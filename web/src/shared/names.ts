// Names of the DOM that occur in the declarations, so that projects without its library compile. With it they add nothing.
// SPDX-License-Identifier: MIT
declare global {
  interface ImageData {}
  interface ImageBitmap {}
  interface HTMLImageElement {}
  interface HTMLCanvasElement {}
  interface OffscreenCanvas {}
  interface VideoFrame {}
  interface GPU {}
  interface GPUAdapter {}
  interface GPUDevice {}
  interface GPUComputePipeline {}
  namespace WebAssembly {
    interface Global {}
    interface Memory {}
    interface Module {}
  }
}

export {};
