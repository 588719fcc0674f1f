// One measurement in a page of its own, as the address asks for it; `window.outcome` becomes what was measured.
//   ?contender=relaxed|simd128|ort-web&threads=N&warm-up=N&repeat=N&size=N   a model at /model.onnx
//   ?contender=litert&threads=N&warm-up=N&repeat=N&size=N                    the same at /model.tflite
//   ?contender=...&threads=N&default                                         start-up with the package's own model
//   ?contender=relaxed|ort-web&threads=N&repeat=N&whole=image/png            whole calls with the photo at /photo.jpg
//   ?contender=relaxed&threads=N&large                                       one call with BiRefNet-lite at /model.onnx
//   ?contender=...&compile                                                   compiling the WebAssembly module alone
// SPDX-License-Identifier: MIT

const asked = new URLSearchParams(location.search);
const number = (name) => Number(asked.get(name));
const contender = asked.get('contender');
const job = {
  contender, threads: number('threads'), warmUp: number('warm-up'), repeat: number('repeat'), size: number('size'),
  ownModel: asked.has('default'), format: asked.get('whole'),
};

async function compile() {
  const bytes = await (await fetch(`/wasm/${contender}`)).arrayBuffer();
  const start = performance.now();
  await WebAssembly.compile(bytes);
  return { run_ms: [], compile_ms: performance.now() - start };
}

async function measure() {
  if (asked.has('compile')) return compile();
  if (!crossOriginIsolated) return { failure: 'the page is not cross-origin isolated' };
  if (asked.has('large')) return (await import('./whole.js')).runLarge(job);
  if (job.format && contender !== 'ort-web') return (await import('./whole.js')).run(job);
  const { run } = await import({ 'ort-web': './ort.js', litert: './litert.js' }[contender] ?? './decal.js');
  const outcome = await run(job);
  // The server and this page read the same clock.
  return { ...outcome, ready_at: performance.timeOrigin + outcome.ready_ms };
}

const reason = (error) => String(error?.message ?? error).replaceAll('\n', ' ').slice(0, 160);
window.outcome = measure().catch((error) => ({ failure: reason(error) }));
