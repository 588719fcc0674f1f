// Clips for the tests of decal video, made with the ffmpeg program, and its description of files.
//
// Copyright the Decal authors.
// SPDX-License-Identifier: MIT
import { execFile, execFileSync } from 'node:child_process';
import { promisify } from 'node:util';
import { matteModel } from '../../web/test/helpers.mjs';
import { decal } from './support.mjs';

const run = promisify(execFile);

/** Why the tests cannot run here, or false. */
export function noVideo() {
  try {
    execFileSync('ffmpeg', ['-version'], { stdio: 'ignore' });
  } catch {
    return 'NOT TESTED: there is no ffmpeg program (scripts/setup.sh test installs it)';
  }
  return false;
}

/** Runs ffmpeg quietly. Its standard output, as a Buffer. */
export async function ffmpeg(args, { cwd, input } = {}) {
  const promise = run('ffmpeg', ['-hide_banner', '-loglevel', 'error', '-nostdin', '-y', ...args], { cwd, encoding: 'buffer', maxBuffer: 1 << 30 });
  if (input) promise.child.stdin.end(input);
  return (await promise).stdout;
}

/** What ffprobe says: streams, or with `frames` the frames of the video. */
export async function probe(file, cwd, what = ['-show_streams', '-show_format']) {
  const { stdout } = await run('ffprobe', ['-loglevel', 'error', '-of', 'json', ...what, file], { cwd, maxBuffer: 1 << 26 });
  return JSON.parse(stdout);
}

/** Times of the frames of the first video, in seconds. */
export async function frameTimes(file, cwd) {
  const { frames } = await probe(file, cwd, ['-select_streams', 'v:0', '-show_entries', 'frame=best_effort_timestamp_time']);
  return frames.map((frame) => Number(frame.best_effort_timestamp_time));
}

/** A model of logits whose matte is whole wherever a picture is not black: frames come out as they went in. */
export const kAll = matteModel([1000, 1000, 1000]);
/** One whose matte is the red of a picture. */
export const kRed = matteModel([1, 0, 0]);

/** decal video, which has to succeed. */
export async function video(args, options) {
  const result = await decal(['video', ...args], options);
  if (result.status !== 0) throw new Error(`decal video ${args.join(' ')}: ${result.stderr}`);
  return result;
}

/** Frames of raw RGBA, each of that many bytes. */
export function framesOf(bytes, width, height) {
  const size = 4 * width * height;
  if (bytes.length % size !== 0) throw new Error(`${bytes.length} bytes are no whole frames of ${size}`);
  return Array.from({ length: bytes.length / size }, (_, i) => bytes.subarray(i * size, (i + 1) * size));
}

export const pixelAt = (frame, width, x, y) => [...frame.subarray(4 * (y * width + x), 4 * (y * width + x) + 4)];
