// Checks fields of models and options against border/fields.json.
// SPDX-License-Identifier: MIT
import { fields, type FieldRule } from '../border/border.js';
import { DecalError } from './errors.js';

/** A field by the name that errors give it: `threads`, `model.input.width`. */
export type FieldName = keyof typeof fields;

/** @throws {DecalError} `invalid-argument` with the field and what it may be */
export function checkField(name: FieldName, value: unknown): void {
  const [type, message, ...rest]: FieldRule = fields[name];
  if (!isAllowed(type, rest, value)) throw new DecalError('invalid-argument', `${name}: ${message}`);
}

/** What may be left out. */
export function checkOption(name: FieldName, value: unknown): void {
  if (value !== undefined) checkField(name, value);
}

function isAllowed(type: FieldRule[0], rest: readonly unknown[], value: unknown): boolean {
  const [least = -Infinity, most = Infinity, count] = rest as number[];
  const within = (one: unknown) => typeof one === 'number' && one >= least && one <= most;
  switch (type) {
    case 'text':
      return typeof value === 'string' && value !== '';
    case 'choice':
      return rest.includes(value);
    case 'whole':
      return Number.isInteger(value) && within(value);
    case 'number':
      return within(value);
    case 'numbers':
      return Array.isArray(value) && value.length === count && value.every(within);
    case 'values':
      return typeof value === 'object' && value !== null && !Array.isArray(value) && Object.values(value).every(within);
    case 'digest':
      return value === null || value === '' || (typeof value === 'string' && /^[0-9a-f]{64}$/.test(value));
    case 'flag':
      return typeof value === 'boolean';
    case 'function':
      return typeof value === 'function';
  }
}
