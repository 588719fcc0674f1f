// Makes docs/performance.md from bench/results/*.json. `make bench` and `make bench-browser` end with it, and a test
// checks that the committed page is the same.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { root } from '../tests/support/models.mjs';
import { bars, startBarMs } from './cases.mjs';
import { readResults } from './results.mjs';
import {
  barOutcome, barRows, failures, loadRows, markdownTable, peakRows, sizeRows, startRows, timeRows,
} from './tables.mjs';

// Highway, whose names the engine reports, counts AVX-512 as the third AVX.
const instructionSet = (simd) => (simd.startsWith('AVX3') ? `AVX-512 (${simd})` : simd);

function measuredOn({ environment: e, note }) {
  const versions = [`Node ${e.node}`, `onnxruntime-node ${e.onnxruntime_node}`, `onnxruntime-web ${e.onnxruntime_web}`,
    ...(e.chromium ? [`Chromium ${e.chromium}`] : [])];
  const gigabytes = Math.round(e.memory_bytes / 1e9);
  const facts = [
    `Machine: ${e.cpu}, ${e.cores} cores, ${gigabytes} GB; native kernels for ${instructionSet(e.native_simd)}`,
    `Versions: ${versions.join(', ')}`,
    `Measured on ${e.date} at commit ${e.commit}`,
  ];
  return `${note ? `**${note}**\n\n` : ''}${facts.map((fact) => `- ${fact}`).join('\n')}`;
}

function barSummary(results) {
  const outcomes = bars.map((bar) => barOutcome(bar, results).met);
  const number = (met) => outcomes.filter((outcome) => outcome === met).length;
  const unknown = number(null) > 0 ? `, ${number(null)} not known` : '';
  return `${number(true)} of ${bars.length} bars met, ${number(false)} missed${unknown}.`;
}

// A list after a table, with what separates it from the next paragraph.
const list = (lines) => `${lines.map((line) => `\n- ${line}`).join('')}${lines.length > 0 ? '\n\n' : '\n'}`;

function remarks({ cases }) {
  return [...new Set(cases.filter(({ remark }) => remark).map(({ model, remark }) => `${model}: ${remark}.`))];
}

function modelSections(results) {
  const failed = failures(results).map((line) => `Fails: ${line}.`);
  return `## Bars

What this project has set itself: how many times as fast the one is as the other, by their medians, on each number of
threads. ${barSummary(results)}

${markdownTable(barRows(results))}

## One run, in ms

Medians of all samples and, in brackets, the fastest.

${markdownTable(timeRows(results))}
${list([...remarks(results), ...failed])}## Loading, in ms

From the first call until the model can run; with WebAssembly this includes compiling the module.

${markdownTable(loadRows(results))}

## Peak memory, in MB

Of the whole process: loading, planning and running. Everything but decal native runs in Node, which itself takes about
40 MB.

${markdownTable(peakRows(results))}

## Size of the WebAssembly module

${markdownTable(sizeRows(results.wasm))}`;
}

// Results from before this was measured say nothing about it.
function lastByteText({ contenders: { relaxed } }) {
  const ms = relaxed?.after_bytes_ms;
  if (ms === undefined) return '';
  return `The model comes over a connection of 100 Mbit/s; decal is to be ready within
${startBarMs} ms of its last byte, which is ${ms <= startBarMs ? 'met' : 'missed'}. `;
}

function browserSections(results) {
  const { start } = results;
  const failed = failures(results).map((line) => `Fails: ${line}.`);
  return `## In Chromium

A cross-origin isolated page, a fresh browser for each measurement, model and modules from a server on the same machine.
onnxruntime-web runs in a worker, as decal does, and with its smallest build.

${measuredOn(results)}

One run, in ms: medians and, in brackets, the fastest.

${markdownTable(timeRows(results))}

How many times as fast:

${markdownTable(barRows(results, { known: true }))}
${list([...remarks(results), ...failed])}Peak memory of the page's process, in MB:

${markdownTable(peakRows(results))}

Start-up with ${start.model} on ${start.threads} threads, in ms; fresh browsers behind each
median: ${start.rounds}. ${lastByteText(start)}The module alone is compiled by \`WebAssembly.compile\` from bytes that are there;
V8 does most of the work later, when functions are first called.

${markdownTable(startRows(start))}`;
}

/** The whole text of docs/performance.md. */
export function performancePage({ models, browser }) {
  return `# Performance

Made by \`make bench\` and \`make bench-browser\` from [bench/results](../bench/results); \`npm test\` fails when this
page is not what they say. \`decal inspect --profile model.onnx\` shows where the time of a model goes, layer by layer.

All contenders run in one session on one machine and take turns, each in a process of its own, so that a machine whose
speed drifts slows all of them alike. Every process runs the model at least once before the clock counts. Input is one
picture, all arithmetic is float32. first-default and selfie_segmentation are trained; the others are architectures with
random weights. WebAssembly runs in Node here, in Chromium further down. "relaxed" and "simd128" are the two builds of
decal's module, with and without fused multiply-add.

${models ? `${measuredOn(models)}\n\n${modelSections(models)}` : 'Nothing has been measured yet: `make bench`.'}

${browser ? browserSections(browser) : '## In Chromium\n\nNothing has been measured yet: `make bench-browser`.'}
`;
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  const page = performancePage({ models: readResults('models'), browser: readResults('browser') });
  writeFileSync(join(root, 'docs/performance.md'), page);
}
