// Checks fields of models and options against border/fields.json.
import { fields, type FieldRule } from '../border/border.js';
import { DecalError } from './errors.js';

/** A field by the name that errors give it: `threads`, `model.input.width`. */
export type FieldName = keyof typeof fields;

/** @throws {DecalError} `invalid-argument` with the field and what it may be */
export function checkField(name: FieldName, value: unknown): void {
  const rule: FieldRule = fields[name];
  if (!isAllowed(rule, value)) throw new DecalError('invalid-argument', `${name}: ${rule.message}`);
}

/** What may be left out. */
export function checkOption(name: FieldName, value: unknown): void {
  if (value !== undefined) checkField(name, value);
}

function isAllowed({ type, words, count, ...range }: FieldRule, value: unknown): boolean {
  switch (type) {
    case 'text':
      return typeof value === 'string' && value !== '';
    case 'choice':
      return words!.includes(value as string);
    case 'whole':
      return Number.isInteger(value) && isWithin(range, value);
    case 'number':
      return isWithin(range, value);
    case 'numbers':
      return Array.isArray(value) && value.length === count && value.every((one) => isWithin(range, one));
    case 'digest':
      return value === null || value === '' || (typeof value === 'string' && /^[0-9a-f]{64}$/.test(value));
    case 'flag':
      return typeof value === 'boolean';
    case 'function':
      return typeof value === 'function';
  }
}

function isWithin({ least = -Infinity, most = Infinity, above = -Infinity }: Pick<FieldRule, 'least' | 'most' | 'above'>, value: unknown) {
  return typeof value === 'number' && value >= least && value <= most && value > above;
}
