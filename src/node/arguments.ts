import { badPort, invalidArgType, invalidArgValue, outOfRange } from './net-errors.ts';

/** The longest delay of a timer, in milliseconds: 2³¹−1. */
export const LONGEST_TIMER: number = 2 ** 31 - 1;

/** `(options)`, `(port, host)`, `(path)`, each with further arguments and a callback at the end, brought to one shape. */
export function normalizeArguments<Options extends object>(
  args: readonly unknown[],
): [Options, (() => void) | undefined] {
  const [first, second] = args;
  let options: object = {};
  if (typeof first === 'object' && first !== null) options = { ...first };
  else if (isPath(first)) options = { path: first };
  else if (args.length > 0) options = typeof second === 'string' ? { port: first, host: second } : { port: first };
  const last = args.at(-1);
  return [options as Options, typeof last === 'function' ? (last as () => void) : undefined];
}

/** A string that is not a number names a Unix-domain socket. */
export function isPath(value: unknown): value is string {
  return typeof value === 'string' && !(Number(value) >= 0);
}

/**
 * A port as Node takes it: a number, or a string that reads as one.
 *
 * @throws ERR_SOCKET_BAD_PORT
 */
export function toPort(port: unknown, name = 'Port', least: 0 | 1 = 0): number {
  if (typeof port === 'number' && port >>> 0 === port && port <= 0xffff && port >= least) return port;
  const numeric = typeof port === 'number' || (typeof port === 'string' && port.trim() !== '');
  if (!numeric || Number(port) !== Number(port) >>> 0 || Number(port) > 0xffff || Number(port) < least) {
    throw badPort(name, port, least);
  }
  return Number(port);
}

export function checkNumber(value: unknown, name: string): void {
  if (typeof value !== 'number') throw invalidArgType(name, 'of type number', value);
}

/** @throws ERR_INVALID_ARG_TYPE, ERR_OUT_OF_RANGE */
export function checkInteger(value: unknown, name: string, least: number, most: number): void {
  checkNumber(value, name);
  if (!Number.isInteger(value)) throw outOfRange(name, 'an integer', value);
  if (Number(value) < least || Number(value) > most) throw outOfRange(name, `>= ${least} && <= ${most}`, value);
}

/** @throws ERR_INVALID_ARG_TYPE, ERR_OUT_OF_RANGE */
export function checkUint32(value: unknown, name: string): void {
  checkNumber(value, name);
  if (!Number.isInteger(value)) throw outOfRange(name, 'an integer', value);
  if (Number(value) >>> 0 !== value) throw outOfRange(name, `>= 0 && <= ${2 ** 32 - 1}`, value);
}

export function checkString(value: unknown, name: string): void {
  if (typeof value !== 'string') throw invalidArgType(name, 'of type string', value);
}

/** @throws ERR_INVALID_ARG_TYPE, ERR_INVALID_ARG_VALUE */
export function checkStringWithoutNullBytes(value: unknown, name: string): void {
  checkString(value, name);
  if (String(value).includes('\0')) throw invalidArgValue(name, value, 'must be a string without null bytes');
}

export function checkBoolean(value: unknown, name: string): void {
  if (typeof value !== 'boolean') throw invalidArgType(name, 'of type boolean', value);
}

export function checkObject(value: unknown, name: string): void {
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return;
  throw invalidArgType(name, 'of type object', value);
}

export function checkFunction(value: unknown, name: string): void {
  if (typeof value !== 'function') throw invalidArgType(name, 'of type function', value);
}

export function checkSignal(value: unknown, name: string): void {
  if (typeof value === 'object' && value !== null && 'aborted' in value) return;
  throw invalidArgType(name, 'an instance of AbortSignal', value);
}

/** The time for an attempt, in milliseconds; Node's shortest is 10. */
export function toAttemptTimeout(value: unknown, name: string): number {
  checkInteger(value, name, 1, LONGEST_TIMER);
  return Math.max(10, Number(value));
}

/** A delay in milliseconds; what is longer than a timer can be becomes the longest. */
export function toDelay(value: unknown, name: string): number {
  checkNumber(value, name);
  const delay = Number(value);
  if (delay < 0 || !Number.isFinite(delay)) throw outOfRange(name, 'a non-negative finite number', value);
  return Math.min(delay, LONGEST_TIMER);
}

/** @throws ERR_INVALID_ARG_TYPE unless it is a `Stack` */
export function checkStack(value: unknown, expected = 'a Stack, as new Stack() makes it'): void {
  const { tcp, udp } = (value ?? {}) as { tcp?: { connect?: unknown }; udp?: { bind?: unknown } };
  if (typeof tcp?.connect === 'function' && typeof udp?.bind === 'function') return;
  throw invalidArgType('stack', expected, value);
}

/** @throws ERR_INVALID_ARG_TYPE, ERR_OUT_OF_RANGE */
export function toTypeOfService(value: unknown, name: string): number {
  checkInteger(value, name, 0, 255);
  return Number(value);
}

/** @throws ERR_INVALID_ARG_VALUE: sockets carry bytes */
export function refuseObjectMode(options: object): void {
  for (const name of ['objectMode', 'readableObjectMode', 'writableObjectMode']) {
    const value: unknown = Reflect.get(options, name);
    if (value) throw invalidArgValue(`options.${name}`, value, 'is not supported');
  }
}
