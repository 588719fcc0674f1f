// Whole calls of the command: a JPEG in, a cut-out out, by stage; and its encoder beside sharp's and Pillow's on the same pixels.
//   node bench/whole.mjs [--rounds N] [--megapixels 0.3,4,12,24] [--formats png,webp] [--output FILE]
// Pillow runs in PYTHON (/usr/bin/python3), sharp in a Node of its own; contenders take turns.
// SPDX-License-Identifier: MIT
import { execFile, execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs, promisify } from 'node:util';
import { root } from '../tests/support/models.mjs';
import { environment, versionOf } from './environment.mjs';
import { resultsFile, writeResults } from './results.mjs';
import { takeTurns } from './rounds.mjs';
import { kQuality, makePhoto } from './photos.mjs';
import { markdownTable, wholeRows } from './tables.mjs';

const kPython = process.env.PYTHON ?? '/usr/bin/python3';
const run = promisify(execFile);

const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '5' },
    megapixels: { type: 'string', default: '0.3,4,12,24' },
    formats: { type: 'string', default: 'png,webp' },
    output: { type: 'string', default: resultsFile('whole') },
  },
});
const folder = mkdtempSync(join(tmpdir(), 'decal-whole-'));
process.on('exit', () => rmSync(folder, { recursive: true, force: true }));

const kSharp = `
const sharp = require('sharp');
const [file, format, quality] = process.argv.slice(1);
sharp.concurrency(2);
sharp(file, { limitInputPixels: false }).raw().toBuffer({ resolveWithObject: true }).then(async ({ data, info }) => {
  const start = performance.now();
  const made = await sharp(data, { raw: info })[format](format === 'png' ? {} : { quality: Number(quality) }).toBuffer();
  console.log(JSON.stringify({ ms: performance.now() - start, bytes: made.length }));
});`;
const kPillow = `
import io, json, sys, time
from PIL import Image
Image.MAX_IMAGE_PIXELS = None
file, format, quality = sys.argv[1:]
picture = Image.open(file)
picture.load()
made = io.BytesIO()
start = time.perf_counter()
picture.save(made, format, **({} if format == "png" else {"quality": int(quality)}))
print(json.dumps({"ms": 1e3 * (time.perf_counter() - start), "bytes": made.tell()}))`;

async function ask(program, args) {
  const { stdout } = await run(program, args, { cwd: root, maxBuffer: 1 << 24 });
  return JSON.parse(stdout);
}

async function measureCase(megapixels, format) {
  const photo = await makePhoto(folder, megapixels);
  const cutOut = join(folder, `${megapixels}.png`);
  execFileSync(join(root, 'build/bin/decal'), [photo.file, '-o', cutOut, '--quiet']);
  const peer = async (program, args) => {
    const { ms, bytes } = await ask(program, [...args, cutOut, format, String(kQuality)]);
    return { run_ms: [ms], file_bytes: bytes };
  };
  const contenders = await takeTurns(['decal', 'sharp', 'pillow'], Number(values.rounds), async (name) => {
    if (name === 'sharp') return peer(process.execPath, ['-e', kSharp]);
    if (name === 'pillow') return peer(kPython, ['-c', kPillow]);
    const out = join(folder, `out.${format}`), start = performance.now();
    const { execution } = await ask(join(root, 'build/bin/decal'), [photo.file, '-o', out, '--quality', String(kQuality), '--json']);
    const whole = performance.now() - start;
    const { load, decode, encode, preprocess, inference, postprocess } = execution.ms;
    return {
      run_ms: [encode], whole_ms: whole, load_ms: load, decode_ms: decode, network_ms: preprocess + inference + postprocess,
      file_bytes: statSync(out).size,
    };
  });
  return { megapixels, format, width: photo.width, height: photo.height, contenders };
}

const results = { suite: 'whole', environment: environment(), versions: { sharp: versionOf('sharp') }, cases: [] };
results.versions.pillow = execFileSync(kPython, ['-c', 'import PIL; print(PIL.__version__)'], { encoding: 'utf8' }).trim();
for (const format of values.formats.split(',')) {
  for (const megapixels of values.megapixels.split(',').map(Number)) results.cases.push(await measureCase(megapixels, format));
}
console.log(markdownTable(wholeRows(results)));
writeResults(values.output, results);
