// Summaries of measured times, and ratios between contenders.
// SPDX-License-Identifier: MIT

/** The middle value, or the mean of the two in the middle; NaN of none. */
export function median(values) {
  const sorted = values.toSorted((a, b) => a - b);
  return (sorted[(sorted.length - 1) >> 1] + sorted[sorted.length >> 1]) / 2;
}

const round = (value, digits) => Number(value.toFixed(digits));

/**
 * A contender's measurements, a process each, as results keep them: all samples with their median and minimum, and
 * medians over the processes of whatever else they measured.
 *
 * @param {{run_ms: number[]}[]} measurements
 */
export function summarise(measurements) {
  const { run_ms: _, ...others } = measurements[0];
  const samples = measurements.flatMap(({ run_ms }) => run_ms);
  const summary = samples.length > 0
    ? { median_ms: round(median(samples), 3), min_ms: round(Math.min(...samples), 3) }
    : {};
  for (const name of Object.keys(others)) {
    const values = measurements.map((measurement) => measurement[name]);
    summary[name] = round(median(values), name.endsWith('_bytes') ? 0 : 3);
  }
  return samples.length > 0 ? { ...summary, samples_ms: samples.map((ms) => round(ms, 3)) } : summary;
}

/** How many times as fast as `peer` a contender is, by their medians; null unless both were measured. */
export function speedRatio(contender, peer) {
  return contender?.median_ms > 0 && peer?.median_ms > 0 ? peer.median_ms / contender.median_ms : null;
}
