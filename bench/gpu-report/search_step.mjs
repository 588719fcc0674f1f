// Step (g): the costliest kernels of a model in every tile and workgroup size that the planner knows, and what would be best for this device.
//   node bench/gpu-report/search_step.mjs MODEL KERNELS REPEAT
//
// Copyright the Decal authors.
// SPDX-License-Identifier: MIT
import { create } from 'webgpu';
import { describeGpu, loadPlanner, RawGpuSession, readModelFile } from '../../web/dist/node.js';
import { pictureTensor } from './photo.mjs';
import { costliest, summary } from './search.mjs';
import { dawnOptions, modelNamed, record, runnable, runStep, secondsLeft } from './step.mjs';

/** Seconds that should be left for another turn. */
const kLeast = 5;

await runStep(async () => {
  const [name, count, repeat] = [process.argv[2], ...process.argv.slice(3).map(Number)];
  const model = modelNamed(name);
  const gpu = create(dawnOptions());
  const { half } = await describeGpu(gpu);
  const planner = await loadPlanner(readModelFile(runnable(model)));
  const input = pictureTensor(model);

  /** The least milliseconds of each step by the device's clock, of a plan with those options. */
  const measure = async (options) => {
    const session = await RawGpuSession.create(planner, model.size, model.size, { gpu, allowSoftwareAdapter: true, half, choices: true, ...options });
    try {
      const { steps, dispatches } = session.plan;
      let least = null;
      // One more: the first warms up.
      for (let i = 0; i <= repeat; ++i) {
        const { stepMs } = await session.run([input.data], 0, { profile: true });
        if (!stepMs) throw new Error('the adapter has no timestamp-query: kernels cannot be timed one by one');
        if (i > 0) least = least ? least.map((ms, at) => Math.min(ms, stepMs[at])) : stepMs;
      }
      return { ms: least, steps, dispatches };
    } finally {
      session.close();
    }
  };

  const planned = await measure({});
  const kernels = costliest(planned, count);
  const id = `search-${name}`;
  const about = { model: name, precision: half ? 'fp16' : 'fp32' };
  record(id, { ...about, allMs: planned.ms.reduce((sum, ms) => sum + ms, 0), kernels: kernels.length,
    coveredMs: kernels.reduce((sum, { allMs }) => sum + allMs, 0) });
  const found = kernels.map((kernel) => ({ ...kernel, tried: [] }));
  const most = Math.max(0, ...kernels.map(({ candidates }) => candidates));
  let turns = 0;
  for (let variant = 1; variant <= most && secondsLeft() > kLeast; ++variant) {
    const steps = found.filter(({ candidates }) => candidates >= variant).map(({ step }) => step);
    const { ms, steps: made } = await measure({ variant, steps });
    for (const kernel of found.filter(({ step }) => steps.includes(step))) {
      const [{ name: candidate, cost }] = made[kernel.step].choice;
      kernel.tried.push({ candidate, cost, ms: ms[kernel.step] });
    }
    ++turns;
    // After each turn: what is known if the next one never ends.
    record(id, { ...about, turn: variant, of: most, ...summary(found) });
  }
  planner.close();
  if (turns < most) throw new Error(`time for ${turns} of ${most} candidates only`);
});
