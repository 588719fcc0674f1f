// decal video against its bars: frames a second of a 720p clip, flicker of a still camera, trailing of a moving subject.
//   node bench/video.mjs [speed] [flicker] [trailing]    all of them by default; needs the ffmpeg program
// Trailing takes the lemur of $DECAL_SHARED (../shared), whose alpha is true, and is left out where that is not there.
// Copyright the Decal authors.
// SPDX-License-Identifier: MIT
import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');
const kDecal = process.env.DECAL ?? join(root, 'build/bin/decal');
const photos = join(process.env.DECAL_SHARED ?? join(root, '../shared'), 'photos');
const kPerson = '/usr/share/matplotlib/mpl-data/sample_data/grace_hopper.jpg';
const wanted = process.argv.slice(2);
const folder = mkdtempSync(join(tmpdir(), 'decal-video-'));
process.on('exit', () => rmSync(folder, { recursive: true, force: true }));

const ffmpeg = (...args) => execFileSync('ffmpeg', ['-hide_banner', '-loglevel', 'error', '-nostdin', '-y', ...args], { cwd: folder, maxBuffer: 2 ** 31 });
const [kWidth, kHeight] = [1280, 720];

/** decal video on raw RGB frames; the red of its raw frames, which with --mask is the matte. */
function mattes(raw, ...args) {
  const { status, stdout, stderr } = spawnSync(kDecal, ['video', '-', '--size', `${kWidth}x${kHeight}`, '-o', '-', '--mask', '-q', ...args], { input: raw, maxBuffer: 2 ** 32 });
  if (status !== 0) throw new Error(String(stderr));
  const pixels = kWidth * kHeight;
  return Array.from({ length: stdout.length / 4 / pixels }, (_, t) => Uint8Array.from({ length: pixels }, (_, i) => stdout[4 * (t * pixels + i)]));
}

const meanDifference = (a, b) => a.reduce((sum, value, i) => sum + Math.abs(value - b[i]), 0) / a.length / 255;

function speed() {
  // As from a webcam: a person who moves a little, with noise.
  ffmpeg('-loop', '1', '-i', kPerson, '-vf', `scale=${kWidth}:-2,crop=${kWidth}:${kHeight}:0:'40+20*sin(n/15)',noise=alls=8:allf=t`, '-frames:v', '300', '-r', '30',
    '-c:v', 'libx264', '-preset', 'fast', '-crf', '20', '-pix_fmt', 'yuv420p', 'clip.mp4');
  for (const args of [[], ['--refine', 'fast'], ['--frame-by-frame']]) {
    const rates = Array.from({ length: 3 }, () => {
      const line = execFileSync('sh', ['-c', `"${kDecal}" video clip.mp4 -o - --threads 2 --json ${args.join(' ')} 2>&1 >/dev/null`], { cwd: folder, encoding: 'utf8' });
      return JSON.parse(line).framesPerSecond;
    }).sort((a, b) => a - b);
    console.log(`720p to raw, 2 threads ${args.join(' ')}: ${rates[1]} frames a second (${rates.join(', ')}; bar: 60)`);
  }
}

function flicker() {
  for (const noise of [6, 12]) {
    const raw = ffmpeg('-loop', '1', '-i', kPerson, '-vf', `scale=-2:${kHeight},pad=${kWidth}:${kHeight}:-1:-1:0x404850,noise=alls=${2 * noise}:allf=t`, '-frames:v', '100', '-f', 'rawvideo', '-pix_fmt', 'rgb24', '-');
    for (const refine of ['off', 'fast']) {
      const change = (...args) => {
        const frames = mattes(raw, '--refine', refine, ...args);
        return frames.slice(1).reduce((sum, frame, t) => sum + meanDifference(frame, frames[t]), 0) / (frames.length - 1);
      };
      const [still, free] = [change(), change('--frame-by-frame')];
      console.log(`flicker, noise ${noise}, refine ${refine}: ${(still / free).toFixed(3)} of frame by frame's ${free.toExponential(2)} (bar: 0.4)`);
    }
  }
}

function trailing() {
  if (!existsSync(join(photos, 'lemur_alpha.png'))) return console.log(`trailing: NOT MEASURED: no ${photos}`);
  const lemur = ['-loop', '1', '-i', join(photos, 'lemur_foreground.png'), '-loop', '1', '-i', join(photos, 'lemur_alpha.png'), '-loop', '1', '-i', join(photos, 'coffee.png')];
  for (const pixels of [2, 8, 24]) {
    const place = `x='(W-w)/2+${(pixels * 40) / Math.PI}*sin(n*PI/40)':y=H-h`;
    const cut = `[0]scale=-2:${kHeight}[f];[1]scale=-2:${kHeight},format=gray[a];[f][a]alphamerge[c]`;
    const raw = ffmpeg(...lemur, '-filter_complex', `${cut};[2]scale=${kWidth}:-2,crop=${kWidth}:${kHeight}[b];[b][c]overlay=${place}:format=gbrp,noise=alls=8:allf=t`,
      '-frames:v', '60', '-f', 'rawvideo', '-pix_fmt', 'rgb24', '-');
    const alpha = ffmpeg(...lemur.slice(0, 8), '-filter_complex', `[1]scale=-2:${kHeight},format=gbrp[c];color=black:s=${kWidth}x${kHeight},format=gbrp[b];[b][c]overlay=${place}:format=gbrp`,
      '-frames:v', '60', '-f', 'rawvideo', '-pix_fmt', 'gray', '-');
    const size = kWidth * kHeight;
    const error = (...args) => {
      const frames = mattes(raw, '--refine', 'off', '--model', 'decal-default', ...args);
      return frames.reduce((sum, frame, t) => sum + meanDifference(frame, alpha.subarray(t * size, (t + 1) * size)), 0) / frames.length;
    };
    const [steadied, free] = [error(), error('--frame-by-frame')];
    console.log(`trailing, ${pixels} pixels a frame: ${(steadied / free).toFixed(4)} of frame by frame's mean error ${free.toFixed(4)} (bar: 1)`);
  }
}

for (const [name, measure] of Object.entries({ speed, flicker, trailing })) if (wanted.length === 0 || wanted.includes(name)) measure();
