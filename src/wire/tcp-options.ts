/** Option kinds (RFC 9293 §3.2, RFC 7323, RFC 2018, RFC 5482, RFC 7413). */
export const TcpOptionKind = {
  END: 0,
  NOP: 1,
  MSS: 2,
  WINDOW_SCALE: 3,
  SACK_PERMITTED: 4,
  SACK: 5,
  TIMESTAMPS: 8,
  USER_TIMEOUT: 28,
  FAST_OPEN: 34,
} as const;

/** The longest option area, in bytes: the data offset field counts to 15 words. */
export const MAX_TCP_OPTIONS_LENGTH = 40;

/** What was wrong with an option. It was skipped, and parsing ended there if its length was unusable. */
export type TcpOptionsFlaw = 'tcp-option-truncated' | 'tcp-option-bad-length';

/** As many SACK blocks as fit 40 bytes (RFC 2018 §3). */
const MOST_SACK_BLOCKS = 4;

const MSS_LENGTH = 4;
const WINDOW_SCALE_LENGTH = 3;
const SACK_PERMITTED_LENGTH = 2;
const TIMESTAMPS_LENGTH = 10;
const USER_TIMEOUT_LENGTH = 4;
/** A Fast Open cookie has 4 to 16 bytes, an even number of them (RFC 7413 §4.1.1). */
const LEAST_COOKIE = 4;
const MOST_COOKIE = 16;
/** The lone timestamps option as RFC 7323 Appendix A lays it out: NOP, NOP, kind 8, length 10. */
const ALIGNED_TIMESTAMPS = 0x0101080a;
/** Its bytes: all the options that most segments of a connection with timestamps have. */
export const ALIGNED_TIMESTAMPS_LENGTH = 12;

/** The options of one segment; one object is read into, or written from, segment after segment. */
export class TcpOptions {
  /** Maximum segment size in bytes; 0 when absent. */
  mss: number = 0;
  /** Shift count as sent, up to 255 (RFC 7323 §2.3 takes 14 for more); -1 when absent. */
  windowScale: number = -1;
  sackPermitted: boolean = false;
  /** Whether `tsValue` and `tsEcho` are there. */
  timestamps: boolean = false;
  /** TSval and TSecr, unsigned. */
  tsValue: number = 0;
  tsEcho: number = 0;
  /** Block `i` covers sequence numbers from `sackLeft[i]` up to and without `sackRight[i]`. */
  sackCount: number = 0;
  readonly sackLeft: Uint32Array = new Uint32Array(MOST_SACK_BLOCKS);
  readonly sackRight: Uint32Array = new Uint32Array(MOST_SACK_BLOCKS);
  /** The user timeout as it stands (RFC 5482 §3): bit 15 is the granularity, minutes or seconds; -1 when absent. */
  userTimeout: number = -1;
  /** Bytes of the Fast Open cookie (RFC 7413 §4.1.1); 0 when one is asked for, -1 without the option. */
  fastOpen: number = -1;
  /** The cookie: its first `fastOpen` bytes. */
  readonly fastOpenCookie: Uint8Array = new Uint8Array(MOST_COOKIE);
  /** Options that were read over because their kind is not known here. */
  unknown: number = 0;

  /** Forgets everything. */
  clear(): void {
    this.mss = 0;
    this.windowScale = -1;
    this.sackPermitted = false;
    this.timestamps = false;
    this.tsValue = 0;
    this.tsEcho = 0;
    this.sackCount = 0;
    this.userTimeout = -1;
    this.fastOpen = -1;
    this.unknown = 0;
  }

  /** Appends a SACK block; a fifth is ignored. */
  addSack(left: number, right: number): void {
    if (this.sackCount === MOST_SACK_BLOCKS) return;
    this.sackLeft[this.sackCount] = left;
    this.sackRight[this.sackCount] = right;
    this.sackCount += 1;
  }

  /** Takes a Fast Open cookie of 4 to 16 bytes, an even number; an empty one asks for a cookie. */
  setFastOpen(cookie: Uint8Array): void {
    this.fastOpen = cookie.byteLength;
    this.fastOpenCookie.set(cookie);
  }
}

/**
 * Reads the options in `[start, end)` into `into`, which is cleared first. Options may stand at any offset [MUST-64].
 * Of an option that stands twice, the last one counts.
 *
 * @returns the first flaw; what was read before and, where the lengths allow it, behind the flaw is kept
 */
export function readTcpOptions(
  view: DataView,
  start: number,
  end: number,
  into: TcpOptions,
): TcpOptionsFlaw | undefined {
  into.clear();
  if (end - start === ALIGNED_TIMESTAMPS_LENGTH && view.getUint32(start) === ALIGNED_TIMESTAMPS) {
    readTimestamps(view, start + 2, into);
    return undefined;
  }
  let flaw: TcpOptionsFlaw | undefined;
  let at = start;
  while (at < end) {
    const kind = view.getUint8(at);
    // [MUST-4] RFC 9293 §3.2
    if (kind === TcpOptionKind.END) break;
    if (kind === TcpOptionKind.NOP) {
      at += 1;
      continue;
    }
    // [MUST-7] RFC 9293 §3.1: a length of 0 or 1, or past the header, ends the reading and harms nothing.
    const length = at + 1 < end ? view.getUint8(at + 1) : 0;
    if (length < 2 || at + length > end) return flaw ?? 'tcp-option-truncated';
    // [MUST-6] [MUST-68] RFC 9293 §3.1: every other option is skipped by its length, those of experiments too ([S-103] RFC 6994).
    if (!readOption(view, at, kind, length, into)) flaw ??= 'tcp-option-bad-length';
    at += length;
  }
  return flaw;
}

/** Takes one option whose bytes are all there; false when its kind must not have this length. */
function readOption(view: DataView, at: number, kind: number, length: number, into: TcpOptions): boolean {
  switch (kind) {
    case TcpOptionKind.MSS:
      if (length !== MSS_LENGTH) return false;
      into.mss = view.getUint16(at + 2);
      return true;
    case TcpOptionKind.WINDOW_SCALE:
      if (length !== WINDOW_SCALE_LENGTH) return false;
      into.windowScale = view.getUint8(at + 2);
      return true;
    case TcpOptionKind.SACK_PERMITTED:
      if (length !== SACK_PERMITTED_LENGTH) return false;
      into.sackPermitted = true;
      return true;
    case TcpOptionKind.SACK:
      return readSack(view, at, length, into);
    case TcpOptionKind.TIMESTAMPS:
      if (length !== TIMESTAMPS_LENGTH) return false;
      readTimestamps(view, at, into);
      return true;
    case TcpOptionKind.USER_TIMEOUT:
      if (length !== USER_TIMEOUT_LENGTH) return false;
      into.userTimeout = view.getUint16(at + 2);
      return true;
    case TcpOptionKind.FAST_OPEN:
      return readFastOpen(view, at, length, into);
    default:
      into.unknown += 1;
      return true;
  }
}

function readTimestamps(view: DataView, at: number, into: TcpOptions): void {
  into.timestamps = true;
  into.tsValue = view.getUint32(at + 2);
  into.tsEcho = view.getUint32(at + 6);
}

function readSack(view: DataView, at: number, length: number, into: TcpOptions): boolean {
  const blocks = (length - 2) / 8;
  // RFC 2018 §3: 8*n + 2 octets, n from 1 to 4.
  if (!Number.isInteger(blocks) || blocks < 1 || blocks > MOST_SACK_BLOCKS) return false;
  into.sackCount = 0;
  for (let i = 0; i < blocks; i++) into.addSack(view.getUint32(at + 2 + 8 * i), view.getUint32(at + 6 + 8 * i));
  return true;
}

/** Takes a cookie, or the request for one; false when its length is none that a cookie has. */
function readFastOpen(view: DataView, at: number, length: number, into: TcpOptions): boolean {
  const bytes = length - 2;
  // RFC 7413 §4.1.1: options with invalid length values must be ignored.
  if (!isCookieLength(bytes)) return false;
  into.fastOpen = bytes;
  for (let i = 0; i < bytes; i++) into.fastOpenCookie[i] = view.getUint8(at + 2 + i);
  return true;
}

/** Whether a Fast Open option may carry that many bytes: none, or 4 to 16, an even number (RFC 7413 §4.1.1). */
export function isCookieLength(bytes: number): boolean {
  return bytes === 0 || (bytes >= LEAST_COOKIE && bytes <= MOST_COOKIE && bytes % 2 === 0);
}

/** Bytes that `writeTcpOptions` will write: a multiple of 4, at most 40. */
export function tcpOptionsLength(options: TcpOptions): number {
  const fixed = fixedLength(options);
  const blocks = sackBlocksThatFit(options, fixed);
  return fixed + (blocks === 0 ? 0 : 4 + 8 * blocks);
}

/** Everything but SACK blocks, in whole words; Fast Open's option only where it fits. */
function fixedLength(options: TcpOptions): number {
  const mss = options.mss === 0 ? 0 : 4;
  const windowScale = options.windowScale < 0 ? 0 : 4;
  // SACK-permitted takes the place of the two NOPs in front of the timestamps.
  const pair = options.timestamps ? 12 : options.sackPermitted ? 4 : 0;
  const userTimeout = options.userTimeout < 0 ? 0 : 4;
  const others = mss + windowScale + pair + userTimeout;
  const fastOpen = fastOpenLength(options);
  return others + fastOpen > MAX_TCP_OPTIONS_LENGTH ? others : others + fastOpen;
}

/** The Fast Open option in whole words; 0 without one. */
function fastOpenLength({ fastOpen }: TcpOptions): number {
  return fastOpen < 0 ? 0 : (2 + fastOpen + 3) & ~3;
}

function sackBlocksThatFit(options: TcpOptions, fixed: number): number {
  // Nothing but the largest cookies fills the area to its end.
  const room = Math.max(0, (MAX_TCP_OPTIONS_LENGTH - fixed - 4) >> 3);
  return options.sackCount < room ? options.sackCount : room;
}

/**
 * Writes the options at `offset`, laid out in whole words with NOPs as Linux does, so that no padding is needed
 * [MUST-69]. A Fast Open option that does not fit is left out; of the SACK blocks the first that fit are written.
 *
 * @returns bytes written, as `tcpOptionsLength` said
 */
export function writeTcpOptions(view: DataView, offset: number, options: TcpOptions): number {
  const { MSS, WINDOW_SCALE, SACK_PERMITTED, NOP } = TcpOptionKind;
  let at = offset;
  if (options.mss !== 0) {
    view.setUint16(at, (MSS << 8) | MSS_LENGTH);
    view.setUint16(at + 2, options.mss);
    at += 4;
  }
  if (options.sackPermitted || options.timestamps) {
    const permitted = (SACK_PERMITTED << 8) | SACK_PERMITTED_LENGTH;
    const nops = (NOP << 8) | NOP;
    view.setUint16(at, options.sackPermitted && options.timestamps ? permitted : nops);
    if (options.timestamps) writeTimestamps(view, at + 2, options);
    else view.setUint16(at + 2, permitted);
    at += options.timestamps ? 12 : 4;
  }
  if (options.windowScale >= 0) {
    view.setUint32(at, (NOP << 24) | (WINDOW_SCALE << 16) | (WINDOW_SCALE_LENGTH << 8) | options.windowScale);
    at += 4;
  }
  if (options.userTimeout >= 0) {
    view.setUint16(at, (TcpOptionKind.USER_TIMEOUT << 8) | USER_TIMEOUT_LENGTH);
    view.setUint16(at + 2, options.userTimeout);
    at += 4;
  }
  at += writeFastOpen(view, at, options, MAX_TCP_OPTIONS_LENGTH - (at - offset));
  at += writeSack(view, at, options, sackBlocksThatFit(options, at - offset));
  return at - offset;
}

/** Writes the lone timestamps option, as `writeTcpOptions` would: `ALIGNED_TIMESTAMPS_LENGTH` bytes. */
export function writeAlignedTimestamps(view: DataView, offset: number, tsValue: number, tsEcho: number): void {
  view.setUint32(offset, ALIGNED_TIMESTAMPS);
  view.setUint32(offset + 4, tsValue);
  view.setUint32(offset + 8, tsEcho);
}

function writeTimestamps(view: DataView, at: number, options: TcpOptions): void {
  view.setUint16(at, (TcpOptionKind.TIMESTAMPS << 8) | TIMESTAMPS_LENGTH);
  view.setUint32(at + 2, options.tsValue);
  view.setUint32(at + 6, options.tsEcho);
}

function writeFastOpen(view: DataView, at: number, options: TcpOptions, room: number): number {
  const length = fastOpenLength(options);
  if (length === 0 || length > room) return 0;
  const { FAST_OPEN, NOP } = TcpOptionKind;
  const end = 2 + options.fastOpen;
  view.setUint16(at, (FAST_OPEN << 8) | end);
  for (let i = 2; i < end; i++) view.setUint8(at + i, options.fastOpenCookie[i - 2]!);
  for (let i = end; i < length; i++) view.setUint8(at + i, NOP);
  return length;
}

function writeSack(view: DataView, at: number, options: TcpOptions, blocks: number): number {
  if (blocks === 0) return 0;
  const { NOP, SACK } = TcpOptionKind;
  view.setUint32(at, (NOP << 24) | (NOP << 16) | (SACK << 8) | (2 + 8 * blocks));
  for (let i = 0; i < blocks; i++) {
    view.setUint32(at + 4 + 8 * i, options.sackLeft[i]!);
    view.setUint32(at + 8 + 8 * i, options.sackRight[i]!);
  }
  return 4 + 8 * blocks;
}
