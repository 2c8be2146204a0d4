import { usageError } from '../errors.ts';

/** Linux: IFNAMSIZ with the closing zero. */
const LONGEST_NAME = 15;

/** Throws unless `value` can be a device's name; `number`: a `%d` in it stands for one. */
export function checkDeviceName(what: string, value: unknown, number: boolean = false): asserts value is string {
  if (typeof value !== 'string') throw wrongType(what, 'a string', value);
  // As the kernel's dev_valid_name(); a % other than one %d it would refuse without saying why.
  const plain = number ? value.replace('%d', '0') : value;
  const bad = /[/:%\s\0]/.test(plain) || plain === '.' || plain === '..';
  if (value === '' || bad || new TextEncoder().encode(value).length > LONGEST_NAME) {
    throw wrongValue(what, `a device name of 1 to ${LONGEST_NAME} bytes without '/', ':', '%' and space`, value);
  }
}

export function checkInteger(what: string, value: unknown, min: number, max: number): void {
  if (typeof value !== 'number') throw wrongType(what, 'a number', value);
  if (!Number.isInteger(value) || value < min || value > max) {
    const range = `an integer from ${min} to ${max}`;
    throw usageError('ERR_OUT_OF_RANGE', `options.${what} must be ${range}, not ${value}`, RangeError);
  }
}

export function wrongType(what: string, wanted: string, value: unknown): Error {
  const found = value === null ? 'null' : typeof value;
  return usageError('ERR_INVALID_ARG_TYPE', `options.${what} must be ${wanted}, not ${found}`);
}

export function wrongValue(what: string, wanted: string, value: unknown): Error {
  return usageError('ERR_INVALID_ARG_VALUE', `options.${what} must be ${wanted}, not ${JSON.stringify(value)}`);
}
