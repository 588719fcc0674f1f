// Results as rows of text, for the terminal and for the page alike.
// SPDX-License-Identifier: MIT
import { bars, browserBars, contenders, gpuBars } from './cases.mjs';
import { speedRatio } from './statistics.mjs';

const kNone = '–';

/** Three significant digits, which is more than repeats. */
export function milliseconds(ms) {
  if (!Number.isFinite(ms)) return kNone;
  return ms >= 100 ? String(Math.round(ms)) : ms.toPrecision(3);
}

export const megabytes = (bytes) => (Number.isFinite(bytes) ? (bytes / 1e6).toFixed(0) : kNone);

/** The case of a model with that number of threads, if it was measured. */
export const findCase = (results, model, threads) =>
  results?.cases.find((one) => one.model === model && one.threads === threads);

// One row a case, one column a contender.
function grid(results, text) {
  const cell = (outcome) => (outcome ? outcome.failure ? 'fails' : text(outcome) : kNone);
  const names = Object.keys(contenders).filter((name) => results.cases.some((one) => name in one.contenders));
  return [
    ['model', 'threads', ...names.map((name) => contenders[name])],
    ...results.cases.map(({ model, threads, contenders: outcomes }) =>
      [model, String(threads), ...names.map((name) => cell(outcomes[name]))]),
  ];
}

/** The median and, in brackets, the fastest, with the number of samples behind them. */
export function timeRows(results) {
  const [header, ...rows] = grid(results, ({ median_ms, min_ms }) =>
    `${milliseconds(median_ms)} (${milliseconds(min_ms)})`);
  const samples = results.cases.map(({ rounds, repeat }) => String(rounds * repeat));
  return [[...header, 'samples'], ...rows.map((row, i) => [...row, samples[i]])];
}
export const firstRows = (results) => grid(results, ({ first_ms }) => milliseconds(first_ms));
export const loadRows = (results) => grid(results, ({ load_ms }) => milliseconds(load_ms));
export const peakRows = (results) => grid(results, ({ peak_bytes }) => megabytes(peak_bytes));

/** Whole calls of the command, and encoders on the same pixels, in ms. */
export function wholeRows({ cases }) {
  const file = ({ file_bytes: bytes }) => (bytes / 1e6).toPrecision(3);
  return [
    ['photo', 'written as', 'whole call', 'of it decoding', 'model', 'network', 'encoding', "sharp's encoding", "Pillow's encoding", 'MB: decal, sharp, Pillow'],
    ...cases.map(({ megapixels, format, contenders: { decal, sharp, pillow } }) => [
      `${megapixels} MP`, format, ...[decal.whole_ms, decal.decode_ms, decal.load_ms, decal.network_ms, decal.median_ms].map(milliseconds),
      ...[sharp, pillow].map(({ median_ms }) => `${milliseconds(median_ms)} (${(median_ms / decal.median_ms).toFixed(1)}x)`),
      [decal, sharp, pillow].map(file).join(', ')]),
  ];
}

/** Whole calls in a page, and the browser's own encoder on the same pixels, in ms. */
export function wholeBrowserRows({ cases }) {
  const times = (ratio) => `${ratio.toFixed(2)}x`;
  return [
    ['photo', 'written as', 'first call', 'later calls', 'of it decoding', 'network', 'encoding', "canvas's encoding", 'MB: decal, canvas', 'onnxruntime-web and canvases, whole call'],
    ...cases.map(({ megapixels, format, contenders: { relaxed: decal, 'ort-web': peer } }) => [
      `${megapixels} MP`, format,
      ...(decal.failure ? [decal.failure, ...Array(6).fill(kNone)] : [
        ...[decal.first_ms, decal.whole_ms, decal.decode_ms, decal.network_ms, decal.median_ms].map(milliseconds),
        `${milliseconds(decal.canvas_ms)} (${times(decal.canvas_ms / decal.median_ms)})`,
        [decal.file_bytes, decal.canvas_bytes].map((bytes) => (bytes / 1e6).toPrecision(3)).join(', '),
      ]),
      peer.failure ? 'fails' : `${milliseconds(peer.median_ms)}${decal.failure ? '' : ` (${times(peer.median_ms / decal.whole_ms)})`}`]),
  ];
}

/** A call with the largest model in a page, as a sentence. */
export function largeModelText(large) {
  if (!large) return 'BiRefNet-lite at 1024x1024 was not measured.';
  if (large.failure) return `BiRefNet-lite at 1024x1024 fails: ${large.failure}.`;
  return `BiRefNet-lite at 1024x1024, a file of ${Math.round(large.file_bytes / 1e6)} MB served by the same machine: ${milliseconds(large.ready_ms)} ms until it can run, ` +
    `${milliseconds(large.median_ms)} ms the first call, a peak of ${Math.round(large.peak_bytes / 1e6)} MB (${large.environment.cpu}, ${large.environment.date}).`;
}

/** Start-up: what a visitor of a page waits for before the first picture. */
export function startRows({ contenders: outcomes, compile }) {
  const names = Object.keys(contenders).filter((name) => name in outcomes);
  const row = (title, from, key) =>
    [title, ...names.map((name) => (from[name].failure ? 'fails' : milliseconds(from[name][key])))];
  return [
    ['', ...names.map((name) => contenders[name])],
    row('from opening the page until the model can run', outcomes, 'ready_ms'),
    row('from the first call until the model can run', outcomes, 'load_ms'),
    row("from the model's last byte until the model can run", outcomes, 'after_bytes_ms'),
    row('compiling the module alone', compile, 'compile_ms'),
  ];
}

/** Sizes of the modules, in kB. */
export function sizeRows(wasm) {
  const kilobytes = (bytes) => (bytes / 1e3).toFixed(0);
  return [
    ['', 'kB', 'kB with gzip'],
    ...Object.entries(wasm).map(([name, { bytes, gzip_bytes }]) =>
      [contenders[name], kilobytes(bytes), kilobytes(gzip_bytes)]),
  ];
}

/** What failed and why, a line each. */
export function failures(results) {
  return results.cases.flatMap(({ model, threads, contenders: outcomes }) => {
    const where = `${model}, ${threads} thread${threads === 1 ? '' : 's'}`;
    return Object.entries(outcomes).filter(([, { failure }]) => failure)
      .map(([name, { failure }]) => `${contenders[name]}, ${where}: ${failure}`);
  });
}

/**
 * How a bar compares with what was measured: a speed ratio for each number of threads that it is for (null if there is
 * none), and whether it is met: on all of them. A contender of ours that fails has missed it; null means not known.
 */
export function barOutcome({ model, contender, peer, ratio, threads }, results) {
  const sides = threads.map((count) => findCase(results, model, count)?.contenders ?? {});
  const ratios = sides.map((outcomes) => speedRatio(outcomes[contender], outcomes[peer]));
  const missed = sides.some((outcomes, i) => outcomes[contender]?.failure || (ratios[i] !== null && ratios[i] < ratio));
  const cells = sides.map((outcomes, i) => {
    const failed = [contender, peer].find((name) => outcomes[name]?.failure);
    return failed ? `${contenders[failed]} fails` : ratios[i] === null ? 'not measured' : ratioText(ratios[i]);
  });
  return { ratios, cells, met: missed ? false : ratios.includes(null) ? null : true };
}

// Rounded down: what just misses a bar must not look as if it were met. (2.3 * 100 is a little less than 230.)
const ratioText = (ratio) => `${(Math.floor(ratio * 100 + 1e-9) / 100).toFixed(2)}x`;

/** The bars whose two sides `results` has anything to say about. */
export function knownBars({ cases }) {
  return [...bars, ...browserBars, ...gpuBars].filter(({ model, contender, peer }) =>
    cases.some((one) => one.model === model && contender in one.contenders && peer in one.contenders));
}

/** Each bar with what was measured. */
export function barRows(results, chosen = bars) {
  const counts = [...new Set(chosen.flatMap(({ threads }) => threads))].sort();
  const rows = chosen.map((bar) => {
    const { cells, met } = barOutcome(bar, results);
    const cell = (threads) => (bar.threads.includes(threads) ? cells[bar.threads.indexOf(threads)] : kNone);
    return [bar.model, contenders[bar.contender], contenders[bar.peer], `${bar.ratio}x`, ...counts.map(cell),
      met === null ? 'not known' : met ? 'met' : 'missed'];
  });
  const titles = counts.map((count) => `${count} thread${count === 1 ? '' : 's'}`);
  return [['model', 'how fast is', 'compared with', 'bar', ...titles, 'outcome'], ...rows];
}

/** A table for the terminal. */
export function textTable(rows) {
  const widths = rows[0].map((_, column) => Math.max(...rows.map((row) => row[column].length)));
  const pad = (cell, i) => (isNumeric(rows, i) ? cell.padStart(widths[i]) : cell.padEnd(widths[i]));
  return rows.map((row) => row.map(pad).join('  ').trimEnd()).join('\n');
}

/** The same for Markdown. */
export function markdownTable([header, ...rows]) {
  const line = (cells) => `| ${cells.join(' | ')} |`;
  const rule = header.map((_, i) => (isNumeric([header, ...rows], i) ? '---:' : '---'));
  return [line(header), `|${rule.join('|')}|`, ...rows.map(line)].join('\n');
}

// Columns in which some cell below the header starts with a digit are numbers.
const isNumeric = (rows, column) => rows.slice(1).some((row) => /^\d/.test(row[column]));
