// What of the bars of video is met: the section of docs/performance.md.
// Copyright the Decal authors.
// SPDX-License-Identifier: MIT

const median = (values) => values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)];

/** The project's own goals for video (docs/video.md says what is measured). */
export const videoBars = { native: 60, live: 30, pageMs: 3, grownBytes: 20e6, flicker: 0.4, trailing: 1 };

// Never rounded to the other side of its bar.
const least = (value, digits) => (Math.floor(value * 10 ** digits) / 10 ** digits).toFixed(digits);
const most = (value, digits) => (Math.ceil(value * 10 ** digits) / 10 ** digits).toFixed(digits);
const outcome = (met) => (met ? 'met' : 'missed');

const kColours = { gbrp: '', yuv420p: ', its colours at half size' };
const kBackgrounds = { colour: 'a colour', blur: 'blur', transparent: 'nothing' };

function speedRows(cases) {
  return cases.map(({ options, frames_per_second: rates }) => {
    const rate = median(rates);
    const bar = options === '' ? videoBars.native : null;
    return [`\`decal video\` to raw frames, 2 threads${options && `, \`${options}\``}`, 'frames a second', least(rate, 1), bar === null ? '–' : `${bar} or more`,
      bar === null ? '–' : outcome(rate >= bar)];
  });
}

function liveRows(cases) {
  const rows = cases.map(({ background, frames_in: given, frames_out: out }) => [
    `Chromium, ${kBackgrounds[background]} behind, a camera of ${least(given, 1)}`, 'frames a second', least(out, 1), `${videoBars.live} or more`, outcome(out >= videoBars.live)]);
  const busy = Math.max(...cases.map(({ page_ms: ms }) => ms));
  return [...rows, ["Chromium, the page's own thread", 'ms a frame', most(busy, 2), `under ${videoBars.pageMs}`, outcome(busy < videoBars.pageMs)]];
}

// Without `left`, what was still open at its end, where the run was cut off.
function memoryRows({ minutes, grown_bytes: grown, left }) {
  const rows = [[`Chromium, ${minutes} minutes: memory grows by`, 'MB', most(Math.max(grown, 0) / 1e6, 1), 'under 20', outcome(grown < videoBars.grownBytes)]];
  if (!left) return rows;
  const { framesOpen, workersLeft } = left;
  return [...rows, ['Chromium, left open at its end: frames, workers', '', `${framesOpen}, ${workersLeft}`, 'none', outcome(framesOpen === 0 && workersLeft === 0)]];
}

function flickerRows(cases) {
  return cases.map(({ noise, format, refine, change, frame_by_frame: free }) => {
    const share = change / free;
    const bar = refine === 'off';
    return [`flicker of a still camera, noise ${noise}${kColours[format]}${refine === 'off' ? '' : `, \`--refine ${refine}\``}`, "of frame by frame's", most(share, 2),
      bar ? `${videoBars.flicker} or less` : '–', bar ? outcome(share <= videoBars.flicker) : '–'];
  });
}

function trailingRows(cases) {
  return cases.map(({ pixels, error, frame_by_frame: free }) => [
    `mean error, a subject that moves by ${pixels} pixels a frame`, "of frame by frame's", most(error / free, 3), `${videoBars.trailing} or less`, outcome(error <= videoBars.trailing * free)]);
}

/** A row for each figure, of the parts that were measured. */
export function videoRows({ speed, live, memory, flicker, trailing }) {
  return [
    ['what', 'in', 'measured', 'bar', 'outcome'],
    ...(speed ? speedRows(speed) : []), ...(live ? liveRows(live) : []), ...(memory ? memoryRows(memory) : []), ...(flicker ? flickerRows(flicker) : []),
    ...(trailing ? trailingRows(trailing) : []),
  ];
}
