// Writes web/src/border/border.ts from the data beside this file, see README.md. `node border/typescript.mjs` does it too.
// SPDX-License-Identifier: MIT
import { mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const folder = dirname(fileURLToPath(import.meta.url));
const output = join(folder, '../web/src/border/border.ts');

/** One of the JSON files. */
export const readBorder = (name) => JSON.parse(readFileSync(join(folder, `${name}.json`), 'utf8'));

const quoted = (text) => `'${text}'`;
const union = (words) => words.map(quoted).join(' | ');
const sentence = (text) => text && `${text[0].toUpperCase()}${text.slice(1)}${/[.,:]$/.test(text) ? '' : '.'}`;
const comment = (text, indent = '') => (text ? `${indent}/** ${sentence(text)} */\n` : '');
const wordsOf = (types, name) => types.choices.find((choice) => choice.name === name)?.choices.map(({ is }) => is);

function errorCodes({ engine, host }) {
  const list = (codes) => codes.map(({ code, about }) => ` * - \`${code}\`: ${about}`).join('\n');
  return `/**\n * Codes of the engine.\n *\n${list(engine)}\n */\nexport type EngineErrorCode = ${union(engine.map(({ code }) => code))};\n\n` +
    `/**\n * The engine's codes, and those only a JavaScript host meets:\n *\n${list(host)}\n */\n` +
    `export type DecalErrorCode = ${union([...engine, ...host].map(({ code }) => code))};\n`;
}

/** A constant each: of an object, bundles would keep every field with its comment. */
function limitsOf({ limits }) {
  return limits.filter(({ of }) => of !== 'command').map(({ name, value, about }) => `${comment(about)}export const k${name[0].toUpperCase()}${name.slice(1)} = ${value};\n`).join('');
}

const kBytes = { f32: 4, f64: 8, i32: 4, u32: 4 };
/** As the methods of DataView are called. */
const kViews = { f32: 'Float32', f64: 'Float64', i32: 'Int32', u32: 'Uint32' };

/** Fields with their places: each at the next multiple of its size. */
export function layOut(struct, types) {
  let at = 0;
  let widest = 4;
  const fields = struct.fields.map(({ name, type, about }) => {
    const [, of, count] = /^(\w+)(?:\[(\d+)\])?$/.exec(type);
    const words = wordsOf(types, of);
    const bytes = words ? 4 : kBytes[of];
    if (!bytes) throw new Error(`border/types.json: ${struct.name}.${name}: ${type}`);
    at = Math.ceil(at / bytes) * bytes;
    widest = Math.max(widest, bytes);
    const field = { name, about, type: words ? 'i32' : of, words, choice: words && of, count: count && Number(count), at };
    at += bytes * (field.count ?? 1);
    return field;
  });
  return { bytes: Math.ceil(at / widest) * widest, fields };
}

function structs(types) {
  const parts = types.choices.map(({ name, about, choices }) =>
    `/** ${about} ${choices.map(({ is, about: means }) => `\`${is}\`: ${means}`).join('; ')}. */\nexport type ${name} = ${union(choices.map(({ is }) => is))};\n`);
  // As lists, which a bundle keeps on one line.
  parts.push(
    "/** A field in memory: its name, type and place, how many there are, and what its numbers stand for. */\n" +
    "export type StructField<T> = readonly [\n  name: keyof T & string, type: 'Float32' | 'Float64' | 'Int32' | 'Uint32', at: number, count?: number, words?: readonly string[],\n];\n",
    '/** A struct in memory; `T` is what it becomes here. */\n' +
    'export interface StructLayout<T> {\n  bytes: number;\n  fields: readonly StructField<T>[];\n}\n',
  );
  for (const struct of types.structs) {
    const { bytes, fields } = layOut(struct, types);
    const typeOf = ({ choice, count }) => choice ?? (count ? `readonly [${Array(count).fill('number').join(', ')}]` : 'number');
    parts.push(
      `${comment(struct.about)}export interface ${struct.name} {\n` +
      `${fields.map((field) => `${comment(field.about, '  ')}  ${field.name}: ${typeOf(field)};\n`).join('')}}\n`,
      `export const k${struct.name}: StructLayout<${struct.name}> = {\n  bytes: ${bytes},\n  fields: [\n` +
      fields.map(({ name, type, at, count, words }) =>
        `    ['${name}', '${kViews[type]}', ${at}${count || words ? `, ${count ?? 1}` : ''}${words ? `, [${words.map(quoted).join(', ')}]` : ''}],\n`).join('') +
      '  ],\n};\n',
    );
  }
  return parts.join('\n');
}

const kReturns = { address: 'Address', handle: 'Handle', text: 'Text', status: 'Status', flag: 'number', u32: 'number', i32: 'number', f64: 'number' };

function functions({ about, functions }) {
  const typeOf = (type) => (type.endsWith('*') ? 'Address' : kReturns[type]);
  const lines = functions.map(({ name, takes, returns }) => {
    const parameters = takes.map((parameter) => {
      const [, id, type] = /^(\w+): (.+)$/.exec(parameter);
      return `${id}: ${typeOf(type)}`;
    });
    return `  ${name}(${parameters.join(', ')}): ${returns ? typeOf(returns) : 'void'};\n`;
  });
  return '/** Comes back signed: `>>> 0` makes it an address. */\nexport type Address = number;\n/** An address that only functions understand; 0 for failure. */\n' +
    'export type Handle = number;\n/** Address of NUL-terminated UTF-8. */\nexport type Text = number;\n/** 0 for success. */\nexport type Status = number;\n\n' +
    `/**\n * What modules export; border/functions.json says what each does.\n *\n${about.map((line) => ` * ${line}\n`).join('')} */\nexport interface Exports {\n  _initialize(): void;\n  __stack_pointer: WebAssembly.Global;\n  /** Of engines and what runs in their memory. */\n  __indirect_function_table?: { readonly length: number; grow(by: number): number };\n${lines.join('')}}\n`;
}

function answers({ module }) {
  return "/** Part of one of a plan's buffers. */\nexport type PlanRange = readonly [buffer: number, offset: number, bytes: number];\n\n" +
    module.map(({ name, about, fields }) =>
      `${comment(about)}export interface ${name} {\n${fields.map((field) => `${comment(field.about, '  ')}  ${field.name}: ${field.type};\n`).join('')}}\n`).join('\n');
}

/** A rule with its numbers and words in place. */
export function resolveRule(rule, limits, types) {
  const number = (value) => (typeof value === 'string' ? limits.limits.find(({ name }) => name === value).value : value);
  const resolved = { name: rule.name, type: rule.type };
  for (const key of ['least', 'most', 'count']) if (rule[key] !== undefined) resolved[key] = number(rule[key]);
  if (rule.type === 'choice') resolved.words = rule.words ?? wordsOf(types, rule.of);
  resolved.message = rule.message.replace(/\{(least|most)\}/g, (_, key) => resolved[key]);
  return resolved;
}

function rules(fields, limits, types) {
  const literal = (value) => (typeof value === 'string' ? quoted(value) : value ?? 'undefined');
  const table = (part, prefix) => fields[part].map((rule) => {
    const { name, type, message, words, least, most, count } = resolveRule(rule, limits, types);
    const numbers = [least, most, count];
    while (numbers.length > 0 && numbers.at(-1) === undefined) numbers.pop();
    return `  '${prefix}${name}': [${[type, message, ...(words ?? numbers)].map(literal).join(', ')}],\n`;
  }).join('');
  return '/** What a field may be, what is said where it is something else, and the words, or least, most and how many. */\n' +
    "export type FieldRule = readonly [\n  type: 'text' | 'choice' | 'whole' | 'number' | 'numbers' | 'values' | 'digest' | 'flag' | 'function', message: string,\n" +
    '  ...rest: readonly (string | number | undefined)[],\n];\n\n' +
    `export const fields = {\n${table('model', 'model.')}${table('options', '')}} as const satisfies Record<string, FieldRule>;\n`;
}

/** Writes the file where it is not up to date. Tests beside each other may do so at one time. */
export function generateTypeScript() {
  const [errors, limits, types, exported, json, fields] = ['errors', 'limits', 'types', 'functions', 'answers', 'fields'].map(readBorder);
  const text = ['// Generated from border/*.json: see border/README.md.\n', errorCodes(errors), limitsOf(limits), structs(types), functions(exported),
    answers(json), rules(fields, limits, types)].join('\n');
  try {
    if (readFileSync(output, 'utf8') === text) return;
  } catch {
    // It is not there yet.
  }
  mkdirSync(dirname(output), { recursive: true });
  writeFileSync(`${output}.${process.pid}`, text);
  renameSync(`${output}.${process.pid}`, output);
}

if (process.argv[1] === fileURLToPath(import.meta.url)) generateTypeScript();
