// Of step (g): which kernels are worth a search, and what the search says about the planner's choices.
//
// Copyright the Decal authors.
// SPDX-License-Identifier: MIT

/**
 * The `count` costliest kernels that could be made in more than one way: steps with the same shaders over the same grids are one kernel, `step`
 * the first of them, `times` so many.
 *
 * @param {{ms: ArrayLike<number>, steps: object[], dispatches: object[]}} measured milliseconds by step, and the plan
 */
export function costliest({ ms, steps, dispatches }, count) {
  const kernels = new Map();
  steps.forEach(({ op, algorithm, choice }, step) => {
    if (choice.length < 2) return;
    const own = dispatches.filter((one) => one.step === step).map(({ pipeline, groups }) => [pipeline, ...groups]);
    const key = JSON.stringify([op, own, choice]);
    const kernel = kernels.get(key) ??
      { step, what: `${op} ${algorithm}`.trim(), planned: choice[0].name, candidates: choice.length, times: 0, allMs: 0, plannedMs: Infinity };
    kernel.times += 1;
    kernel.allMs += ms[step];
    // All of them run alone later, the first one too.
    if (kernel.step === step) kernel.plannedMs = ms[step];
    kernels.set(key, kernel);
  });
  return [...kernels.values()].sort((a, b) => b.allMs - a.allMs).slice(0, count);
}

/** Spearman's correlation of two lists: 1 where they rank alike. Null where one has no ranks. */
export function rankCorrelation(a, b) {
  const ranks = (values) => values.map((value) => {
    const below = values.filter((other) => other < value).length;
    return below + (values.filter((other) => other === value).length - 1) / 2;
  });
  const [x, y] = [ranks(a), ranks(b)];
  const mean = (a.length - 1) / 2;
  const sum = (of) => x.reduce((total, _, i) => total + of(i), 0);
  const scale = Math.sqrt(sum((i) => (x[i] - mean) ** 2) * sum((i) => (y[i] - mean) ** 2));
  return scale > 0 ? sum((i) => (x[i] - mean) * (y[i] - mean)) / scale : null;
}

/**
 * What is known of kernels (see `costliest`) with what was `tried` of each: the best candidates, what they would save of the model's time, and
 * how well the cost model ranks. The planner's own candidate counts as tried alone, among the others, not within the whole run.
 */
export function summary(found) {
  const kernels = found.map(({ step, what, times, planned, tried }) => {
    const own = tried.find(({ candidate }) => candidate === planned);
    const best = tried.reduce((least, one) => (one.ms < least.ms ? one : least), own ?? tried[0]);
    return {
      step, what, times, planned, plannedMs: own?.ms ?? null, best: best?.candidate ?? null, bestMs: best?.ms ?? null,
      rank: tried.length > 2 ? rankCorrelation(tried.map(({ cost }) => cost), tried.map(({ ms }) => ms)) : null,
      tried: tried.map(({ candidate, cost, ms }) => [candidate, cost, Math.round(1e4 * ms) / 1e4]),
    };
  });
  const known = kernels.filter(({ plannedMs }) => plannedMs !== null);
  const total = (of) => known.reduce((sum, kernel) => sum + kernel.times * of(kernel), 0);
  return { plannedMs: total(({ plannedMs }) => plannedMs), bestMs: total(({ bestMs }) => bestMs), found: kernels };
}
