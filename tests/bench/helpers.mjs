// Results as a suite would write them, of numbers that tests choose.
// SPDX-License-Identifier: MIT

/** A contender's outcome whose runs all took `ms`. */
export const took = (ms) => ({ median_ms: ms, min_ms: ms, load_ms: 10, peak_bytes: 100e6, samples_ms: [ms] });

/** A case with contenders' times in ms, or reasons why they failed. */
export function caseOf(model, threads, times, more = {}) {
  const outcomes = Object.entries(times)
    .map(([name, value]) => [name, typeof value === 'string' ? { failure: value } : took(value)]);
  return { model, threads, rounds: 5, warm_up: 1, repeat: 2, ...more, contenders: Object.fromEntries(outcomes) };
}

export const environment = {
  date: '2030-01-02', commit: 'abc', cpu: 'Abacus 9', cores: 4, memory_bytes: 8e9, native_simd: 'AVX2', node: '20.0.0',
  onnxruntime_node: '1.0.0', onnxruntime_web: '1.0.1',
};

export const wasm = { relaxed: { bytes: 500_000, gzip_bytes: 200_000 }, 'ort-web': { bytes: 14e6, gzip_bytes: 4e6 } };

export const resultsOf = (cases, more = {}) => ({ suite: 'models', environment, wasm, cases, ...more });
