// `decal serve` under load: its rate beside that of `decal folder/` on the same pictures, its memory over minutes, and its bounds.
//   node bench/serve.mjs                         taking turns with the folder, 4 clients for 10 minutes, 64 clients against a queue of 8
//   node bench/serve.mjs --minutes 1 --pictures 40 --clients 4 --rounds 3
// Prints JSON. Exits with 1 where the server does not hold what docs/serve.md says: it does at least 0.9 of the folder's pictures in the same
// time, memory grows by less than 20 MB after a tenth of the minutes, and every answer is whole or 503. On a machine that has other work the
// ratio of processor times is the one to look at; `--by processor` makes it the one that counts.
//
// Copyright the Decal authors.
// SPDX-License-Identifier: MIT
import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { cpus, loadavg } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { kDecal, kPhoto, makePhotos, processorSeconds, timed, workFolder } from './catalogue.mjs';
import { median } from './statistics.mjs';

const { values } = parseArgs({
  options: {
    minutes: { type: 'string', default: '10' }, clients: { type: 'string', default: '4' }, pictures: { type: 'string', default: '100' },
    rounds: { type: 'string', default: '5' }, by: { type: 'string', default: 'clock' }, decal: { type: 'string', default: kDecal },
    photo: { type: 'string', default: kPhoto },
  },
});
const [minutes, clients, pictures, rounds] = [values.minutes, values.clients, values.pictures, values.rounds].map(Number);
if (![minutes, clients, pictures, rounds].every((value) => value > 0)) throw new Error('bench/serve: numbers above 0 are needed');
if (!['clock', 'processor'].includes(values.by)) throw new Error('bench/serve: --by clock or processor');
const work = workFolder('serve');
const files = await makePhotos(join(work, 'photos'), pictures, values.photo);

async function start(...args) {
  const child = spawn(values.decal, ['serve', '--port', '0', ...args], { stdio: ['ignore', 'ignore', 'pipe'] });
  process.on('exit', () => child.kill('SIGKILL'));
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
/** Requests by `count` clients while `more(i)`, i being how many were sent before. A 503 is an error unless `full`. */
async function load({ url }, count, more, full = false) {
  let next = 0;
  await Promise.all(Array.from({ length: count }, async () => {
    for (let i = next++; more(i); i = next++) {
      const answer = await fetch(`${url}/v1/cutouts`, { method: 'POST', body: files[i % files.length] });
      const body = Buffer.from(await answer.arrayBuffer());
      counts[answer.status] = (counts[answer.status] ?? 0) + 1;
      const whole = answer.status === 200 && body.subarray(-8, -4).toString('latin1') === 'IEND';
      if (!whole && !(answer.status === 503 && full && JSON.parse(body).error.code === 'queue-full' && answer.headers.get('retry-after'))) {
        throw new Error(`bench/serve: ${answer.status}, ${body.length} bytes`);
      }
    }
  }));
}

const server = await start('--queue', String(clients));
const turns = [];
for (let round = 0; round <= rounds; ++round) {
  const folder = await timed(values.decal, [join(work, 'photos'), '-o', join(work, 'out/'), '-q']);
  const [begun, used] = [performance.now(), processorSeconds(server.child.pid)];
  await load(server, clients, (i) => i < pictures);
  const serve = { seconds: (performance.now() - begun) / 1e3, processor: processorSeconds(server.child.pid) - used };
  if (round > 0) turns.push({ folder, serve });  // the first warms both
}

console.error(`serve: ${rounds} turns: ${JSON.stringify(turns)}`);

// A client on a busy machine may be slower than a connection is idle: not what is asked here.
const small = await start('--queue', '8', '--idle-timeout', '60');
const burst = performance.now() + Math.min(30e3, minutes * 6e3);
await load(small, 64, () => performance.now() < burst, true);
small.child.kill('SIGTERM');
console.error(`serve: 64 clients against a queue of 8: ${JSON.stringify(counts)}`);

const end = performance.now() + minutes * 60e3;
await load(server, clients, () => performance.now() < end - minutes * 54e3);
const warm = resident(server);
const samples = [];
const sampling = setInterval(() => samples.push(resident(server)), 1000);
await load(server, clients, () => performance.now() < end);
clearInterval(sampling);
const grown = resident(server) - warm;
console.error(`serve: ${(warm / 1e6).toFixed(1)} MB when warm, then ${(grown / 1e6).toFixed(1)} more`);
server.child.kill('SIGTERM');

const rate = (name) => pictures / median(turns.map((turn) => turn[name].seconds));
const cost = (name) => median(turns.map((turn) => turn[name].processor)) / pictures;
const ratio = {
  clock: median(turns.map(({ folder, serve }) => folder.seconds / serve.seconds)),
  processor: median(turns.map(({ folder, serve }) => folder.processor / serve.processor)),
};
console.log(JSON.stringify({
  cores: cpus().length, load: loadavg()[0], clients, minutes, pictures, rounds,
  picturesPerSecond: { folder: rate('folder'), serve: rate('serve') }, processorSecondsPerPicture: { folder: cost('folder'), serve: cost('serve') },
  ratio, warmMB: warm / 1e6, grownMB: grown / 1e6, highestMB: Math.max(...samples) / 1e6, answers: counts,
}, null, 2));
if (grown >= 20e6 || ratio[values.by] < 0.9) process.exitCode = 1;
