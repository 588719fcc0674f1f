// decal video for real: every way in and out, times, turns, colours and sound, checked with FFmpeg's own programs.
//
// Copyright the Decal authors.
// SPDX-License-Identifier: MIT
import assert from 'node:assert/strict';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, suite, test } from 'node:test';
import { decal, files, kSanitized, pixels, scratch } from './support.mjs';
import { ffmpeg, framesOf, frameTimes, kAll, kRed, noVideo, pixelAt, probe, video } from './video_clips.mjs';

// Left half red, right half blue-green; red is what kRed keeps.
const kHalves = 'color=0xe01818:s=64x96:r=10:d=1[a];color=0x106080:s=64x96:r=10:d=1[b];[a][b]hstack';
const near = (actual, expected, by, what) =>
  actual.forEach((value, i) => assert.ok(Math.abs(value - expected[i]) <= by, `${what}: ${actual} is not ${expected}`));

suite('decal video', { skip: noVideo() }, () => {
  let folder;
  let tidy;
  after(() => tidy());
  before(async () => {
    folder = await scratch({ after: (work) => (tidy = work) });
    await writeFile(join(folder, 'all.onnx'), kAll);
    await writeFile(join(folder, 'all.onnx.json'), '{"activation": "sigmoid"}');
    await writeFile(join(folder, 'red.onnx'), kRed);
    await ffmpeg(['-filter_complex', kHalves, '-f', 'lavfi', '-i', 'sine=d=1', '-c:v', 'libx264', '-qp', '4', '-pix_fmt', 'yuv420p', '-c:a', 'libopus', '-strict', '-2', 'clip.mp4'], { cwd: folder });
  });

  test('WebM: VP9 with alpha, and the sound copied', async () => {
    const { stderr, stdout } = await video(['clip.mp4', '-o', 'clip.webm', '--model', 'red.onnx', '--threshold', '0.5'], { cwd: folder });
    assert.equal(stdout.length, 0);
    assert.match(stderr, /^clip\.mp4 -> clip\.webm \(128 x 96\): 10 frames in [\d.]+ s, [\d.]+ a second: \d+ threads?, \S+, red\.onnx\n$/);
    const { streams } = await probe('clip.webm', folder);
    assert.deepEqual(streams.map((stream) => stream.codec_name), ['vp9', 'opus']);
    assert.equal(streams[0].tags.ALPHA_MODE, '1');
    // FFmpeg's own VP9 decoder overlooks alpha.
    const rgba = await ffmpeg(['-c:v', 'libvpx-vp9', '-i', 'clip.webm', '-f', 'rawvideo', '-pix_fmt', 'rgba', '-'], { cwd: folder });
    const frames = framesOf(rgba, 128, 96);
    assert.equal(frames.length, 10);
    for (const frame of frames) {
      near(pixelAt(frame, 128, 20, 48), [0xe0, 0x18, 0x18, 255], 6, 'the subject');
      assert.ok(pixelAt(frame, 128, 100, 48)[3] <= 2, 'the background is transparent');
    }
    const sound = (file) => ffmpeg(['-i', file, '-map', '0:a', '-c', 'copy', '-f', 'data', '-'], { cwd: folder });
    assert.deepEqual(await sound('clip.webm'), await sound('clip.mp4'));
  });

  test('MOV: ProRes 4444 with alpha, and the subject’s colour up to its edge', async () => {
    await video(['clip.mp4', '-o', 'clip.mov', '--model', 'red.onnx', '--threshold', '0.5'], { cwd: folder });
    const { streams } = await probe('clip.mov', folder);
    assert.deepEqual([streams[0].codec_name, streams[0].profile], ['prores', '4444']);
    assert.match(streams[0].pix_fmt, /^yuva444p1[02]le$/);
    const [frame] = framesOf(await ffmpeg(['-i', 'clip.mov', '-frames:v', '1', '-f', 'rawvideo', '-pix_fmt', 'rgba', '-'], { cwd: folder }), 128, 96);
    near(pixelAt(frame, 128, 60, 48), [0xe0, 0x18, 0x18, 255], 6, 'the subject near its edge');
    assert.ok(pixelAt(frame, 128, 100, 48)[3] <= 1);
  });

  test('MP4: H.264 over a colour, and not without one', async () => {
    await video(['clip.mp4', '-o', 'over.mp4', '--model', 'red.onnx', '--threshold', '0.5', '--background', '#00b140'], { cwd: folder });
    const { streams } = await probe('over.mp4', folder);
    assert.equal(streams[0].codec_name, 'h264');
    const [frame] = framesOf(await ffmpeg(['-i', 'over.mp4', '-frames:v', '1', '-f', 'rawvideo', '-pix_fmt', 'rgba', '-'], { cwd: folder }), 128, 96);
    near(pixelAt(frame, 128, 20, 48), [0xe0, 0x18, 0x18, 255], 8, 'the subject');
    near(pixelAt(frame, 128, 100, 48), [0x00, 0xb1, 0x40, 255], 8, 'the colour');
    const { status, stderr } = await decal(['video', 'clip.mp4', '-o', 'none.mp4'], { cwd: folder });
    assert.equal(status, 2);
    assert.equal(stderr, 'decal: none.mp4: MP4 (H.264) has no transparency: give --background, or write .webm or .mov (invalid-argument)\n');
    assert.ok(!(await files(folder)).some((name) => name.startsWith('none')));
  });

  test('MP4 of odd sides: the last column and row go, and a note and the report say so; others keep them', async () => {
    await ffmpeg(['-f', 'lavfi', '-i', 'testsrc=size=65x49:rate=5:duration=0.4', '-c:v', 'ffv1', 'odd.mkv'], { cwd: folder });
    for (const [out, width, height, note] of [
      ['odd.mp4', 64, 48, 'decal: odd.mkv: H.264 in MP4 holds even sizes only: 65 x 49 become 64 x 48, .webm and .mov keep them\n'],
      ['odd.webm', 65, 49, ''],
    ]) {
      const { status, stdout, stderr } = await decal(['video', 'odd.mkv', '-o', out, '--model', 'red.onnx', '--background', 'red', '--json'], { cwd: folder });
      assert.equal(status, 0, stderr);
      const report = JSON.parse(stdout);
      const { streams } = await probe(out, folder);
      assert.deepEqual([report.width, report.height, streams[0].width, streams[0].height], [width, height, width, height]);
      assert.equal(stderr.split('\n').filter((line) => line.includes('even sizes')).map((line) => `${line}\n`).join(''), note);
    }
  });

  test('a picture behind covers the frame, cut off evenly, and makes every kind of video opaque', async () => {
    // Blue at both ends, which a frame of 4:3 cuts off; twice as large as the frame.
    await ffmpeg(['-f', 'lavfi', '-i', 'color=0x2020d0:s=600x192', '-vf', 'drawbox=x=172:w=256:color=0xc03cb4:t=fill,format=gbrp', '-frames:v', '1', 'behind.png'], { cwd: folder });
    await ffmpeg(['-i', 'behind.png', '-vf', 'format=rgba,colorchannelmixer=aa=0.5', 'half.png'], { cwd: folder });
    const args = ['--model', 'red.onnx', '--threshold', '0.5', '-q'];
    const frames = framesOf((await video(['clip.mp4', '-o', '-', '--background', 'behind.png', ...args], { cwd: folder })).stdout, 128, 96);
    assert.equal(frames.length, 10);
    for (const frame of [frames[0], frames.at(-1)]) {
      near(pixelAt(frame, 128, 20, 48), [0xe0, 0x18, 0x18, 255], 6, 'the subject');
      for (const x of [66, 90, 126]) near(pixelAt(frame, 128, x, 48), [0xc0, 0x3c, 0xb4, 255], 6, `the picture at ${x}`);
    }
    const [dark] = framesOf((await video(['clip.mp4', '-o', '-', '--background', 'half.png', ...args], { cwd: folder })).stdout, 128, 96);
    near(pixelAt(dark, 128, 100, 48), [0x60, 0x1e, 0x5a, 255], 6, 'what is transparent in it is black');
    await video(['clip.mp4', '-o', 'picture.mp4', '--background', './behind.png', ...args], { cwd: folder });
    const [shown] = framesOf(await ffmpeg(['-i', 'picture.mp4', '-frames:v', '1', '-f', 'rawvideo', '-pix_fmt', 'rgba', '-'], { cwd: folder }), 128, 96);
    near(pixelAt(shown, 128, 100, 48), [0xc0, 0x3c, 0xb4, 255], 12, 'the picture in H.264');
    await video(['clip.mp4', '-o', 'picture.webm', '--background', 'behind.png', ...args], { cwd: folder });
    assert.equal((await probe('picture.webm', folder)).streams[0].tags.ALPHA_MODE, undefined);
  });

  test('the room itself out of focus: no detail, no glow of the subject, a sharp subject', async () => {
    // Grey stripes of 4 pixels beside the red.
    await ffmpeg(['-f', 'lavfi', '-i', 'color=0xe01818:s=64x96:r=10:d=1,format=gbrp', '-f', 'lavfi', '-i', "color=black:s=64x96:r=10:d=1,format=gbrp,geq=r='if(mod(floor(X/4),2),100,40)':g='if(mod(floor(X/4),2),100,40)':b='if(mod(floor(X/4),2),100,40)'",
      '-filter_complex', '[0][1]hstack,format=yuv444p', '-c:v', 'libx264', '-qp', '0', 'stripes.mkv'], { cwd: folder });
    const args = ['stripes.mkv', '-o', '-', '--model', 'red.onnx', '--threshold', '0.5', '-q'];
    const [blurred] = framesOf((await video([...args, '--background', 'blur:6'], { cwd: folder })).stdout, 128, 96);
    for (const x of [70, 80, 96, 100, 104, 112]) near(pixelAt(blurred, 128, x, 48), [70, 70, 70, 255], 14, `at ${x}`);
    near(pixelAt(blurred, 128, 40, 48), [0xe0, 0x18, 0x18, 255], 4, 'the subject');
    // The usual blur is 12; a fraction is fine; and threads make no difference.
    const usual = (await video([...args, '--background', 'blur'], { cwd: folder })).stdout;
    assert.ok(usual.equals((await video([...args, '--background', 'blur:12.0', '--threads', '3'], { cwd: folder })).stdout));
    assert.ok(!usual.equals((await video([...args, '--background', 'blur:3'], { cwd: folder })).stdout));
    // A matte is a matte, whatever would lie behind.
    const mask = (await video([...args, '--mask'], { cwd: folder })).stdout;
    assert.ok(mask.equals((await video([...args, '--mask', '--background', 'blur'], { cwd: folder })).stdout));
  });

  test('pictures, numbered', async () => {
    const { stderr } = await video(['clip.mp4', '-o', 'frames/%03d.png', '--model', 'red.onnx', '--threshold', '0.5'], { cwd: folder });
    assert.match(stderr, /^decal: clip\.mp4: its sound is left out: pictures hold none\n/);
    assert.deepEqual(await files(join(folder, 'frames')), Array.from({ length: 10 }, (_, i) => `${String(i + 1).padStart(3, '0')}.png`));
    const { data, info } = await pixels(join(folder, 'frames/010.png'));
    assert.deepEqual([info.width, info.height, info.channels], [128, 96, 4]);
    near(pixelAt(data, 128, 20, 48), [0xe0, 0x18, 0x18, 255], 4, 'the subject');
    assert.equal(pixelAt(data, 128, 100, 48)[3], 0);
  });

  test('raw frames in and out: whatever the pieces, and the same for any number of threads', async () => {
    const raw = await ffmpeg(['-i', 'clip.mp4', '-f', 'rawvideo', '-pix_fmt', 'rgb24', '-'], { cwd: folder });
    const args = ['-', '--size', '128x96', '-o', '-', '--model', 'red.onnx', '-q'];
    const { stdout } = await video([...args, '--threads', '1'], { cwd: folder, stdin: raw });
    assert.equal(framesOf(stdout, 128, 96).length, 10);
    for (const threads of ['2', '5']) assert.ok((await video([...args, '--threads', threads], { cwd: folder, stdin: raw })).stdout.equals(stdout), threads);
    const planar = await ffmpeg(['-i', 'clip.mp4', '-f', 'rawvideo', '-pix_fmt', 'yuv420p', '-'], { cwd: folder });
    const other = await video(['-', '--size', '128x96', '--pixel-format', 'yuv420p', '-o', '-', '--model', 'red.onnx', '-q'], { cwd: folder, stdin: planar });
    near(pixelAt(other.stdout, 128, 20, 48), pixelAt(stdout, 128, 20, 48), 3, 'yuv420p');
    await video(['-', '--size', '128x96', '--fps', '30000/1001', '-o', 'raw.mov', '--model', 'red.onnx', '-q'], { cwd: folder, stdin: raw });
    assert.equal((await probe('raw.mov', folder)).streams[0].r_frame_rate, '30000/1001');
  });

  test('JSON', async () => {
    const { stdout, stderr } = await video(['clip.mp4', '-o', 'json.webm', '--model', 'red.onnx', '--json', '--threads', '1'], { cwd: folder });
    assert.equal(stderr, '');
    const { seconds, framesPerSecond, ...rest } = JSON.parse(stdout);
    assert.deepEqual(rest, { input: 'clip.mp4', output: 'json.webm', width: 128, height: 96, frames: 10, model: 'red.onnx', threads: 1 });
    assert.ok(seconds > 0 && framesPerSecond > 0);
  });

  for (const [turn, corner] of [['90', 'bottom'], ['180', 'right'], ['270', 'top']]) {
    test(`a clip to be turned by ${turn} degrees is turned`, async () => {
      await ffmpeg(['-i', 'clip.mp4', '-map', '0:v', '-c', 'copy', '-metadata:s:v', `rotate=${turn}`, `turn${turn}.mp4`], { cwd: folder });
      // As FFmpeg itself shows it.
      const [expected] = framesOf(await ffmpeg(['-i', `turn${turn}.mp4`, '-frames:v', '1', '-f', 'rawvideo', '-pix_fmt', 'rgba', '-'], { cwd: folder }), 96, 128);
      const [width, height] = turn === '180' ? [128, 96] : [96, 128];
      const [frame] = framesOf((await video([`turn${turn}.mp4`, '-o', '-', '--model', 'all.onnx'], { cwd: folder })).stdout, width, height);
      for (const [x, y] of [[5, 5], [width - 6, 5], [5, height - 6], [width - 6, height - 6]]) {
        near(pixelAt(frame, width, x, y), pixelAt(expected, width, x, y), 4, `at ${x}, ${y}`);
      }
      const [x, y] = { top: [48, 20], right: [100, 48], bottom: [48, 100] }[corner];
      near(pixelAt(frame, width, x, y), [0xe0, 0x18, 0x18, 255], 6, `red is at the ${corner}`);
      await video([`turn${turn}.mp4`, '-o', `turned${turn}.mov`, '--model', 'all.onnx'], { cwd: folder });
      const [stream] = (await probe(`turned${turn}.mov`, folder)).streams;
      assert.deepEqual([stream.width, stream.height, stream.side_data_list], [width, height, undefined]);
    });
  }

  test('frames keep their times where these are uneven, and so does the sound', async () => {
    await ffmpeg(['-f', 'lavfi', '-i', 'testsrc2=s=96x64:r=25:d=2', '-f', 'lavfi', '-i', 'sine=d=2', '-vf', "select='not(mod(n,2))+gt(n,30)'", '-vsync', 'vfr',
      '-c:v', 'libx264', '-pix_fmt', 'yuv420p', '-c:a', 'libopus', '-strict', '-2', '-output_ts_offset', '3', 'uneven.mkv'], { cwd: folder });
    const expected = await frameTimes('uneven.mkv', folder);
    const gaps = (times) => times.slice(1).map((time, i) => Math.round(1000 * (time - times[i])));
    assert.ok(new Set(gaps(expected)).size > 1);
    for (const out of ['uneven.webm', 'uneven.mov']) {
      await video(['uneven.mkv', '-o', out, '--model', 'all.onnx', '-q'], { cwd: folder });
      const times = await frameTimes(out, folder);
      assert.equal(times.length, expected.length);
      gaps(times).forEach((gap, i) => assert.ok(Math.abs(gap - gaps(expected)[i]) <= 1, `${out}: frame ${i} lasts ${gap} ms`));
      assert.ok(Math.abs(times[0]) < 0.05, `${out} begins at ${times[0]}`);
    }
  });

  test('pixels that are not square stay so, and odd sizes work', async () => {
    await ffmpeg(['-f', 'lavfi', '-i', 'testsrc=s=97x63:r=10:d=0.5', '-vf', 'setsar=4/3', '-c:v', 'libx264', '-pix_fmt', 'yuv444p', 'odd.mkv'], { cwd: folder });
    for (const [out, width, height] of [['odd.webm', 97, 63], ['odd.mov', 97, 63], ['odd.mp4', 96, 62]]) {
      await video(['odd.mkv', '-o', out, '--model', 'all.onnx', '--background', 'black', '-q'], { cwd: folder });
      const [stream] = (await probe(out, folder)).streams;
      assert.deepEqual([stream.width, stream.height], [width, height], out);
      // WebM keeps whole pixels of the shown picture instead.
      const [above, below] = stream.sample_aspect_ratio.split(':').map(Number);
      assert.ok(Math.abs(above / below - 4 / 3) < 0.01, `${out}: ${stream.sample_aspect_ratio}`);
    }
  });

  test('sound that the container does not hold is named and left out', async () => {
    await ffmpeg(['-i', 'clip.mp4', '-c:v', 'copy', '-c:a', 'aac', 'aac.mp4'], { cwd: folder });
    const { stderr } = await video(['aac.mp4', '-o', 'aac.webm', '--model', 'red.onnx'], { cwd: folder });
    assert.match(stderr, /^decal: aac\.mp4: its sound \(aac\) is left out: WebM does not hold it, \.mkv does\n/);
    assert.deepEqual((await probe('aac.webm', folder)).streams.map((stream) => stream.codec_name), ['vp9']);
    await video(['aac.mp4', '-o', 'aac.mov', '--model', 'red.onnx', '-q'], { cwd: folder });
    assert.deepEqual((await probe('aac.mov', folder)).streams.map((stream) => stream.codec_name), ['prores', 'aac']);
  });

  test('alpha that a video has takes part', async () => {
    await ffmpeg(['-f', 'lavfi', '-i', 'color=0xd0a020:s=64x64:r=5:d=0.6', '-vf', "format=yuva420p,geq=lum='lum(X,Y)':cb='cb(X,Y)':cr='cr(X,Y)':a='255*lt(X,32)'",
      '-c:v', 'libvpx-vp9', '-auto-alt-ref', '0', 'alpha.webm'], { cwd: folder });
    const [frame] = framesOf((await video(['alpha.webm', '-o', '-', '--model', 'all.onnx'], { cwd: folder })).stdout, 64, 64);
    assert.ok(pixelAt(frame, 64, 10, 32)[3] >= 250 && pixelAt(frame, 64, 54, 32)[3] <= 5);
  });

  // Eight patches of 32 x 32, away from the ends of what limited range can say.
  const patches = [[200, 60, 50], [60, 180, 70], [50, 70, 190], [128, 128, 128], [230, 220, 40], [30, 160, 170], [240, 240, 240], [20, 22, 24]];
  for (const matrix of ['bt709', 'smpte170m']) {
    for (const range of ['tv', 'pc']) {
      test(`colours of ${matrix}, ${range === 'tv' ? 'limited' : 'full'} range, come through`, async () => {
        const [width, height] = [256, 32];
        const rgb = Buffer.alloc(3 * width * height);
        for (let y = 0; y < height; ++y) for (let x = 0; x < width; ++x) rgb.set(patches[x >> 5], 3 * (y * width + x));
        await writeFile(join(folder, 'patches.rgb'), rgb);
        const name = `colours-${matrix}-${range}`;
        await ffmpeg(['-f', 'rawvideo', '-pix_fmt', 'rgb24', '-s', `${width}x${height}`, '-r', '5', '-stream_loop', '4', '-i', 'patches.rgb',
          '-vf', `scale=out_color_matrix=${matrix === 'bt709' ? 'bt709' : 'bt601'}:out_range=${range}:flags=accurate_rnd+full_chroma_int,format=yuv444p`,
          '-colorspace', matrix, '-color_range', range, '-c:v', 'libx264', '-qp', '0', `${name}.mkv`], { cwd: folder });
        const check = (frame, what, by) => patches.forEach((patch, i) => near(pixelAt(frame, width, 32 * i + 16, 16).slice(0, 3), patch, by, `${what}, patch ${i}`));
        const raw = framesOf((await video([`${name}.mkv`, '-o', '-', '--model', 'all.onnx', '--refine', 'off'], { cwd: folder })).stdout, width, height);
        check(raw[0], 'raw', 2);
        check(raw.at(-1), 'raw, the last frame', 2);
        for (const out of ['webm', 'mov', 'mp4']) {
          await video([`${name}.mkv`, '-o', `${name}.${out}`, '--model', 'all.onnx', '--refine', 'off', '--background', 'black', '--quality', '95', '-q'], { cwd: folder });
          const [stream] = (await probe(`${name}.${out}`, folder)).streams;
          if (out !== 'mov') assert.deepEqual([stream.color_space, stream.color_range ?? 'tv'], [matrix, range], out);
          else assert.equal(stream.color_space, matrix);
          // FFmpeg's scaler does not read the matrix off the file by itself.
          const again = await ffmpeg(['-i', `${name}.${out}`, '-vf', `scale=in_color_matrix=${matrix === 'bt709' ? 'bt709' : 'bt601'}:in_range=${out === 'mov' ? 'tv' : range}:flags=accurate_rnd+full_chroma_int+full_chroma_inp,format=rgba`,
            '-frames:v', '1', '-f', 'rawvideo', '-'], { cwd: folder });
          check(again, out, 2);
        }
      });
    }
  }

  test('a photo with a camera’s noise flickers at most 0.4 of what it does frame by frame', { timeout: 300_000 }, async () => {
    // A sanitized command takes ten times as long for each frame; after 24 the ratio is 0.28, after 12 still 0.41.
    const [width, height, count] = [512, 600, kSanitized ? 24 : 100];
    const noisy = await ffmpeg(['-loop', '1', '-i', '/usr/share/matplotlib/mpl-data/sample_data/grace_hopper.jpg', '-vf', `scale=${width}:${height},format=gbrp,noise=alls=12:allf=t`, '-frames:v', String(count),
      '-f', 'rawvideo', '-pix_fmt', 'rgb24', '-'], { cwd: folder });
    const flicker = async (...args) => {
      const { stdout } = await video(['-', '--size', `${width}x${height}`, '-o', '-', '--mask', '-q', ...args], { cwd: folder, stdin: noisy });
      const frames = framesOf(stdout, width, height);
      assert.equal(frames.length, count);
      let sum = 0;
      let whole = 0;
      for (let i = 1; i < count; ++i) for (let at = 0; at < frames[i].length; at += 4) sum += Math.abs(frames[i][at] - frames[i - 1][at]);
      for (let at = 0; at < frames[0].length; at += 4) whole += frames.at(-1)[at] > 200;
      assert.ok(whole > 0.2 * width * height && whole < 0.9 * width * height, `${whole} pixels are of the person`);
      return sum;
    };
    const still = await flicker(), free = await flicker('--frame-by-frame');
    assert.ok(still <= 0.4 * free, `${still} against ${free}`);
  });

  test('what is written says nothing of the machine', async () => {
    const bytes = await readFile(join(folder, 'clip.webm'));
    assert.ok(bytes.length > 1000 && !bytes.includes(folder));
  });
});
