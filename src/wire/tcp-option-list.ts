import { usageError } from '../errors.ts';
import { MAX_TCP_OPTIONS_LENGTH, TcpOptionKind, isCookieLength } from './tcp-options.ts';

/**
 * One TCP option as a plain value: for tests, traces and made-up segments, not for the data path.
 *
 * `userTimeout` has the 16 bits as they stand (RFC 5482 §3); `fastOpen` an empty cookie where it asks for one.
 * `end` has the padding that follows it; `other` is an option whose kind is not known here, or whose length is not
 * what its kind has (`data` is what stands behind kind and length); `broken` is the rest of an option area from a
 * length on that can't be followed.
 */
export type TcpOption =
  | { name: 'end'; padding: Uint8Array }
  | { name: 'nop' }
  | { name: 'mss'; value: number }
  | { name: 'windowScale'; shift: number }
  | { name: 'sackPermitted' }
  | { name: 'sack'; blocks: { left: number; right: number }[] }
  | { name: 'timestamps'; value: number; echo: number }
  | { name: 'userTimeout'; value: number }
  | { name: 'fastOpen'; cookie: Uint8Array }
  | { name: 'other'; kind: number; data: Uint8Array }
  | { name: 'broken'; bytes: Uint8Array };

/**
 * Reads an option area to the last byte; never fails. `formatTcpOptions` gives the same bytes back.
 *
 * @example
 * const segment = parseTcp(bytes);
 * if (typeof segment !== 'string') parseTcpOptions(segment.options); // [{ name: 'mss', value: 1460 }, …]
 */
export function parseTcpOptions(bytes: Uint8Array): TcpOption[] {
  const options: TcpOption[] = [];
  let at = 0;
  while (at < bytes.byteLength) {
    const kind = bytes[at]!;
    if (kind === TcpOptionKind.END) {
      options.push({ name: 'end', padding: bytes.slice(at + 1) });
      break;
    }
    if (kind === TcpOptionKind.NOP) {
      options.push({ name: 'nop' });
      at += 1;
      continue;
    }
    const length = bytes[at + 1] ?? 0;
    if (length < 2 || at + length > bytes.byteLength) {
      options.push({ name: 'broken', bytes: bytes.slice(at) });
      break;
    }
    options.push(parseOption(kind, bytes.slice(at + 2, at + length)));
    at += length;
  }
  return options;
}

function parseOption(kind: number, data: Uint8Array): TcpOption {
  const view = new DataView(data.buffer, data.byteOffset, data.byteLength);
  const { byteLength } = data;
  if (kind === TcpOptionKind.MSS && byteLength === 2) return { name: 'mss', value: view.getUint16(0) };
  if (kind === TcpOptionKind.WINDOW_SCALE && byteLength === 1) return { name: 'windowScale', shift: view.getUint8(0) };
  if (kind === TcpOptionKind.SACK_PERMITTED && byteLength === 0) return { name: 'sackPermitted' };
  if (kind === TcpOptionKind.TIMESTAMPS && byteLength === 8) {
    return { name: 'timestamps', value: view.getUint32(0), echo: view.getUint32(4) };
  }
  if (kind === TcpOptionKind.SACK && byteLength > 0 && byteLength % 8 === 0) {
    const blocks = Array.from({ length: byteLength / 8 }, (_, i) => ({
      left: view.getUint32(8 * i),
      right: view.getUint32(8 * i + 4),
    }));
    return { name: 'sack', blocks };
  }
  if (kind === TcpOptionKind.USER_TIMEOUT && byteLength === 2) return { name: 'userTimeout', value: view.getUint16(0) };
  if (kind === TcpOptionKind.FAST_OPEN && isCookieLength(byteLength)) return { name: 'fastOpen', cookie: data };
  return { name: 'other', kind, data };
}

/**
 * Writes options in their order, and pads to whole words.
 *
 * @throws ERR_OUT_OF_RANGE for more than 40 bytes
 */
export function formatTcpOptions(options: readonly TcpOption[]): Uint8Array {
  const bytes = options.flatMap(formatOption);
  // [MUST-69] RFC 9293 §3.1: padding is zeros.
  while (bytes.length % 4 !== 0) bytes.push(TcpOptionKind.END);
  if (bytes.length > MAX_TCP_OPTIONS_LENGTH) {
    const message = `TCP options have at most ${MAX_TCP_OPTIONS_LENGTH} bytes, not ${bytes.length}`;
    throw usageError('ERR_OUT_OF_RANGE', message, RangeError);
  }
  return Uint8Array.from(bytes);
}

function formatOption(option: TcpOption): number[] {
  const { END, NOP, MSS, WINDOW_SCALE, SACK_PERMITTED, SACK, TIMESTAMPS, USER_TIMEOUT, FAST_OPEN } = TcpOptionKind;
  switch (option.name) {
    case 'end':
      return [END, ...option.padding];
    case 'nop':
      return [NOP];
    case 'mss':
      return [MSS, 4, option.value >>> 8, option.value & 255];
    case 'windowScale':
      return [WINDOW_SCALE, 3, option.shift];
    case 'sackPermitted':
      return [SACK_PERMITTED, 2];
    case 'sack':
      return [
        SACK,
        2 + 8 * option.blocks.length,
        ...option.blocks.flatMap(({ left, right }) => [...octets(left), ...octets(right)]),
      ];
    case 'timestamps':
      return [TIMESTAMPS, 10, ...octets(option.value), ...octets(option.echo)];
    case 'userTimeout':
      return [USER_TIMEOUT, 4, option.value >>> 8, option.value & 255];
    case 'fastOpen':
      return [FAST_OPEN, 2 + option.cookie.byteLength, ...option.cookie];
    case 'other':
      return [option.kind, 2 + option.data.byteLength, ...option.data];
    default:
      return [...option.bytes];
  }
}

function octets(word: number): number[] {
  return [word >>> 24, (word >>> 16) & 255, (word >>> 8) & 255, word & 255];
}
