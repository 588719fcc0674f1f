// Which steps a report has, the most valuable first, and how long each may take.
//
// Copyright the Decal authors.
// SPDX-License-Identifier: MIT
import { fileURLToPath } from 'node:url';
import { models, sourceOf } from './step.mjs';

const program = (file, ...args) => [process.execPath, '--expose-gc', fileURLToPath(new URL(file, import.meta.url)), ...args.map(String)];

const adapterOf = (records) => Object.assign({}, ...records.filter(({ step, kind }) => step === 'adapter' && kind === 'result'));

/** A software renderer compiles and runs for the processor what takes a GPU milliseconds. */
const kSoftwareFactor = 6;

/** Sides of whole calls' pictures are divided by this where all is small. */
const kShrink = 8;

/**
 * The steps for `runSteps`. Those after the first are small (small models, every 24th operator case, small pictures, three kernels to search) where the
 * adapter computes on the CPU or `small` asks for it, and are left out where there is no adapter. `only`: letters, or all.
 */
export function reportSteps({ small = false, only = null } = {}) {
  const step = (id, letter, title, limit, make) => (records) => {
    if (only && letter !== 'a' && !only.includes(letter)) return null;
    const { name, software } = adapterOf(records);
    if (id !== 'adapter' && !name) return null;
    const command = make({ small: small || Boolean(software) });
    return command && { id, letter, title, limit: software ? kSoftwareFactor * limit : limit, command };
  };
  const sampled = ({ small: few }) => (few ? 24 : 1);
  const first = ({ small: few }) => (few ? 'people-live' : 'decal-default');
  const present = (name, few) => models.some((one) => one.name === name && (few ? one.small : one.small !== true) && sourceOf(one));
  const accuracy = (name, limit) => step(`model-${name}`, 'd', `${name} against float32`, limit, ({ small: few }) =>
    (present(name, few) ? program('model_step.mjs', name) : null));
  const times = (name, limit, ...counts) => step(`times-${name}`, 'e', `times of ${name}`, limit, ({ small: few }) =>
    (present(name, few) ? program('times_step.mjs', name, ...counts) : null));
  // Of small models only where all is small.
  const meant = (name, few) => present(name, few) && (few || !models.find((one) => one.name === name).small);
  const calls = (name, limit) => step(`calls-${name}`, 'f', `whole calls with ${name}`, limit, ({ small: few }) =>
    (meant(name, few) ? program('calls_step.mjs', name, few ? kShrink : 1) : null));
  const search = (name, limit) => step(`search-${name}`, 'g', `tiles and workgroups for ${name}`, limit, ({ small: few }) =>
    (meant(name, few) ? program('search_step.mjs', name, ...(few ? [3, 1] : [10, 5])) : null));
  return [
    step('adapter', 'a', 'adapter, limits, features, driver', 30, () => program('adapter_step.mjs')),
    step('gate', 'b', 'pre-flight checks and self-test', 60, (how) => program('gate_step.mjs', first(how))),
    step('operators-fp32', 'c', 'operator cases in fp32', 120, (how) => program('operators_step.mjs', 'fp32', sampled(how))),
    accuracy('decal-default', 60), accuracy('people-live', 60),
    accuracy('isnet_1024', 90),
    times('isnet_1024', 90, 2, 3, 8), times('birefnet_lite_1024', 120, 2, 2, 5),
    calls('isnet_1024', 120), search('isnet_1024', 90),
    step('endurance', 'h', 'many pictures, lost devices, memory', 90, ({ small: few }) =>
      program('endurance_step.mjs', ...(few && !present('tiny-64', few) ? ['people-live', 10] : [few ? 'tiny-64' : 'decal-default', 200]))),
    step('operators-fp16', 'c', 'operator cases in fp16', 120, (how) => program('operators_step.mjs', 'fp16', sampled(how))),
    accuracy('decal-default-192', 90), accuracy('u2netp_96', 90), accuracy('modnet_128', 90),
    times('people-live', 120, 1, 1, 2), calls('people-live', 60), search('people-live', 90),
    accuracy('u2netp_320', 60), accuracy('modnet_512', 60), accuracy('birefnet_lite_512', 90), accuracy('birefnet_lite_1024', 120),
    times('decal-default', 60, 2, 10, 10), times('u2netp_320', 60, 2, 10, 10), times('modnet_512', 60, 2, 10, 10),
    times('birefnet_lite_512', 90, 2, 3, 8), search('birefnet_lite_1024', 90),
  ];
}
