import { format, inspect } from 'node:util';
import type { SystemError, UsageError } from '../errors.ts';
import { systemError, usageError } from '../errors.ts';

/** What `uv_strerror` says, for the errors that a server's `listen` reports with their description. */
const DESCRIPTIONS: Readonly<Record<string, string>> = {
  EADDRINUSE: 'address already in use',
  EADDRNOTAVAIL: 'address not available',
  EAFNOSUPPORT: 'address family not supported',
  EINVAL: 'invalid argument',
};

/** `type string ('abc')`, `an instance of Foo`, `undefined`: what Node's messages say was received. */
function described(value: unknown): string {
  if (value === null || value === undefined) return String(value);
  if (typeof value === 'function') return `function ${value.name}`;
  if (typeof value === 'object') {
    const name = Object.getPrototypeOf(value) === null ? undefined : value.constructor?.name;
    return name === undefined || name === '' ? inspect(value, { depth: -1 }) : `an instance of ${name}`;
  }
  const text = inspect(value, { colors: false });
  return `type ${typeof value} (${text.length > 28 ? `${text.slice(0, 25)}...` : text})`;
}

/** `expected` continues the sentence: `of type number`, `an instance of Object`. */
export function invalidArgType(name: string, expected: string, value: unknown): UsageError {
  const kind = name.includes('.') ? 'property' : 'argument';
  return usageError('ERR_INVALID_ARG_TYPE', `The "${name}" ${kind} must be ${expected}. Received ${described(value)}`);
}

export function invalidArgValue(name: string, value: unknown, reason = 'is invalid'): UsageError {
  const kind = name.includes('.') ? 'property' : 'argument';
  const text = inspect(value);
  const shown = text.length > 128 ? `${text.slice(0, 128)}...` : text;
  return usageError('ERR_INVALID_ARG_VALUE', `The ${kind} '${name}' ${reason}. Received ${shown}`);
}

export function outOfRange(name: string, range: string, value: unknown): UsageError {
  const message = `The value of "${name}" is out of range. It must be ${range}. Received ${inspect(value)}`;
  return usageError('ERR_OUT_OF_RANGE', message, RangeError);
}

/** `least` is 0, or 1 where port 0 makes no sense. */
export function badPort(name: string, value: unknown, least: 0 | 1 = 0): UsageError {
  const bound = least === 0 ? '>= 0' : '> 0';
  const message = `${name} should be ${bound} and < 65536. Received ${described(value)}.`;
  return usageError('ERR_SOCKET_BAD_PORT', message, RangeError);
}

export function invalidIpAddress(value: unknown): UsageError {
  return usageError('ERR_INVALID_IP_ADDRESS', format('Invalid IP address: %s', value));
}

export function invalidFamily(family: unknown, host: unknown, port: unknown): UsageError {
  const message = `Invalid address family: ${String(family)} ${String(host)}:${String(port)}`;
  return Object.assign(usageError('ERR_INVALID_ADDRESS_FAMILY', message, RangeError), { host, port });
}

export function socketClosed(): UsageError {
  return usageError('ERR_SOCKET_CLOSED', 'Socket is closed', Error);
}

export function closedBeforeConnected(): UsageError {
  const message = 'Socket closed before the connection was established';
  return usageError('ERR_SOCKET_CLOSED_BEFORE_CONNECTION', message, Error);
}

/** What `write` after the peer's FIN gives, where half-open sockets are not allowed. */
export function endedByPeer(): UsageError {
  return usageError('EPIPE', 'This socket has been ended by the other party', Error);
}

/** The core's error as `server.listen` reports it: `listen EADDRINUSE: address already in use 127.0.0.1:80`. */
export function listenError(error: unknown, address: string, port: number): Error {
  if (!isSystemError(error)) return error instanceof Error ? error : new Error(String(error));
  const shaped = systemError(error.code, 'listen', { address, port: port > 0 ? port : undefined, cause: error });
  const description = DESCRIPTIONS[error.code];
  const where = port > 0 ? `${address}:${port}` : address;
  if (description !== undefined) shaped.message = `listen ${error.code}: ${description} ${where}`;
  return shaped;
}

export function isSystemError(error: unknown): error is SystemError {
  return error instanceof Error && 'errno' in error && 'syscall' in error;
}

/** What a call threw, as an `Error` to emit. */
export function asError(thrown: unknown): Error {
  return thrown instanceof Error ? thrown : new Error(String(thrown));
}

/**
 * What a call on a datagram socket threw, as Node says it: with the place in the user's words, "undefined" among them where
 * a port stands alone, and in the message only what there is of it.
 */
export function asDgramError(thrown: unknown, place?: { readonly address?: unknown; readonly port?: unknown }): Error {
  if (!isSystemError(thrown)) return asError(thrown);
  const { code, syscall } = thrown;
  if (place === undefined) return systemError(code, syscall, { cause: thrown });
  const { address, port } = place as { address?: string; port?: number };
  const shown = Number(port) > 0 ? { address: String(address), port } : { address: address || undefined };
  const error = systemError(code, syscall, { ...shown, cause: thrown });
  // The fields hold whatever was given, also where the message leaves it out.
  return Object.assign(error, { address }, port ? { port } : undefined);
}
