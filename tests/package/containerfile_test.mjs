// The Containerfile without a container engine: each stage's commands run in a clean Debian 12 by chroot, one after the other.
//   node tests/package/containerfile_test.mjs          the last stage, with the packages that `make deb` left in dist/
//   node tests/package/containerfile_test.mjs --configure   the first stage until CMake has found all that it needs
//   node tests/package/containerfile_test.mjs --all    from the source, which takes as long as a whole build
//   node tests/package/containerfile_test.mjs VIDEO=yes    any of them with a build argument
// Needs root and build/package-test/clean.tar, which tests/package/chroot_test.sh makes.
//
// Copyright the Decal authors.
// SPDX-License-Identifier: MIT
import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = join(dirname(fileURLToPath(import.meta.url)), '../..');
const work = join(root, 'build/package-test');
const clean = join(work, 'clean.tar');
const skip = (why) => {
  console.error(`NOT TESTED: the Containerfile: ${why}`);
  process.exit(0);
};
const fail = (why) => {
  console.error(`containerfile: ${why}`);
  process.exit(1);
};

/** [{ instruction, text }] of a Containerfile: comments gone, continued lines joined. */
function parse(text) {
  const lines = text.replace(/^\s*#.*\n/gm, '').replace(/\\\n/g, ' ').split('\n').filter((line) => line.trim() !== '');
  return lines.map((line) => {
    const [, instruction, rest] = line.match(/^\s*([A-Z]+)\s+(.*)$/s) ?? fail(`not an instruction: ${line}`);
    return { instruction, text: rest.trim() };
  });
}

const words = (json) => JSON.parse(json);
const stages = [];
for (const step of parse(readFileSync(join(root, 'Containerfile'), 'utf8'))) {
  if (step.instruction === 'FROM') stages.push({ name: step.text.match(/ AS (\S+)$/)?.[1] ?? '', steps: [] });
  else if (stages.length > 0) stages.at(-1).steps.push(step);
  else if (step.instruction !== 'ARG') fail(`${step.instruction} before FROM`);
}
if (stages.length !== 2 || stages[0].name !== 'build') fail('expected the stage build and a last one');

if (process.getuid() !== 0) skip('chroot needs root');
if (!existsSync(clean)) skip('no clean system: tests/package/chroot_test.sh makes it');
const whole = process.argv.includes('--all');
const configure = process.argv.includes('--configure');
const buildArgs = Object.fromEntries(process.argv.filter((text) => /^[A-Z]+=/.test(text)).map((text) => text.split('=')));
const packagesOf = (folder) => readdirSync(folder).filter((name) => /^decal(-video)?_.*\.deb$/.test(name));
if (!whole && !configure && (!existsSync(join(root, 'dist')) || packagesOf(join(root, 'dist')).length === 0)) fail('no package in dist: make deb');

/** Runs one stage in a system of its own; answers its folder. */
function run(stage, packages) {
  const system = join(work, `stage-${stage.name || 'last'}`);
  rmSync(system, { recursive: true, force: true });
  mkdirSync(system, { recursive: true });
  execFileSync('tar', ['-C', system, '-xf', clean]);
  execFileSync('cp', [join(work, 'sources.list'), join(system, 'etc/apt/sources.list')]);
  if (existsSync(join(work, 'archives'))) execFileSync('cp', ['-a', `${join(work, 'archives')}/.`, join(system, 'var/cache/apt/archives/')]);
  let folder = '/';
  let user = 'root';
  const config = {};
  const args = [];
  for (const { instruction, text } of stage.steps) {
    console.log(`${instruction} ${text.replace(/\s+/g, ' ').slice(0, 140)}`);
    if (instruction === 'WORKDIR') {
      folder = text;
      mkdirSync(join(system, folder), { recursive: true });
    } else if (instruction === 'ARG') {
      const [name, usual] = text.split('=');
      args.push(`${name}=${buildArgs[name] ?? usual}`);
    } else if (instruction === 'USER') {
      user = text;
      if (!readFileSync(join(system, 'etc/passwd'), 'utf8').includes(`${user}:`)) fail(`no user ${user}`);
    } else if (instruction === 'COPY') {
      if (text !== '. .') fail(`COPY ${text} is not known here`);
      execFileSync('bash', ['-c', `git ls-files -z --cached --others --exclude-standard | xargs -0 cp --parents -t "$0"`, join(system, folder)], { cwd: root });
    } else if (instruction === 'RUN') {
      let command = text;
      const mount = command.match(/^--mount=type=bind,from=build,source=(\S+),target=(\S+)\s+/);
      if (mount) {
        command = command.slice(mount[0].length);
        if (mount[1] !== '/source/dist') fail(`mounts ${mount[1]}`);
        mkdirSync(join(system, mount[2]), { recursive: true });
        for (const name of packagesOf(packages)) execFileSync('cp', [join(packages, name), join(system, mount[2])]);
      }
      if (configure && command.startsWith('cmake --preset')) [command] = command.split('&&');
      const { status } = spawnSync('chroot', [system, 'env', '-i', 'PATH=/usr/sbin:/usr/bin:/sbin:/bin', 'HOME=/root', 'DEBIAN_FRONTEND=noninteractive',
        ...args, 'sh', '-c', `cd ${folder} && ${command}`], { stdio: ['ignore', 'ignore', 'inherit'] });
      if (status !== 0) fail(`that ended with ${status}`);
    } else if (instruction === 'ENTRYPOINT' || instruction === 'CMD') {
      config[instruction] = words(text);
    } else {
      fail(`${instruction} is not known here`);
    }
  }
  return { system, folder, user, entry: config.ENTRYPOINT ?? [], command: config.CMD ?? [] };
}

if (configure) {
  const { system } = run(stages[0]);
  const cache = readFileSync(join(system, 'source/build/gcc/CMakeCache.txt'), 'utf8');
  // Without its library the command would be built without the server, and nothing would say so.
  if (!/^HTTPLIB_FOUND:INTERNAL=1$/m.test(cache)) fail('CMake does not find cpp-httplib: the image would have no server');
  if (!/^FFMPEG_FOUND:INTERNAL=1$/m.test(cache)) fail("CMake does not find FFmpeg's libraries: the image could have no decal video");
  rmSync(system, { recursive: true, force: true });
  console.log('containerfile: the first stage is configured');
  process.exit(0);
}
let packages = join(root, 'dist');
if (whole) packages = join(run(stages[0]).system, 'source/dist');
const image = run(stages[1], packages);

// As `podman run -v "$PWD:/work" decal disc.ppm` would.
const pixels = Array.from({ length: 120 * 160 }, (_, i) => ((i % 160) - 80) ** 2 + (Math.floor(i / 160) - 60) ** 2 < 1600 ? '230 120 40' : '20 40 30');
writeFileSync(join(image.system, image.folder, 'disc.ppm'), `P3 160 120 255\n${pixels.join('\n')}\n`);
execFileSync('chroot', [image.system, 'chown', '-R', image.user, image.folder]);
const start = (...args) => spawnSync('chroot', [`--userspec=${image.user}`, image.system, 'sh', '-c', 'cd "$0" && exec "$@"', image.folder,
  ...image.entry, ...args], { encoding: 'utf8' });
const cut = start('disc.ppm', '--json');
if (cut.status !== 0) fail(`the entry point fails: ${cut.stderr}`);
const png = readFileSync(join(image.system, image.folder, 'disc.decal.png'));
if (png.subarray(1, 4).toString() !== 'PNG') fail('no PNG came out');
const video = start('video', 'clip.mp4', '-o', 'clip.webm');
const expected = buildArgs.VIDEO ? 'clip.mp4' : 'install the package decal-video';
if (video.status !== 1 || !video.stderr.includes(expected)) fail(`decal video: ${video.stdout}${video.stderr}`);
const help = start(...image.command);
if (help.status !== 0 || !help.stdout.includes('Usage')) fail(`without arguments: ${help.stdout}${help.stderr}`);
const size = Number(execFileSync('du', ['-sm', image.system], { encoding: 'utf8' }).split('\t')[0]);
const base = Number(execFileSync('tar', ['-tvf', clean], { encoding: 'utf8', maxBuffer: 1 << 28 }).split('\n')
  .reduce((sum, line) => sum + (Number(line.split(/\s+/)[2]) || 0), 0)) / 1e6;
for (const stage of readdirSync(work).filter((name) => name.startsWith('stage-'))) rmSync(join(work, stage), { recursive: true, force: true });
console.log(`containerfile: passed; the last stage has ${size} MB, of which ${base.toFixed(0)} MB are Debian's`);
