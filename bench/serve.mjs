// Load on `decal serve`: some clients for some minutes, its memory, its rate beside that of `decal folder/` on the same pictures, and its bounds.
//   node bench/serve.mjs                         4 clients for 10 minutes, then 64 clients against a queue of 8; prints JSON
//   node bench/serve.mjs --minutes 1 --pictures 40 --clients 4
// The machine should do nothing else. Exits with 1 where the server does not hold what docs/serve.md says: memory grows by less than 20 MB after
// a tenth of the time, every answer is whole or 503, and the rate is at least 0.9 of the folder's.
//
// Copyright the Decal authors.
// SPDX-License-Identifier: MIT
import { spawn, spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { cpus, tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { fileURLToPath } from 'node:url';
import sharp from 'sharp';

const { values } = parseArgs({
  options: {
    minutes: { type: 'string', default: '10' }, clients: { type: 'string', default: '4' }, pictures: { type: 'string', default: '100' },
    decal: { type: 'string', default: fileURLToPath(new URL('../build/bin/decal', import.meta.url)) },
    photo: { type: 'string', default: '/usr/share/matplotlib/mpl-data/sample_data/grace_hopper.jpg' },
  },
});
const [minutes, clients, pictures] = [values.minutes, values.clients, values.pictures].map(Number);
if (![minutes, clients, pictures].every((value) => value > 0)) throw new Error('bench/serve: numbers above 0 are needed');
const work = mkdtempSync(join(tmpdir(), 'decal-bench-serve-'));
process.on('exit', () => rmSync(work, { recursive: true, force: true }));

// Photos of several sizes, JPEG as they come from shops.
mkdirSync(join(work, 'photos'));
const sides = [600, 800, 1000, 1200];
const files = [];
for (let i = 0; i < pictures; ++i) {
  const file = await sharp(values.photo).resize({ width: sides[i % sides.length] + i }).jpeg({ quality: 88 }).toBuffer();
  files.push(file);
  writeFileSync(join(work, 'photos', `${String(i).padStart(5, '0')}.jpg`), file);
}

/** Seconds of `decal photos/` on a warm file system, the second of two runs, less what one picture's start takes. */
function folderRate() {
  const run = (...inputs) => {
    const begun = performance.now();
    const { status, stderr } = spawnSync(values.decal, [...inputs, '-o', join(work, 'out/'), '-q'], { encoding: 'utf8' });
    if (status !== 0) throw new Error(stderr);
    return (performance.now() - begun) / 1e3;
  };
  run(join(work, 'photos'));
  return pictures / run(join(work, 'photos'));
}

async function start(...args) {
  const child = spawn(values.decal, ['serve', '--port', '0', ...args], { stdio: ['ignore', 'ignore', 'pipe'] });
  const url = await new Promise((resolve, reject) => {
    let stderr = '';
    child.stderr.on('data', (piece) => {
      stderr += piece;
      const [, found] = /serving on (http:\S+)\//.exec(stderr) ?? [];
      if (found) resolve(found);
    });
    child.on('close', () => reject(new Error(stderr)));
  });
  return { child, url };
}
const resident = ({ child }) => 4096 * Number(readFileSync(`/proc/${child.pid}/statm`, 'utf8').split(' ')[1]);

const counts = {};
/** Requests by `count` clients until `done()`; the seconds that it took and how many were answered with a picture. */
async function load(server, count, done, check) {
  const begun = performance.now();
  let next = 0;
  let good = 0;
  await Promise.all(Array.from({ length: count }, async () => {
    while (!done()) {
      const i = next++;
      const answer = await fetch(`${server.url}/v1/cutouts`, { method: 'POST', body: files[i % files.length] });
      const body = Buffer.from(await answer.arrayBuffer());
      counts[answer.status] = (counts[answer.status] ?? 0) + 1;
      if (answer.status === 200) ++good;
      if (!(answer.status === 200 && body.subarray(-8, -4).toString('latin1') === 'IEND') && !(answer.status === 503 && check)) {
        throw new Error(`bench/serve: ${answer.status}, ${body.length} bytes`);
      }
    }
  }));
  return { seconds: (performance.now() - begun) / 1e3, good };
}

const folder = folderRate();
const server = await start('--queue', String(clients));
const end = performance.now() + minutes * 60e3;
await load(server, clients, () => performance.now() > end - minutes * 54e3);
const warm = resident(server);
const samples = [];
const sampling = setInterval(() => samples.push(resident(server)), 1000);
const { seconds, good } = await load(server, clients, () => performance.now() > end);
clearInterval(sampling);
const grown = resident(server) - warm;
server.child.kill('SIGTERM');

const small = await start('--queue', '8');
const burst = performance.now() + Math.min(30e3, minutes * 6e3);
await load(small, 64, () => performance.now() > burst, true);
small.child.kill('SIGTERM');

const report = {
  cores: cpus().length, clients, minutes, pictures,
  folderPerSecond: folder, servePerSecond: good / seconds, ratio: good / seconds / folder,
  warmMB: warm / 1e6, grownMB: grown / 1e6, highestMB: Math.max(...samples) / 1e6, answers: counts,
};
console.log(JSON.stringify(report, null, 2));
if (grown >= 20e6 || report.ratio < 0.9) process.exitCode = 1;
