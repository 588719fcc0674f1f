// A report's records as one object, and that object as a Markdown section that docs/performance.md takes in as it is.
//
// Copyright the Decal authors.
// SPDX-License-Identifier: MIT

const median = (values) => {
  const sorted = values.toSorted((a, b) => a - b);
  return (sorted[(sorted.length - 1) >> 1] + sorted[sorted.length >> 1]) / 2;
};

/** The report: machine, adapter, how each step ended, and the results, by step. */
export function reportOf(records) {
  const run = records.find(({ step, kind }) => step === 'run' && kind === 'begin') ?? {};
  const finish = records.findLast(({ step, kind }) => step === 'run' && kind === 'end');
  const results = (id) => records.filter(({ step, kind }) => kind === 'result' && (id === undefined || step === id));
  const steps = [];
  for (const { step, letter, title, kind, state, why, seconds, allowed } of records) {
    if (step === 'run' || kind === 'result') continue;
    let entry = steps.find(({ id }) => id === step);
    if (!entry) steps.push(entry = { id: step, letter, title, state: 'cut off' });
    if (kind === 'start') entry.allowed = allowed;
    else Object.assign(entry, { state, ...(why ? { why } : {}), ...(seconds === undefined ? {} : { seconds }) });
  }
  const { step: _, kind: __, ...about } = run;
  const adapter = Object.assign({}, ...results('adapter').map(({ step, kind, ...values }) => values));
  return {
    format: 1, ...about, complete: finish?.state === 'done', adapter, steps,
    results: results().filter(({ step }) => step !== 'adapter').map(({ kind, ...values }) => values),
  };
}

const cell = (value) => String(value).replaceAll('|', '\\|').replaceAll('\n', ' ');
function table(head, rows) {
  if (rows.length === 0) return '';
  const line = (cells) => `| ${cells.map(cell).join(' | ')} |`;
  return `\n${[line(head), line(head.map(() => '---')), ...rows.map(line)].join('\n')}\n`;
}
const ms = (value) => (value === undefined || value === null ? '' : value >= 100 ? value.toFixed(0) : value.toPrecision(3));
const error = (value) => (typeof value === 'number' ? value.toExponential(1) : 'not a number');
const megabytes = (bytes) => (bytes === undefined ? '' : Math.round(bytes / 1e6));

function adapterText({ adapter, date = '', commit, node, webgpu, onnxruntimeWeb }) {
  const { name, software, half, features = [], limits = {}, info = {}, experimental = [], system, driver } = adapter;
  const lines = [
    ...(name ? [`Adapter: ${name}; shader-f16: ${half ? 'yes' : 'no'}; timestamp-query: ${features.includes('timestamp-query') ? 'yes' : 'no'}; ` +
      `subgroups: ${features.includes('subgroups') ? `${info.subgroupMinSize} to ${info.subgroupMaxSize}` : 'no'}; subgroup matrices: ` +
      `${experimental.some((one) => one.includes('subgroup-matrix')) ? 'yes, not used' : 'no'}`] : ['Adapter: none was found, or the step that looks did not finish']),
    ...(limits.maxBufferSize ? [`Limits: ${limits.maxStorageBuffersPerShaderStage} storage buffers, buffers of ${megabytes(limits.maxBufferSize)} MB, ` +
      `bindings of ${megabytes(limits.maxStorageBufferBindingSize)} MB, ${limits.maxComputeWorkgroupStorageSize} bytes of workgroup memory, ` +
      `${limits.maxComputeInvocationsPerWorkgroup} invocations a workgroup`] : []),
    ...(driver ? [`Driver: ${[driver.nvidia, driver.kernelModule, driver.vulkanManifests?.join(', ')].filter(Boolean).join('; ') || 'not known'}`] : []),
    ...(system ? [`Machine: ${system.cpu}, ${system.cores} cores, ${Math.round(system.memoryBytes / 1e9)} GB, ${system.name}`] : []),
    `Versions: Decal ${commit ?? 'not known'}, Node ${adapter.node ?? node}, npm webgpu ${webgpu ?? 'not known'}, onnxruntime-web ${onnxruntimeWeb ?? 'not known'}`,
    `Run on ${date.slice(0, 10)}`,
  ];
  const warning = software ? '\n**This is a software renderer: it computes on the CPU. It shows that the report works and what is right. ' +
    'Its times say nothing about any GPU.**\n' : '';
  return `${warning}\n${lines.map((line) => `- ${line}`).join('\n')}\n`;
}

function gateText(results) {
  return results.filter(({ step }) => step === 'gate').map(({ model, provider, dtype, reasons, checked, readyMs }) =>
    `\n${model} ran on ${provider} in ${dtype}, ready after ${ms(readyMs)} ms: ${reasons.join('; ')}. Self-test: ` +
    (checked.selfTest ? `${ms(checked.selfTest.ms)} ms, largest error ${error(checked.selfTest.maxError)}.` : 'not made.') + '\n').join('');
}

function operatorsText(results) {
  return ['fp32', 'fp16'].map((precision) => {
    const all = results.filter(({ step }) => step === `operators-${precision}`);
    const families = all.filter(({ family }) => family);
    if (families.length === 0) return '';
    const count = families.reduce((sum, { cases }) => sum + cases, 0);
    const wrong = families.flatMap((one) => one.wrong);
    const { all: there, float16, unsuited } = all.find((one) => one.all) ?? {};
    const worst = families.toSorted((a, b) => b.worst - a.worst).slice(0, 3).map(({ family, worst: most }) => `${family} ${error(most)}`);
    return `\nOperators, ${precision}${float16 ? ` (${float16})` : ''}: ${count} of ${there} cases in ${families.length} families, ` +
      `${wrong.length} wrong${unsuited > 0 ? `; ${unsuited} need larger workgroups, or subgroups, than there are` : ''}. Largest errors, in units of 1 + |expected|: ${worst.join(', ')}.\n` +
      wrong.slice(0, 10).map((line) => `- ${line}\n`).join('');
  }).join('');
}

function modelsText(results) {
  const ofModels = results.filter(({ step }) => step.startsWith('model-'));
  const references = new Map(ofModels.filter(({ reference }) => reference).map(({ model, reference }) => [model, reference]));
  const rows = ofModels.filter(({ precision }) => precision).map(({ model, precision, max, mean, tolerance, within, ofHalf, float16, memory }) =>
    [model, float16 ? `${precision}, ${float16}` : precision, error(max), error(mean), tolerance, ofHalf === undefined ? '' : error(ofHalf),
      within ? 'yes' : '**no**', megabytes(memory.total), references.get(model)]);
  return table(['model', 'storage', 'largest error', 'mean error', 'allowed', 'from fp32 (2e-3)', 'within', 'plan, MB', 'against'], rows);
}

function timesText(results) {
  const turns = results.filter(({ step }) => step.startsWith('times-'));
  const rows = [];
  for (const model of new Set(turns.map((one) => one.model))) {
    for (const contender of new Set(turns.filter((one) => one.model === model).map((one) => one.contender))) {
      const own = turns.filter((one) => one.model === model && one.contender === contender);
      const ran = own.filter(({ runMs }) => runMs?.length > 0);
      const failure = own.find((one) => one.failure)?.failure;
      const of = (value) => ms(median(ran.map(value)));
      rows.push(ran.length === 0 ? [model, contender, '', '', '', '', failure ?? '']
        : [model, contender, of(({ loadMs }) => loadMs), of(({ firstMs }) => firstMs), ms(median(ran.flatMap(({ runMs }) => runMs))),
          megabytes(ran[0].peakBytes), `${ran.flatMap(({ runMs }) => runMs).length} runs${failure ? `; then ${failure}` : ''}`]);
    }
  }
  const slow = [];
  for (const { model, contender, steps } of turns.filter((one) => one.steps?.length > 0 && one.round === 0)) {
    slow.push([model, contender, steps.slice(0, 5).map(([what, time]) => `${what} ${ms(time)}`).join(', ')]);
  }
  return table(['model', 'contender', 'loading, ms', 'first run, ms', 'steady, ms (median)', 'process, MB', ''], rows) +
    table(['model', 'contender', 'costliest, ms by the device\'s clock'], slow);
}

function callsText(results) {
  const own = results.filter(({ step }) => step.startsWith('calls-'));
  return [...new Set(own.map(({ model }) => model))].map((model) => {
    const of = own.filter((one) => one.model === model);
    const { sizes = [], scaled } = of.find((one) => one.sizes) ?? {};
    const contenders = [...new Set(of.flatMap(({ contender }) => contender ?? []))];
    const ready = (contender) => of.find((one) => one.contender === contender && one.readyMs)?.readyMs;
    const at = (contender, size) => of.find((one) => one.contender === contender && String(one.size ?? size) === String(size) && !one.readyMs);
    const rows = sizes.map((size) => [size.join(' x '), ...contenders.map((contender) => {
      const found = at(contender, size);
      return found?.skipped ?? (found ? `${ms(found.callMs)} (inference ${ms(found.stages.inference)}, PNG ${ms(found.stages.encode)})` : '');
    })]);
    const first = ['ready, with a first call', ...contenders.map((contender) => ms(ready(contender)))];
    return `\nWhole calls with ${model}, ms: pixels in, PNG out, decoding not included.${scaled ? ` Scaled: ${scaled}.` : ''}\n` +
      table(['picture', ...contenders], [first, ...rows]);
  }).join('');
}

function searchText(results) {
  const own = results.filter(({ step }) => step.startsWith('search-'));
  return [...new Set(own.map(({ model }) => model))].map((model) => {
    const of = own.filter((one) => one.model === model);
    const whole = of.find(({ allMs }) => allMs !== undefined), last = of.findLast(({ turn }) => turn);
    if (!last) return '';
    const rows = last.found.map(({ what, times, planned, plannedMs, best, bestMs, rank, tried }) => [what, times, planned,
      plannedMs === null ? '' : ms(plannedMs), best ?? '', bestMs === null ? '' : ms(bestMs), tried.length, rank === null ? '' : rank.toFixed(2)]);
    return `\nTiles and workgroups for ${model} in ${last.precision}, the ${last.found.length} costliest kernels, ${last.turn} of ${last.of} turns: as planned ` +
      `${ms(last.plannedMs)} ms, with the best of each ${ms(last.bestMs)} ms, of ${ms(whole.allMs)} ms of the whole model. ` +
      'Rank: how the cost model orders candidates beside the clock (1 alike, -1 reversed).\n' +
      table(['kernel', 'times', 'planned', 'ms', 'best for this device', 'ms', 'tried', 'rank'], rows);
  }).join('');
}

function enduranceText(results) {
  const own = results.filter(({ step }) => step === 'endurance');
  const all = own.find(({ pictures }) => pictures);
  const losses = own.filter(({ loss }) => loss);
  if (!all) return '';
  const { early, late } = all.memoryBytes;
  return `\n${all.pictures} pictures with ${all.model}, ${all.onWebGpu} of them on WebGPU, ${ms(all.msPerPicture)} ms each, at most ` +
    `${all.worstLevels} of 255 levels from WebAssembly's; the process had ${megabytes(early)} MB after a tenth and ${megabytes(late)} MB at the end ` +
    `(${all.flat ? 'flat' : '**it grew**'}). Device lost on purpose ${losses.length} times: ` +
    losses.map(({ provider, nextProvider, worstLevels }) => `${provider}, then ${nextProvider}, ${worstLevels} levels off`).join('; ') + '.\n';
}

/** The Markdown section. */
export function reportPage(report) {
  const { adapter, steps, results, complete } = report;
  const name = adapter.name ?? 'no adapter';
  const unfinished = steps.filter(({ state }) => state !== 'done');
  return `### ${name}${adapter.software ? ' (software renderer)' : ''}
${adapterText(report)}${complete ? '' : '\n**The run was cut off: what follows is what it had found.**\n'}${gateText(results)}${operatorsText(results)}${modelsText(results)}` +
    `${timesText(results)}${callsText(results)}${searchText(results)}${enduranceText(results)}` +
    table(['step', '', 'how it ended', 's'], steps.map(({ letter, title, state, why, seconds }) =>
      [`(${letter})`, title, why ? `${state}: ${why}` : state, seconds ?? ''])) +
    `\n${unfinished.length === 0 ? 'Every step finished.' : `${unfinished.length} of ${steps.length} steps did not finish.`}\n`;
}
