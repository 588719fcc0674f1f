// decal video with what is no video, what ends early, disks that fill and interrupts: one error each, and nothing half-written.
//
// Copyright the Decal authors.
// SPDX-License-Identifier: MIT
import assert from 'node:assert/strict';
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync, readdirSync } from 'node:fs';
import { mkdir, readFile, stat, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, suite, test } from 'node:test';
import { decal, files, kDecal, scratch } from './support.mjs';
import { ffmpeg, framesOf, kAll, noVideo, probe } from './video_clips.mjs';

function assertError({ status, stdout, stderr }, expected, pattern) {
  assert.equal(status, expected, stderr);
  assert.equal(stdout.length, 0);
  assert.match(stderr, /^decal: [^\n]*\([a-z-]+\)\n$/);
  assert.match(stderr, pattern);
}

/** Whether a small tmpfs can be mounted in a namespace of our own. */
function canMount() {
  try {
    execFileSync('unshare', ['-rm', 'sh', '-c', 'mount -t tmpfs -o size=64k tmpfs /mnt'], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}

suite('decal video, when something is wrong', { skip: noVideo() }, () => {
  let folder, untouched;
  const run = (args, options) => decal(['video', ...args], { cwd: folder, ...options });
  let tidy;
  after(() => tidy());
  before(async () => {
    folder = await scratch({ after: (work) => (tidy = work) });
    await writeFile(join(folder, 'all.onnx'), kAll);
    await writeFile(join(folder, 'all.onnx.json'), '{"activation": "sigmoid"}');
    await ffmpeg(['-f', 'lavfi', '-i', 'testsrc2=s=160x120:r=25:d=4', '-f', 'lavfi', '-i', 'sine=d=4', '-c:v', 'libx264', '-pix_fmt', 'yuv420p', '-c:a', 'aac',
      '-movflags', '+faststart', 'clip.mp4'], { cwd: folder });
    await ffmpeg(['-i', 'clip.mp4', '-c', 'copy', 'late.mp4'], { cwd: folder });
    await ffmpeg(['-i', 'clip.mp4', '-c', 'copy', 'clip.mkv'], { cwd: folder });
    await ffmpeg(['-i', 'clip.mp4', '-vn', '-c', 'copy', 'sound.mp4'], { cwd: folder });
    const cut = async (from, to, share) => {
      const bytes = await readFile(join(folder, from));
      await writeFile(join(folder, to), bytes.subarray(0, Math.floor(bytes.length * share)));
    };
    await cut('clip.mp4', 'cut.mp4', 0.6);
    await cut('clip.mkv', 'cut.mkv', 0.5);
    await cut('late.mp4', 'headless.mp4', 0.6);
    await writeFile(join(folder, 'text.mp4'), 'no video at all\n'.repeat(1000));
    await writeFile(join(folder, 'text.txt'), 'a text that FFmpeg would make a video of\n'.repeat(100));
    await writeFile(join(folder, 'empty.mp4'), '');
    await writeFile(join(folder, 'list.m3u8'), '#EXTM3U\n#EXT-X-TARGETDURATION:4\n#EXTINF:4,\nclip.mp4\n#EXT-X-ENDLIST\n');
    await mkdir(join(folder, 'folder.mp4'));
    // A codec without any decoder: the track's four letters, changed.
    const bytes = await readFile(join(folder, 'clip.mp4'));
    const at = bytes.indexOf('avc1', bytes.indexOf('stsd'));
    bytes.write('zzzz', at, 'latin1');
    await writeFile(join(folder, 'codec.mp4'), bytes);
    untouched = await files(folder);
  });

  for (const [name, status, pattern] of [
    ['missing.mp4', 1, /^decal: missing\.mp4: cannot open: No such file or directory \(not-found\)/],
    ['folder.mp4', 1, /^decal: folder\.mp4: a folder, not a video \(invalid-argument\)/],
    ['text.mp4', 1, /^decal: text\.mp4: not a video that can be read: .*\(corrupt-image\)/],
    ['text.txt', 1, /^decal: text\.txt: not a video that can be read: .*\(corrupt-image\)/],
    ['empty.mp4', 1, /^decal: empty\.mp4: not a video that can be read: .*\(corrupt-image\)/],
    ['list.m3u8', 1, /^decal: list\.m3u8: not a video that can be read: .*\(corrupt-image\)/],
    ['http://127.0.0.1:9/clip.mp4', 1, /cannot open: No such file or directory \(not-found\)/],
    ['headless.mp4', 1, /^decal: headless\.mp4: not a video that can be read: .*\(corrupt-image\)/],
    ['cut.mp4', 1, /^decal: cut\.mp4: ends before its time: the file is cut off or damaged \(corrupt-image\)/],
    ['cut.mkv', 1, /^decal: cut\.mkv: ends before its time: the file is cut off or damaged \(corrupt-image\)/],
    ['sound.mp4', 1, /^decal: sound\.mp4: there is no video in it \(corrupt-image\)/],
    ['codec.mp4', 1, /^decal: codec\.mp4: no decoder for its video \(none\) \(unsupported\)/],
  ]) {
    test(`${name} is one error`, async () => {
      assertError(await run([name, '-o', 'out.mov', '--model', 'all.onnx']), status, pattern);
      assert.deepEqual(await files(folder), untouched);
    });
  }

  test('a command line that makes no sense is a usage error', async () => {
    for (const [args, pattern] of [
      [['clip.mp4', '-o', 'out.avi'], /out\.avi: an output ends in/],
      [['clip.mp4', '-o', 'out.png'], /out\.png: pictures need one place for the frame's number/],
      [['clip.mp4', '-o', '%d-%d.png'], /pictures need one place/],
      [['clip.mp4', '-o', '%s.png'], /pictures need one place/],
      [['clip.mp4'], /--output is required/],
      [['clip.mp4', '-o', './clip.mp4', '--background', 'red'], /would overwrite the video clip\.mp4/],
      [['clip.mp4', '-o', 'out.mp4'], /out\.mp4: MP4 \(H\.264\) has no transparency: give --background/],
      [['clip.mp4', '-o', 'out.mp4', '--background', '#ff000080'], /MP4 \(H\.264\) has no transparency, and this --background is translucent/],
      [['-', '-o', 'out.webm'], /raw frames need --size/],
      [['-', '-o', 'out.webm', '--size', '0x4'], /--size: '0x4' is not a size/],
      [['-', '-o', 'out.webm', '--size', '16384x16384'], /--size: .* is not a size/],
      [['-', '-o', 'out.webm', '--size', '4x4', '--fps', '0'], /--fps: '0' is not a rate/],
      [['clip.mp4', '-o', 'out.webm', '--size', '4x4'], /--size and --fps are for raw frames/],
      [['clip.mp4', '-o', 'out.webm', '--background', 'nocolour'], /--background: 'nocolour' is neither a colour nor an existing file/],
      ...['blur:0', 'blur:101', 'blur:', 'blur:x', 'blur:nan', 'blur:12px'].map((text) => [['clip.mp4', '-o', 'out.webm', '--background', text], new RegExp(`--background: '${text}' is no blur of 1 to 100 pixels`)]),
      [['clip.mp4', '-o', 'out.webm', '--quality', '0'], /--quality/],
    ]) {
      assertError(await run(args), 2, pattern);
    }
    const raw = await run(['-', '-o', '-', '--size', '4x4', '--pixel-format', 'pal8'], { stdin: Buffer.alloc(48) });
    assertError(raw, 1, /--pixel-format: 'pal8' is none that is read/);
    assert.deepEqual(await files(folder), untouched);
  });

  test('a picture behind that is none', async () => {
    for (const [file, pattern] of [
      ['text.txt', /^decal: text\.txt: .*\((corrupt-image|unsupported)\)/], ['empty.mp4', /^decal: empty\.mp4: .*\(corrupt-image\)/], ['folder.mp4', /^decal: folder\.mp4: .*\([a-z-]+\)/],
    ]) {
      assertError(await run(['clip.mp4', '-o', 'out.webm', '--model', 'all.onnx', '--background', file]), 1, pattern);
      assert.deepEqual(await files(folder), untouched);
    }
  });

  test('raw frames that end within one, and none at all', async () => {
    const args = ['-', '-o', 'out.webm', '--size', '16x16', '--model', 'all.onnx'];
    assertError(await run(args, { stdin: Buffer.alloc(16 * 16 * 3 + 5) }), 1, /^decal: standard input: ends within frame 2: 5 of 768 bytes; are --size and --pixel-format right\? \(corrupt-image\)/);
    assertError(await run(args, { stdin: '' }), 1, /^decal: standard input: there is not one frame in it \(corrupt-image\)/);
    assert.deepEqual(await files(folder), untouched);
  });

  test('a folder that is not there, and an output that is no file', async () => {
    assertError(await run(['clip.mp4', '-o', 'nowhere/out.webm', '--model', 'all.onnx']), 1, /^decal: nowhere\/out\.webm: cannot write: No such file or directory \(not-found\)/);
    assertError(await run(['clip.mp4', '-o', 'nowhere/deeper/%d.png', '--model', 'all.onnx', '-q']), 1, /^decal: nowhere\/deeper: cannot make the folder: .*\(io\)/);
    await symlink('/dev/full', join(folder, 'full.webm'));
    assertError(await run(['clip.mp4', '-o', 'full.webm', '--model', 'all.onnx', '-q']), 1, /^decal: full\.webm: not a regular file/);
    execFileSync('rm', [join(folder, 'full.webm')]);
    assert.deepEqual(await files(folder), untouched);
  });

  test('standard output that takes nothing', async () => {
    const line = `"${kDecal}" video clip.mp4 -o - --model all.onnx -q > /dev/full`;
    assert.throws(() => execFileSync('sh', ['-c', line], { cwd: folder, stdio: ['ignore', 'ignore', 'pipe'] }),
      (error) => error.status === 1 && /^decal: standard output: cannot write: No space left on device \(io\)\n$/.test(error.stderr));
  });

  test('an error ends the command while its input is open and silent', { timeout: 60_000 }, async () => {
    const full = openSync('/dev/full', 'w');
    const child = spawn(kDecal, ['video', '-', '--size', '16x16', '-o', '-', '--model', 'all.onnx', '-q'], { cwd: folder, stdio: ['pipe', full, 'pipe'] });
    let stderr = '';
    child.stderr.on('data', (piece) => (stderr += piece));
    child.stdin.write(Buffer.alloc(8000, 9));
    const [status] = await once(child, 'close');
    closeSync(full);
    assert.equal(status, 1);
    assert.match(stderr, /^decal: standard output: cannot write: No space left on device \(io\)\n$/);
  });

  test('a disk that fills', { skip: canMount() ? false : 'NOT TESTED: no tmpfs can be mounted here' }, () => {
    for (const out of ['out.webm', 'out.mov', '%d.png']) {
      const script = `mkdir -p disk && mount -t tmpfs -o size=48k tmpfs disk && "${kDecal}" video clip.mp4 -o disk/${out} --model all.onnx -q; code=$?; ls -A disk | grep -v '^[0-9]*\\.png$'; exit $code`;
      assert.throws(() => execFileSync('unshare', ['-rm', 'sh', '-c', script], { cwd: folder, stdio: ['ignore', 'pipe', 'pipe'] }),
        (error) => error.status === 1 && error.stdout.length === 0 && /^decal: disk\/[^\n]*: cannot write: No space left on device \(io\)\n$/.test(error.stderr) ||
          assert.fail(`${out}: ${error.status} ${error.stdout} ${error.stderr}`));
    }
    execFileSync('rmdir', [join(folder, 'disk')]);
  });

  test('an interrupt leaves a file that plays, or none', async () => {
    await ffmpeg(['-f', 'lavfi', '-i', 'testsrc2=s=640x480:r=25:d=60', '-c:v', 'libx264', '-preset', 'ultrafast', '-pix_fmt', 'yuv420p', 'long.mp4'], { cwd: folder });
    for (const [out, signal] of [['half.webm', 'SIGINT'], ['half.mov', 'SIGTERM']]) {
      let sent = false;
      const watch = setInterval(async () => {
        // Once some of it is on the disk.
        const name = (await files(folder)).find((file) => file.startsWith(`${out}.`));
        if (sent || !name || (await stat(join(folder, name))).size < 20_000) return;
        sent = true;
        child.kill(signal);
      }, 50);
      let child;
      const result = await new Promise((resolve) => {
        child = spawn(kDecal, ['video', 'long.mp4', '-o', out, '--model', 'all.onnx', '--refine', 'off'], { cwd: folder });
        let stderr = '';
        child.stderr.on('data', (piece) => (stderr += piece));
        child.on('close', (status) => resolve({ status, stderr }));
      });
      clearInterval(watch);
      assert.equal(result.status, 130, result.stderr);
      assert.match(result.stderr, new RegExp(`^decal: interrupted: ${out.replace('.', '\\.')} has what was done until then\n$`, 'm'));
      const frames = Number(result.stderr.match(/: (\d+) frames? in/)[1]);
      assert.ok(frames > 0 && frames < 1500, `${frames} frames`);
      const { streams } = await probe(out, folder, ['-count_frames', '-show_streams']);
      assert.equal(Number(streams[0].nb_read_frames), frames);
    }
    assert.deepEqual(readdirSync(folder).filter((name) => /^half/.test(name)).sort(), ['half.mov', 'half.webm']);
  });

  test('the damaged middle of a video is left out, and said', async () => {
    const bytes = await readFile(join(folder, 'clip.mkv'));
    for (let at = Math.floor(bytes.length * 0.4); at < bytes.length * 0.45; ++at) bytes[at] = (bytes[at] * 7 + 13) & 255;
    await writeFile(join(folder, 'damaged.mkv'), bytes);
    const { status, stdout, stderr } = await run(['damaged.mkv', '-o', '-', '--model', 'all.onnx', '--refine', 'off']);
    // Either what is left is a video, or it is said that it is none; never a crash.
    assert.ok(status === 0 || (status === 1 && /\((corrupt-image|io)\)\n$/.test(stderr)), `${status} ${stderr}`);
    if (status === 0) assert.ok(framesOf(stdout, 160, 120).length > 30);
  });
});
