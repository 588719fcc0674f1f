// decal video against its bars: frames a second of a 720p clip, flicker of a still camera, trailing of a moving subject.
// Copyright the Decal authors.
// SPDX-License-Identifier: MIT
import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { root } from '../tests/support/models.mjs';

const kDecal = process.env.DECAL ?? join(root, 'build/bin/decal');
const photos = join(process.env.DECAL_SHARED ?? join(root, '../shared'), 'photos');
const kPerson = '/usr/share/matplotlib/mpl-data/sample_data/grace_hopper.jpg';
const [kWidth, kHeight] = [1280, 720];
const kPixels = kWidth * kHeight;

const folder = mkdtempSync(join(tmpdir(), 'decal-video-'));
process.on('exit', () => rmSync(folder, { recursive: true, force: true }));

const ffmpeg = (...args) => execFileSync('ffmpeg', ['-hide_banner', '-loglevel', 'error', '-nostdin', '-y', ...args], { cwd: folder, maxBuffer: 2 ** 31 });

/** decal video on raw RGB frames: with --mask, RGBA whose red is the matte. */
function mattes(raw, ...args) {
  const { status, stdout, stderr } = spawnSync(kDecal, ['video', '-', '--size', `${kWidth}x${kHeight}`, '-o', '-', '--mask', '-q', ...args], { input: raw, maxBuffer: 2 ** 32 });
  if (status !== 0) throw new Error(String(stderr));
  return stdout;
}

/** Mean absolute difference of the reds of frames to what `other` says of each pixel, 0..1. */
function meanDifference(frames, first, other) {
  const count = frames.length / 4 / kPixels;
  let sum = 0;
  for (let at = first * kPixels; at < count * kPixels; ++at) sum += Math.abs(frames[4 * at] - other(at));
  return sum / ((count - first) * kPixels) / 255;
}

/** Of a clip as from a webcam: a person who moves a little, with noise. `keep` gets the cases so far. */
export function speed(rounds, keep) {
  ffmpeg('-loop', '1', '-i', kPerson, '-vf', `scale=${kWidth}:-2,crop=${kWidth}:${kHeight}:0:'40+20*sin(n/15)',noise=alls=8:allf=t`, '-frames:v', '300', '-r', '30',
    '-c:v', 'libx264', '-preset', 'fast', '-crf', '20', '-pix_fmt', 'yuv420p', 'clip.mp4');
  const cases = [];
  for (const options of ['', '--background #00b140', '--background blur:12', '--refine fast', '--frame-by-frame']) {
    const rates = Array.from({ length: rounds }, () => {
      const line = execFileSync('sh', ['-c', `"${kDecal}" video clip.mp4 -o - --threads 2 --json ${options.replace('#', '\\#')} 2>&1 >/dev/null`], { cwd: folder, encoding: 'utf8' });
      return JSON.parse(line).framesPerSecond;
    });
    cases.push({ options, frames_per_second: rates });
    console.log(JSON.stringify(cases.at(-1)));
    keep(cases);
  }
  return cases;
}

/** Of a photo with noise, in its RGB, or as cameras' encoders leave it in luma and in chroma of half the size. */
export function flicker() {
  const cases = [];
  for (const [noise, format, refine] of [[6, 'gbrp', 'off'], [12, 'gbrp', 'off'], [6, 'yuv420p', 'off'], [12, 'yuv420p', 'off'], [6, 'gbrp', 'fast']]) {
    const raw = ffmpeg('-loop', '1', '-i', kPerson, '-vf', `scale=-2:${kHeight},pad=${kWidth}:${kHeight}:-1:-1:0x404850,format=${format},noise=alls=${2 * noise}:allf=t`, '-frames:v', '100', '-f', 'rawvideo', '-pix_fmt', 'rgb24', '-');
    const change = (...args) => {
      const frames = mattes(raw, '--refine', refine, ...args);
      return meanDifference(frames, 1, (at) => frames[4 * (at - kPixels)]);
    };
    cases.push({ noise, format, refine, change: change(), frame_by_frame: change('--frame-by-frame') });
  }
  return cases;
}

/** The lemur, whose alpha is true, moving over a photo. Null where $DECAL_SHARED (../shared) does not have it. */
export function trailing() {
  if (!existsSync(join(photos, 'lemur_alpha.png'))) return null;
  const lemur = ['-loop', '1', '-i', join(photos, 'lemur_foreground.png'), '-loop', '1', '-i', join(photos, 'lemur_alpha.png'), '-loop', '1', '-i', join(photos, 'coffee.png')];
  return [2, 8, 24].map((pixels) => {
    const place = `x='(W-w)/2+${(pixels * 40) / Math.PI}*sin(n*PI/40)':y=H-h`;
    const cut = `[0]scale=-2:${kHeight}[f];[1]scale=-2:${kHeight},format=gray[a];[f][a]alphamerge[c]`;
    const raw = ffmpeg(...lemur, '-filter_complex', `${cut};[2]scale=${kWidth}:-2,crop=${kWidth}:${kHeight}[b];[b][c]overlay=${place}:format=gbrp,noise=alls=8:allf=t`,
      '-frames:v', '60', '-f', 'rawvideo', '-pix_fmt', 'rgb24', '-');
    const alpha = ffmpeg(...lemur.slice(0, 8), '-filter_complex', `[1]scale=-2:${kHeight},format=gbrp[c];color=black:s=${kWidth}x${kHeight},format=gbrp[b];[b][c]overlay=${place}:format=gbrp`,
      '-frames:v', '60', '-f', 'rawvideo', '-pix_fmt', 'gray', '-');
    const error = (...args) => meanDifference(mattes(raw, '--refine', 'off', '--model', 'decal-default', ...args), 0, (at) => alpha[at]);
    return { pixels, error: error(), frame_by_frame: error('--frame-by-frame') };
  });
}
