// A user's own model file: its description in a JSON file beside it, in the registry's form, and the defaults without one.
// SPDX-License-Identifier: MIT
import { readFileSync, statSync } from 'node:fs';
import { basename } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { DecalError, toDecalError } from '../../shared/errors.js';
import { checkField, type FieldName } from '../../shared/fields.js';
import { models } from '../../shared/models.js';
import type { CustomModel, ModelOption, ModelSpec } from '../../shared/types.js';

/**
 * A model's file, and what of its description goes before the JSON file beside it (`mine.onnx.json` or `mine.json` for
 * `mine.onnx`). What neither says is as for a registry model of that file name, or RGB in 0..1 and a matte.
 */
export type ModelFile = Partial<Omit<ModelSpec, 'input'>> & {
  url: string | URL;
  input?: Partial<ModelSpec['input']> | undefined;
  externalData?: CustomModel['externalData'];
};

/** A registry name, the path of an .onnx file, or a model of your own. */
export type NodeModelOption = ModelOption | ModelFile;

type Fields = Partial<Omit<ModelSpec, 'input'>> & { input?: Partial<ModelSpec['input']> | undefined };

const kMostBytes = 1 << 20;
const kFields = ['mean', 'std', 'activation', 'output', 'foregroundClass', 'passes', 'inputs'] as const;
const kOptional: readonly string[] = ['output', 'foregroundClass', 'passes', 'inputs'];
const kInput = ['rule', 'width', 'height', 'multiple'] as const;
/** What says where a model comes from takes no part. */
const kOrigin: readonly string[] = ['name', 'description', 'licence', 'file', 'url', 'sha256', 'bytes', 'parts', 'training'];
const kUnknown = { input: { rule: 'stretch', width: 512, height: 512, multiple: 1 }, mean: [0, 0, 0], std: [1, 1, 1], activation: 'none' } as const;

/** `option` with all that is known of its file, where it is one. Relative addresses begin at `folder`. */
export function describeFile(option: NodeModelOption | undefined, folder: string): ModelOption | undefined {
  const given: unknown = typeof option === 'string' && option.endsWith('.onnx') ? { url: pathToFileURL(option) } : option;
  if (typeof given !== 'object' || given === null) return option as ModelOption | undefined;
  const { url, data, parts } = given as { url?: unknown; data?: unknown; parts?: unknown };
  if (!url || (data !== undefined && data !== null) || (Array.isArray(parts) && parts.length > 0)) return option as ModelOption;
  const address = URL.canParse(String(url), folder) ? new URL(String(url), folder) : null;
  if (address?.protocol !== 'file:') return option as ModelOption;
  const path = fileURLToPath(address);
  const name = basename(path);
  const known = models.find((model) => `${model.name}.onnx` === name) ?? kUnknown;
  const said = readBeside(path);
  const own = Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined)) as ModelFile;
  const { input, mean, std, activation } = known;
  return {
    name, mean, std, activation, ...said, ...own, url: address,
    input: typeof own.input === 'object' || own.input === undefined ? { ...input, ...said.input, ...own.input } : own.input,
    ...(said.inputs || own.inputs ? { inputs: { ...said.inputs, ...own.inputs } } : {}),
  } as CustomModel;
}

function readBeside(path: string): Fields {
  const beside = [`${path}.json`, path.replace(/\.[^./\\]*$/, '') + '.json'].find((one) => statSync(one, { throwIfNoEntry: false })?.isFile());
  if (beside === undefined) return {};
  const refuse = (message: string) => new DecalError('invalid-argument', `${beside}: ${message}`);
  let text: Buffer;
  try {
    if (statSync(beside).size > kMostBytes) throw refuse('larger than 1 MiB: no description of a model');
    text = readFileSync(beside);
  } catch (error) {
    throw toDecalError(error, 'io', beside);
  }
  let model: unknown;
  try {
    model = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(text));
  } catch (error) {
    throw refuse(`not valid JSON: ${(error as Error).message}`);
  }
  if (!isObject(model)) throw refuse('an object, as an entry of models/registry.json');
  const fields: Fields = {};
  for (const [key, value] of Object.entries(model)) {
    if (kOrigin.includes(key) || (kOptional.includes(key) && value === null)) continue;
    try {
      if (key === 'input') fields.input = readInput(value);
      else if ((kFields as readonly string[]).includes(key)) checkField(`model.${key}` as FieldName, value);
      else throw new DecalError('invalid-argument', `${key}: a model has no such field`);
    } catch (error) {
      throw refuse((error as Error).message.replace(/^model\./, ''));
    }
    if (key !== 'input') Object.assign(fields, { [key]: value });
  }
  return fields;
}

function readInput(input: unknown): NonNullable<Fields['input']> {
  if (!isObject(input)) throw new DecalError('invalid-argument', 'input: an object with rule, width, height and multiple');
  for (const [key, value] of Object.entries(input)) {
    if (!(kInput as readonly string[]).includes(key)) throw new DecalError('invalid-argument', `input.${key}: a model has no such field`);
    checkField(`model.input.${key}` as FieldName, value);
  }
  return input;
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
