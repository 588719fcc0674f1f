// How long a cut-out takes after the network in WebAssembly, and that its bytes are the native engine's.
//   node bench/edges_wasm.mjs PICTURE WIDTH HEIGHT MATTE WIDTH HEIGHT   raw RGBA and float32; prints a JSON line for each refinement
// SPDX-License-Identifier: MIT
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { startEngine } from '../web/dist/node.js';
import { importSource } from '../web/test/helpers.mjs';

const kRounds = 5;
const [pictureFile, width, height, matteFile, matteWidth, matteHeight] = process.argv.slice(2).map((word) => (/^\d+$/.test(word) ? Number(word) : word));
const { allocatePicture, composite, compositeBytes } = await importSource('engine/cutout.ts');
const [pixels, matteBytes] = [readFileSync(pictureFile), readFileSync(matteFile)];

for (const threads of [1, 2]) {
  const engine = await startEngine({ threads });
  const picture = allocatePicture(engine, width, height);
  const values = engine.alloc(matteBytes.length, 'a matte');
  engine.bytes(values, matteBytes.length).set(matteBytes);
  const matte = { values, width: matteWidth, height: matteHeight };
  for (const refine of ['off', 'fast', 'best']) {
    const options = { background: null, mask: false, refine, decontaminate: refine !== 'off' };
    const [times, spent] = [[], []];
    for (let round = 0; round < kRounds; ++round) {
      engine.bytes(picture.rgba, pixels.length).set(pixels);
      const [start, before] = [performance.now(), process.cpuUsage()];
      composite(engine, matte, picture, options);
      times.push(performance.now() - start);
      const { user, system } = process.cpuUsage(before);
      spent.push((user + system) / 1000);
    }
    console.log(JSON.stringify({
      threads, refine, ms: Math.min(...times), processorMs: Math.min(...spent),
      memory: compositeBytes(engine, matte, picture, options),
      sha256: createHash('sha256').update(engine.bytes(picture.rgba, pixels.length)).digest('hex'),
    }));
  }
  engine.close();
}
