/**
 * The errors that reach users: Node's codes, so that a program written for `node:net` understands them.
 * This file imports nothing and may be imported from every room.
 */

/** Linux errno numbers, as `libuv` reports them (negative). */
const ERRNO = {
  EPERM: -1,
  ENOENT: -2,
  EIO: -5,
  ENXIO: -6,
  EBADF: -9,
  EAGAIN: -11,
  ENOMEM: -12,
  EACCES: -13,
  EFAULT: -14,
  EBUSY: -16,
  EEXIST: -17,
  ENODEV: -19,
  EINVAL: -22,
  EMFILE: -24,
  EPIPE: -32,
  EPROTO: -71,
  EBADFD: -77,
  EDESTADDRREQ: -89,
  EMSGSIZE: -90,
  ENOPROTOOPT: -92,
  EPROTONOSUPPORT: -93,
  EOPNOTSUPP: -95,
  EAFNOSUPPORT: -97,
  EADDRINUSE: -98,
  EADDRNOTAVAIL: -99,
  ENETDOWN: -100,
  ENETUNREACH: -101,
  ECONNABORTED: -103,
  ECONNRESET: -104,
  ENOBUFS: -105,
  EISCONN: -106,
  ENOTCONN: -107,
  ETIMEDOUT: -110,
  ECONNREFUSED: -111,
  EHOSTUNREACH: -113,
  EALREADY: -114,
  ECANCELED: -125,
} as const;

/** A system error code that the stack can report. */
export type ErrorCode = keyof typeof ERRNO;

/** A system error in the shape Node gives it. */
export interface SystemError extends Error {
  code: ErrorCode;
  errno: number;
  syscall: string;
  address?: string;
  port?: number;
}

/** Where an error happened, for its message and fields. */
export interface ErrorPlace {
  address?: string | undefined;
  port?: number | undefined;
  /** A sentence that says what to do, appended to the message. */
  hint?: string | undefined;
  /** What brought it about: `error.cause`. */
  cause?: unknown;
}

/**
 * Makes a system error as Node would: `connect ECONNREFUSED 10.0.0.2:80`.
 *
 * @example
 * throw systemError('EADDRINUSE', 'listen', { address: '0.0.0.0', port: 80 });
 */
export function systemError(code: ErrorCode, syscall: string, place: ErrorPlace = {}): SystemError {
  const { address, port, hint, cause } = place;
  let where = '';
  if (address !== undefined) where = port === undefined ? ` ${address}` : ` ${address}:${port}`;
  const message = `${syscall} ${code}${where}${hint === undefined ? '' : `: ${hint}`}`;
  const error = new Error(message, cause === undefined ? undefined : { cause }) as SystemError;
  error.errno = ERRNO[code];
  error.code = code;
  error.syscall = syscall;
  if (address !== undefined) error.address = address;
  if (port !== undefined) error.port = port;
  return error;
}

/** A misuse of the API: thrown at once, with one of Node's `ERR_*` codes and a message that says what to do. */
export interface UsageError extends Error {
  code: string;
}

/**
 * Makes a usage error: `usageError('ERR_INVALID_ARG_VALUE', 'mtu must be …', RangeError)`.
 *
 * @param code Node's code, such as `ERR_INVALID_ARG_TYPE` or `ERR_OUT_OF_RANGE`.
 * @param kind the class; `TypeError` unless told.
 */
export function usageError(
  code: string,
  message: string,
  kind: new (message: string) => Error = TypeError,
): UsageError {
  const error = new kind(message) as UsageError;
  error.code = code;
  return error;
}

/**
 * Throws unless `value` is of the primitive type `type`.
 *
 * @throws TypeError ERR_INVALID_ARG_TYPE
 */
export function requireType(name: string, value: unknown, type: 'boolean' | 'number' | 'string' | 'function'): void {
  if (typeof value === type) return;
  const given = typeof value === 'string' || value === null ? described(value) : typeof value;
  throw usageError('ERR_INVALID_ARG_TYPE', `${name} must be a ${type}, not ${given}`);
}

/**
 * Throws unless `options` is an object with none but the known names.
 *
 * @param where the call, for the message: `stack.attach`
 * @throws TypeError ERR_INVALID_ARG_TYPE, ERR_INVALID_ARG_VALUE
 */
export function requireOptions(where: string, options: unknown, known: readonly string[]): void {
  if (typeof options !== 'object' || options === null || Array.isArray(options)) {
    const message = `${where}: the options must be an object (of ${known.join(', ')}), not ${described(options)}`;
    throw usageError('ERR_INVALID_ARG_TYPE', message);
  }
  const unknown = Object.keys(options).find((name) => !known.includes(name));
  if (unknown === undefined) return;
  const message = `${where}: there is no option '${unknown}'; there are ${known.join(', ')}`;
  throw usageError('ERR_INVALID_ARG_VALUE', message);
}

/**
 * Throws unless `callbacks` is an object of functions, all optional, none of which has a name that nobody would call.
 * It may have whatever else it likes: only names like `onReadable` are looked at, its own and those of its class.
 *
 * @param where the call, for the message: `stack.tcp.connect`
 * @throws TypeError ERR_INVALID_ARG_TYPE, ERR_INVALID_ARG_VALUE
 */
export function requireCallbacks(where: string, callbacks: unknown, known: readonly string[]): void {
  if (typeof callbacks !== 'object' || callbacks === null || Array.isArray(callbacks)) {
    const message = `${where}: the callbacks must be an object (of ${known.join(', ')}), not ${described(callbacks)}`;
    throw usageError('ERR_INVALID_ARG_TYPE', message);
  }
  refuseUnknown(where, callbacks, known);
  let own = Object.getPrototypeOf(callbacks) as object | null;
  for (; own !== null && own !== Object.prototype; own = Object.getPrototypeOf(own) as object | null) {
    if (checkedClasses.get(own) === known) continue;
    refuseUnknown(where, own, known);
    checkedClasses.set(own, known);
  }
  const values = callbacks as Record<string, unknown>;
  for (const name of known) {
    const value = values[name];
    if (value !== undefined && typeof value !== 'function') requireType(`${where}: ${name}`, value, 'function');
  }
}

/** The prototypes of callbacks that were found good, for these names: each connection may have an object of the same class. */
const checkedClasses = new WeakMap<object, readonly string[]>();

function refuseUnknown(where: string, callbacks: object, known: readonly string[]): void {
  for (const name of Object.getOwnPropertyNames(callbacks)) {
    // All of them begin so: most names are none at a glance.
    if ((name.charCodeAt(0) | 0x20) !== 0x6f || (name.charCodeAt(1) | 0x20) !== 0x6e) continue;
    if (known.includes(name) || !isCallback(name, known)) continue;
    const message = `${where}: there is no callback '${name}'; there are ${known.join(', ')}`;
    throw usageError('ERR_INVALID_ARG_VALUE', message);
  }
}

/** It is named like a callback: in the usual way, or as one of `known` in another case. */
function isCallback(name: string, known: readonly string[]): boolean {
  return /^on[A-Z]/.test(name) || known.some((other) => other.toLowerCase() === name.toLowerCase());
}

/**
 * Throws unless `object` has all these methods.
 *
 * @param hint what to pass
 * @throws TypeError ERR_INVALID_ARG_TYPE
 */
export function requireMethods(name: string, object: unknown, methods: readonly string[], hint: string): void {
  const own = (object ?? {}) as Record<string, unknown>;
  const missing = methods.find((method) => typeof own[method] !== 'function');
  if (missing === undefined) return;
  const flaw = typeof object === 'object' && object !== null && !Array.isArray(object) ? ` has no ${missing}()` : '';
  const message = flaw === '' ? `${name} must be ${hint}, not ${described(object)}` : `${name}${flaw}: pass ${hint}`;
  throw usageError('ERR_INVALID_ARG_TYPE', message);
}

/**
 * Throws unless `port` is a whole number from `least` to 65,535.
 *
 * @throws RangeError ERR_SOCKET_BAD_PORT
 */
export function requirePort(name: string, port: unknown, least: 0 | 1): asserts port is number {
  if (Number.isInteger(port) && Number(port) >= least && Number(port) <= 65_535) return;
  const expected = typeof port === 'number' ? `whole number from ${least} to 65535` : 'number';
  throw usageError('ERR_SOCKET_BAD_PORT', `${name} must be a ${expected}, not ${described(port)}`, RangeError);
}

/** A value in the words of a message: `the string '80'`, `null`, `an array`. */
export function described(value: unknown): string {
  if (typeof value === 'string') return `the string '${value}'`;
  if (Array.isArray(value)) return 'an array';
  if (typeof value === 'object' && value !== null) return 'an object';
  return typeof value === 'function' ? 'a function' : String(value);
}

/**
 * Throws unless `value` is bytes: a Uint8Array, or an array of them.
 *
 * @throws TypeError ERR_INVALID_ARG_TYPE
 */
export function requireBytes(name: string, value: unknown): void {
  if (value instanceof Uint8Array) return;
  if (Array.isArray(value) && value.every((piece) => piece instanceof Uint8Array)) return;
  throw usageError('ERR_INVALID_ARG_TYPE', `${name} must be a Uint8Array or an array of them`);
}

/**
 * Throws unless `value` is a whole number from `min` to `max`.
 *
 * @throws TypeError ERR_INVALID_ARG_TYPE, RangeError ERR_OUT_OF_RANGE
 */
export function requireInteger(name: string, value: unknown, min: number, max: number): void {
  requireType(name, value, 'number');
  if (Number.isInteger(value) && Number(value) >= min && Number(value) <= max) return;
  const message = `${name} must be a whole number from ${min} to ${max}, not ${String(value)}`;
  throw usageError('ERR_OUT_OF_RANGE', message, RangeError);
}
