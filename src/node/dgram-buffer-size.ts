import { systemError, usageError } from '../errors.ts';
import type { ErrorCode, SystemError } from '../errors.ts';

/** What Linux leaves a socket at least, in bytes: SOCK_MIN_RCVBUF and SOCK_MIN_SNDBUF. */
const LEAST = { receive: 2304, send: 4608 } as const;

/** What `uv_strerror` says. */
const DESCRIPTIONS = { EBADF: 'bad file descriptor', EINVAL: 'invalid argument' } as const;

/** The buffer that Linux makes when this many bytes are asked for: twice that, for the overhead of messages. */
export function occupied(size: number, kind: 'receive' | 'send'): number {
  return Math.min(Math.max(2 * size, LEAST[kind]), 0x7fff_ffff);
}

/** Node's `SystemError`, which keeps what the system said in `info`. */
export function bufferSizeError(code: ErrorCode & keyof typeof DESCRIPTIONS, syscall: string): Error {
  const said: SystemError = systemError(code, syscall);
  const description = DESCRIPTIONS[code];
  const message = `Could not get or set buffer size: ${syscall} returned ${code} (${description})`;
  const error = usageError('ERR_SOCKET_BUFFER_SIZE', message, Error);
  Object.defineProperty(error, 'name', { value: 'SystemError', configurable: true, writable: true });
  const { errno } = said;
  return Object.assign(error, { info: { errno, code, message: description, syscall }, errno, syscall });
}
