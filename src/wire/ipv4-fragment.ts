import { IPV4_HEADER_LENGTH, writeIpv4Checksum } from './ipv4.ts';

const MORE_FRAGMENTS = 0x2000;
const FRAGMENT_OFFSET = 0x1fff;
/** An option with this bit is in every fragment (RFC 791 §3.1). */
const COPIED = 0x80;
const END_OF_OPTIONS = 0;
const NO_OPERATION = 1;

/**
 * Bytes of the header of a fragment that is not the first of those that a datagram with the header at `offset` is cut into:
 * only the options that say so are copied. Those have been checked.
 */
export function laterHeaderLength(view: DataView, offset: number, headerLength: number): number {
  let length = IPV4_HEADER_LENGTH;
  const end = offset + headerLength;
  for (let at = offset + IPV4_HEADER_LENGTH; at < end;) {
    const size = optionSize(view, at);
    if (size === 0) break;
    if (isCopied(view, at)) length += size;
    at += size;
  }
  return (length + 3) & ~3;
}

/**
 * Writes the header of one of the fragments that a datagram is cut into, which may be a fragment itself.
 *
 * @param from the datagram's header, at `offset`, of `headerLength` bytes
 * @param to where the fragment's begins, at `target`
 * @param length bytes of the fragment, its header included
 * @param done bytes of the datagram's payload before the fragment's, a multiple of 8; with 0 it is the first
 * @param isLast its payload ends where the datagram's does
 */
export function writeFragmentHeader4(
  from: DataView,
  offset: number,
  headerLength: number,
  to: DataView,
  target: number,
  length: number,
  done: number,
  isLast: boolean,
): void {
  for (let i = 0; i < IPV4_HEADER_LENGTH; i += 4) to.setUint32(target + i, from.getUint32(offset + i));
  const own = done === 0 ? headerLength : laterHeaderLength(from, offset, headerLength);
  if (done === 0) {
    for (let i = IPV4_HEADER_LENGTH; i < headerLength; i++) to.setUint8(target + i, from.getUint8(offset + i));
  } else {
    copyLaterOptions(from, offset, headerLength, to, target, own);
  }
  to.setUint8(target, 0x40 | (own >>> 2));
  to.setUint16(target + 2, length);
  const before = from.getUint16(offset + 6);
  const more = isLast ? before & MORE_FRAGMENTS : MORE_FRAGMENTS;
  to.setUint16(target + 6, more | ((before & FRAGMENT_OFFSET) + (done >>> 3)));
  writeIpv4Checksum(to, target, own);
}

function copyLaterOptions(
  from: DataView,
  offset: number,
  headerLength: number,
  to: DataView,
  target: number,
  own: number,
): void {
  let write = target + IPV4_HEADER_LENGTH;
  for (let at = offset + IPV4_HEADER_LENGTH; at < offset + headerLength;) {
    const size = optionSize(from, at);
    if (size === 0) break;
    if (isCopied(from, at)) for (let i = 0; i < size; i++) to.setUint8(write++, from.getUint8(at + i));
    at += size;
  }
  while (write < target + own) to.setUint8(write++, END_OF_OPTIONS);
}

/** 0 at the end of the list. */
function optionSize(view: DataView, at: number): number {
  const kind = view.getUint8(at);
  if (kind === END_OF_OPTIONS) return 0;
  return kind === NO_OPERATION ? 1 : view.getUint8(at + 1);
}

function isCopied(view: DataView, at: number): boolean {
  return (view.getUint8(at) & COPIED) !== 0;
}
