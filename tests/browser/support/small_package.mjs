// The package with its default model made for smaller pictures, for tests whose subject is not what the model sees: a run of it takes
// an eighth of the time. All else is as built; where the model cannot be resized, so is the model.
//
// Copyright the Decal authors.
// SPDX-License-Identifier: MIT
import { createHash } from 'node:crypto';
import { cpSync, existsSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { defaultEntry, defaultModelFile } from '../../support/default_model.mjs';
import { missing, modelFile, smallDefaultModel } from '../../support/models.mjs';
import { kPackage, kScratch, needs } from './site.mjs';

const absent = missing(smallDefaultModel);
if (absent) console.error(`${absent}; the browser tests run the whole default model instead`);

const sha256 = (...parts) => parts.reduce((hash, part) => hash.update(part), createHash('sha256')).digest('hex');

/** `text` with the registry's entry of the default model changed to that of `model`, a file's bytes. */
function withEntry(text, model, name) {
  const { width, height } = defaultEntry.input;
  // inline.js is minified.
  const begin = text.search(new RegExp(`sha256: ?"${defaultEntry.sha256}"`));
  const entry = begin < 0 ? null : /^sha256: ?"\w+",\s*bytes: ?\d+,\s*input: ?\{[^}]*\}/.exec(text.slice(begin))?.[0];
  if (!new RegExp(`width: ?${width}, ?height: ?${height}\\b`).test(entry ?? '')) throw new Error(`${name}: the default model's entry is not as expected`);
  const small = `sha256: "${sha256(model)}", bytes: ${model.length}, ` +
    `input: { rule: "stretch", width: ${smallDefaultModel.size}, height: ${smallDefaultModel.size}, multiple: 1 }`;
  return text.slice(0, begin) + small + text.slice(begin + entry.length);
}

/** Makes `folder` with `write`, unless it is there: a process that is interrupted, or that runs beside this one, spoils nothing. */
function makeOnce(folder, write) {
  if (existsSync(folder)) return folder;
  const part = `${folder}.${process.pid}`;
  rmSync(part, { recursive: true, force: true });
  write(part);
  try {
    renameSync(part, folder);
  } catch (error) {
    if (!existsSync(folder)) throw error;
    rmSync(part, { recursive: true, force: true });
  }
  return folder;
}

/** A folder's path for what is made from `inputs`; those made from others go. */
function folderFor(...inputs) {
  const name = `small-package-${sha256(...inputs).slice(0, 12)}`;
  for (const old of readdirSync(kScratch)) {
    if (old.startsWith('small-package-') && !old.startsWith(name)) rmSync(join(kScratch, old), { recursive: true, force: true });
  }
  return join(kScratch, name);
}

function smallPackage() {
  needs(`${kPackage}/index.js`, 'run `npm run build`');
  if (absent) return kPackage;
  const model = readFileSync(modelFile(smallDefaultModel));
  const files = readdirSync(kPackage).filter((name) => /\.(js|wasm)$/.test(name)).sort();
  const made = folderFor(model, ...files.map((name) => readFileSync(join(kPackage, name))));
  // Under the names that the package has: tools tell its files by them.
  return join(makeOnce(made, (part) => {
    const dist = join(part, 'web/dist');
    cpSync(kPackage, dist, { recursive: true });
    writeFileSync(join(dist, 'models', basename(defaultModelFile)), model);
    for (const name of ['index.js', 'inline.js', 'node.js']) {
      const file = join(dist, name);
      writeFileSync(file, withEntry(readFileSync(file, 'utf8'), model, name));
    }
  }), 'web/dist');
}

/** web/dist of the small version. */
export const kSmallPackage = smallPackage();
