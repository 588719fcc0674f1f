// What a second worker is worth: `decal batch` with one and with two workers of one thread, and decal.ray with one and two actors.
//   node bench/workers.mjs                       both, taking turns; decal.ray where build/python/ray is (scripts/python.sh ray)
//   node bench/workers.mjs --pictures 100 --rounds 3 --only batch
// Prints JSON: pictures a second, and the efficiency, which is the rate of two over twice that of one; exits with 1 where it is under 0.9. The rate
// is that of the results' times, from the first tenth to the last: starting a cluster takes no part. One worker alone decodes and encodes
// beside its network, on a core that it does not share; `--by cores` compares two workers on two cores with twice one that is kept to one
// core. On a machine that has other work `--by processor` takes pictures per second of processor time instead (of `decal batch`; Ray's
// processes are not ours to ask).
//
// Copyright the Decal authors.
// SPDX-License-Identifier: MIT
import { existsSync, readdirSync, rmSync, statSync } from 'node:fs';
import { cpus, loadavg } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { fileURLToPath } from 'node:url';
import { kDecal, kPhoto, makePhotos, timed, workFolder } from './catalogue.mjs';
import { median } from './statistics.mjs';

const { values } = parseArgs({
  options: {
    pictures: { type: 'string', default: '200' }, rounds: { type: 'string', default: '5' }, by: { type: 'string', default: 'clock' },
    only: { type: 'string', default: '' }, decal: { type: 'string', default: kDecal }, photo: { type: 'string', default: kPhoto },
  },
});
const [pictures, rounds] = [values.pictures, values.rounds].map(Number);
if (!(pictures >= 20) || !(rounds > 0)) throw new Error('bench/workers: at least 20 pictures and one round are needed');
if (!['clock', 'cores', 'processor'].includes(values.by)) throw new Error('bench/workers: --by clock, cores or processor');
const python = fileURLToPath(new URL('../build/python/ray/bin/python', import.meta.url));
const work = workFolder('workers');
const [from, to] = [join(work, 'photos'), join(work, 'out')];
await makePhotos(from, pictures, values.photo);

const contenders = {
  batch: (workers) => [values.decal, ['batch', '--from', from, '--to', to, '--workers', String(workers), '--threads', '1', '-q']],
  ray: (workers) => [python, ['-P', '-m', 'decal.ray', '--from', from, '--to', to, '--workers', String(workers), '--threads', '1']],
};
const chosen = Object.keys(contenders).filter((name) => (values.only ? name === values.only : name !== 'ray' || existsSync(python)));
if (chosen.length === 0) throw new Error(`bench/workers: --only ${Object.keys(contenders).join(' or ')}`);

/** Pictures a second between the first tenth of the results and the last of them. */
function rateOfResults() {
  const times = readdirSync(to).filter((name) => name.endsWith('.png')).map((name) => statSync(join(to, name)).mtimeMs).sort((a, b) => a - b);
  if (times.length !== pictures) throw new Error(`bench/workers: ${times.length} results of ${pictures} pictures`);
  const first = Math.floor(times.length / 10);
  return 1e3 * (times.length - 1 - first) / (times.at(-1) - times[first]);
}

const report = { cores: cpus().length, load: loadavg()[0], pictures, rounds };
for (const name of chosen) {
  const turns = [];
  for (let round = 0; round < rounds; ++round) {
    const turn = {};
    for (const workers of round % 2 === 0 ? ['1', 'core', '2'] : ['2', 'core', '1']) {
      rmSync(to, { recursive: true, force: true });
      const [program, args] = contenders[name](workers === '2' ? 2 : 1);
      const { processor } = await (workers === 'core' ? timed('taskset', ['-c', '0', program, ...args]) : timed(program, args));
      turn[workers] = { clock: rateOfResults(), processor: pictures / processor };
    }
    turns.push(turn);
  }
  const rate = (workers, by) => median(turns.map((turn) => turn[workers][by]));
  report[name] = {
    picturesPerSecond: { one: rate(1, 'clock'), oneOnOneCore: rate('core', 'clock'), two: rate(2, 'clock') },
    ...(name === 'batch' && { picturesPerProcessorSecond: { one: rate(1, 'processor'), two: rate(2, 'processor') } }),
    efficiency: {
      clock: median(turns.map((turn) => turn[2].clock / turn[1].clock / 2)),
      cores: median(turns.map((turn) => turn[2].clock / turn.core.clock / 2)),
      ...(name === 'batch' && { processor: median(turns.map((turn) => turn[2].processor / turn[1].processor)) }),
    },
  };
  if ((report[name].efficiency[values.by] ?? 1) < 0.9) process.exitCode = 1;
}
console.log(JSON.stringify(report, null, 2));
