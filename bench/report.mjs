// Makes docs/performance.md from bench/results/*.json. Every `make bench...` ends with it, and a test
// checks that the committed page is the same.
// SPDX-License-Identifier: MIT
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { root } from '../tests/support/models.mjs';
import { reportPage } from './gpu-report/page.mjs';
import { bars, gpuBars, startBarMs } from './cases.mjs';
import { readAllResults } from './results.mjs';
import {
  barOutcome, barRows, failures, firstRows, knownBars, largeModelText, loadRows, markdownTable, peakRows, sizeRows,
  startRows, timeRows, wholeBrowserRows, wholeRows,
} from './tables.mjs';
import { videoRows } from './video_report.mjs';
import { wholeBarRows } from './whole_bars.mjs';

// Highway, whose names the engine reports, counts AVX-512 as the third AVX.
const instructionSet = (simd) => (simd.startsWith('AVX3') ? `AVX-512 (${simd})` : simd);

function measuredOn({ environment: e, note }) {
  const versions = [`Node ${e.node}`, `onnxruntime-node ${e.onnxruntime_node}`, `onnxruntime-web ${e.onnxruntime_web}`,
    ...(e.chromium ? [`Chromium ${e.chromium}`] : []), ...(e.litert ? [`LiteRT.js ${e.litert}`] : []), ...(e.webgpu ? [`npm webgpu ${e.webgpu}`] : [])];
  const gigabytes = Math.round(e.memory_bytes / 1e9);
  const facts = [
    `Machine: ${e.cpu}, ${e.cores} cores, ${gigabytes} GB; native kernels for ${instructionSet(e.native_simd)}`,
    ...(e.gpu ? [`GPU: ${e.gpu}`] : []),
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

const failed = (results) => failures(results).map((line) => `Fails: ${line}.`);

function modelSections(results) {
  return `## Bars

The project's own goals: how many times as fast the first contender must be as the second, by their medians, for each
number of threads. ${barSummary(results)}

${markdownTable(barRows(results))}

WebAssembly has vectors of 128 bits, a quarter of what this processor has natively, and its bars beside onnxruntime's native build were set on
one with half of these. Natively, what a network can gain beside onnxruntime depends on the processor: IS-Net was 2.9 times as fast on an older
EPYC.

## One run, in ms

Medians of all samples and, in brackets, the fastest.

${markdownTable(timeRows(results))}
${list([...remarks(results), ...failed(results)])}## Loading, in ms

From the first call until the model can run; with WebAssembly this includes compiling the module.

${markdownTable(loadRows(results))}

## Peak memory, in MB

Of the whole process: loading, planning and running. All contenders except decal native run in Node, which itself takes
about 40 MB.

${markdownTable(peakRows(results))}

## Size of the WebAssembly module

${markdownTable(sizeRows(results.wasm))}`;
}

// Results from before this was measured say nothing about it.
function lastByteText({ contenders: { relaxed } }) {
  const ms = relaxed?.after_bytes_ms;
  if (ms === undefined) return '';
  return `The model arrives at 100 Mbit/s. Decal's goal is to be ready within
${startBarMs} ms of its last byte: ${ms <= startBarMs ? 'met' : 'missed'}. `;
}

function wholeSections(results) {
  const { sharp, pillow } = results.versions;
  return `## Whole calls

What people wait for: the command from its start to its end, a JPEG of the sample photo, enlarged and with a sensor's noise, in, a
cut-out with refined edges out. Times in ms, medians of ${results.cases[0].contenders.decal.samples_ms.length} runs in turn. Encoders get the same pixels: sharp ${sharp}, which is libvips, and
Pillow ${pillow}, both with their defaults and WebP at quality 90; in brackets, how many times as long they take.

${measuredOn(results)}

${markdownTable(wholeRows(results))}`;
}

function wholeBrowserSections(results) {
  return `### In Chromium

The same photos by \`removeBackground\` on ${results.threads} threads in a cross-origin isolated page, medians of ${results.rounds * results.repeat} calls after
the first. The file's preview is part of "encoding". \`canvas.convertToBlob\` writes the same pixels in the same page; in brackets, how many
times as long it takes. The last column is a page that runs our model in onnxruntime-web between two canvases, in the steps that
rembg-webgpu publishes: without refined edges, with what canvases do to colours under soft edges.

${measuredOn(results)}

${markdownTable(wholeBrowserRows(results))}

${largeModelText(results.large)}`;
}

function browserSections(results) {
  const { start } = results;
  return `## In Chromium

A cross-origin isolated page and a fresh browser for each measurement; a server on the same machine sends model and modules.
onnxruntime-web runs in a worker, as Decal does, and in its smallest build.

${measuredOn(results)}

One run, in ms: medians and, in brackets, the fastest.

${markdownTable(timeRows(results))}

How many times as fast:

${markdownTable(barRows(results, knownBars(results)))}
${list([...remarks(results), ...failed(results)])}Peak memory of the page's process, in MB:

${markdownTable(peakRows(results))}

Start-up with ${start.model} on ${start.threads} threads, in ms; each value is the median of
${start.rounds} fresh browsers. ${lastByteText(start)}"Compiling the module alone" is \`WebAssembly.compile\` of bytes in memory;
V8 does most of the work later, when functions are first called.

${markdownTable(startRows(start))}`;
}

function gpuSections(results) {
  const remarked = [...results.caveats.map((line) => `${line}.`), ...remarks(results), ...failed(results)];
  return `## WebGPU

Decal against onnxruntime-web's WebGPU, both in Node on Chromium's WebGPU, with one CPU thread. Every run takes its input
from ordinary memory and ends with the output there. "float16" stores activations and weights as float16 and sums in
float32; everything else is float32.

${measuredOn(results)}

How many times as fast Decal must be, by the medians of steady runs:

${markdownTable(barRows(results, gpuBars))}

One run, in ms: medians and, in brackets, the fastest.

${markdownTable(timeRows(results))}
${list(remarked)}The first run, in ms, including what is compiled on first use; the disk caches of GPU drivers are off:

${markdownTable(firstRows(results))}

Loading, in ms: from the first call until the model can run. For Decal this includes compiling all shaders.

${markdownTable(loadRows(results))}

Size of the WebAssembly modules that contain the shaders:

${markdownTable(sizeRows(results.wasm))}`;
}

const kNoGpu =
  "Decal's WebGPU has not been compared with onnxruntime-web's yet: run `make bench-gpu` on a machine with a GPU.";

function videoSections(results) {
  return `## Video

A clip of 1280 x 720 (H.264), and in Chromium, on an isolated page without a GPU, a camera of that size from a file. [Video](video.md) says how mattes are steadied;
\`--frame-by-frame\` leaves that out. Noise is FFmpeg's, in levels of 255.

${measuredOn(results)}

${markdownTable(videoRows(results))}`;
}

function reportSections(reports) {
  const met = reports.some(({ adapter }) => adapter.name && !adapter.software);
  const none = 'No GPU has been met yet: [CONTRIBUTING.md](../CONTRIBUTING.md#a-report-on-a-gpu) says how anyone with one makes a report.';
  return `## Reports from GPUs\n\n${[...(met ? [] : [none]), ...reports.map(reportPage)].join('\n\n').trimEnd()}`;
}

/** The whole text of docs/performance.md. */
export function performancePage({ whole, whole_browser: inPage, models, browser, gpu, video, reports = [] }) {
  return `# Performance

Generated by \`make bench\`, \`make bench-browser\`, \`make bench-gpu\` and \`make bench-video\` from [bench/results](../bench/results); \`npm test\`
fails if this page does not match them. \`decal inspect --profile model.onnx\` shows the time of every layer of a model.

${whole ? `${wholeSections(whole)}

The project's own goals, of both tables:

${markdownTable(wholeBarRows({ whole, whole_browser: inPage }))}` : '## Whole calls\n\nNothing has been measured yet: run `make bench`.'}

${inPage ? wholeBrowserSections(inPage) : '### In Chromium\n\nNothing has been measured yet: run `make bench-browser`.'}

## Models

All contenders run in one session on one machine and take turns, each in its own process, so that changes in the machine's
speed affect all of them alike. Every process runs the model at least once before timing starts. The input is one picture,
and all arithmetic is float32. first-default and selfie_segmentation are trained; the others are architectures with
random weights. WebAssembly runs in Node here, and in Chromium further down. "relaxed" and "simd128" are the two builds of
Decal's module, with and without fused multiply-add.

${models ? `${measuredOn(models)}\n\n${modelSections(models)}` : 'Nothing has been measured yet: run `make bench`.'}

${browser ? browserSections(browser) : '## In Chromium\n\nNothing has been measured yet: run `make bench-browser`.'}

${gpu ? gpuSections(gpu) : `## WebGPU\n\n${kNoGpu}`}

${reportSections(reports)}

${video ? videoSections(video) : '## Video\n\nNothing has been measured yet: run `make bench-video`.'}
`;
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  writeFileSync(join(root, 'docs/performance.md'), performancePage(readAllResults()));
}
