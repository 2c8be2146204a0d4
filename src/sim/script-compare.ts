import type { Expected, Heard } from './script-segment.ts';

/** What makes a segment not the expected one, a line for each field; none when it is. */
export function differences(expected: Expected, heard: Heard): string[] {
  const actual: Record<string, unknown> = { ...heard };
  return Object.entries(expected)
    .filter(([name, value]) => !same(value, actual[name]))
    .map(([name, value]) => `${name.padEnd(9)} ${valueText(actual[name])} instead of ${valueText(value)}`);
}

/** Equal values; arrays and objects are so when all that they hold is. */
function same(a: unknown, b: unknown): boolean {
  if (Object.is(a, b)) return true;
  if (typeof a !== 'object' || typeof b !== 'object' || a === null || b === null) return false;
  const [left, right] = [Object.entries(a), Object.entries(b)];
  const others: Readonly<Record<string, unknown>> = Object.fromEntries(right);
  return left.length === right.length && left.every(([key, value]) => key in others && same(value, others[key]));
}

/** A value as one would write it. */
export function valueText(value: unknown): string {
  if (typeof value === 'string') return `'${value}'`;
  if (value instanceof Uint8Array) return hexText(value);
  if (Array.isArray(value)) return `[${value.map(valueText).join(', ')}]`;
  if (typeof value !== 'object' || value === null) return String(value);
  const fields = Object.entries(value).map(([name, field]) => `${name}: ${valueText(field)}`);
  return `{ ${fields.join(', ')} }`;
}

/** Bytes as hexadecimal digits. */
export function hexText(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');
}
