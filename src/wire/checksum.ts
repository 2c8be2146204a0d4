import type { AddressWords } from './address.ts';

/*
 * The Internet checksum (RFC 1071). A *sum* here is a small non-negative integer that stands for a one's complement
 * sum of big-endian 16-bit words; sums are added with +, folded by `checksumFold` and complemented by
 * `checksumFinish`. A sum takes thousands of pieces before it leaves 32 bits.
 */

const TWO_TO_32 = 4294967296;

/**
 * Adds `length` bytes (at most 8 MiB) at `offset` to a sum.
 *
 * A checksum over several pieces is made piece by piece: `position` is the number of bytes that came before, of which
 * only the parity matters.
 *
 * @returns the new sum
 * @example
 * const header = checksumAdd(0, view, 0, 20);
 * const whole = checksumFinish(checksumAdd(header, view, 20, 1001, 20));
 */
export function checksumAdd(sum: number, view: DataView, offset: number, length: number, position: number = 0): number {
  // RFC 1071 §2 (B): byte order does not matter. Little-endian words of 32 bits are read because that is what the
  // usual processors load at once; a double adds 2^21 of them without loss, and the tree keeps four adders busy.
  let total = 0;
  let at = offset;
  const unrolled = offset + (length & ~31);
  for (; at < unrolled; at += 32) {
    total +=
      view.getUint32(at, true) +
      view.getUint32(at + 4, true) +
      (view.getUint32(at + 8, true) + view.getUint32(at + 12, true)) +
      (view.getUint32(at + 16, true) +
        view.getUint32(at + 20, true) +
        (view.getUint32(at + 24, true) + view.getUint32(at + 28, true)));
  }
  const words = offset + (length & ~3);
  for (; at < words; at += 4) total += view.getUint32(at, true);
  if ((length & 2) !== 0) {
    total += view.getUint16(at, true);
    at += 2;
  }
  // [S-057] RFC 1071 §4.1: an odd byte is padded with zero.
  if ((length & 1) !== 0) total += view.getUint8(at);

  const low = total >>> 0;
  const high = (total - low) / TWO_TO_32;
  const folded = checksumFold((low & 0xffff) + (low >>> 16) + (high & 0xffff) + (high >>> 16));
  // A piece at an odd position has its bytes in the other halves of the words: that swap and the one from little to
  // big endian cancel out.
  return sum + ((position & 1) === 0 ? ((folded & 0xff) << 8) | (folded >>> 8) : folded);
}

/** A sum reduced to 16 bits, not complemented: what a partial checksum leaves in the checksum field. */
export function checksumFold(sum: number): number {
  const once = (sum & 0xffff) + (sum >>> 16);
  return (once & 0xffff) + (once >>> 16);
}

/**
 * The checksum: the complement of the folded sum. Over bytes that include their checksum field it is 0 when nothing
 * was damaged.
 */
export function checksumFinish(sum: number): number {
  return ~checksumFold(sum) & 0xffff;
}

/**
 * The sum of the pseudo header of TCP and UDP (IPv4: RFC 9293 §3.1; IPv6: RFC 8200 §8.1).
 *
 * @param length bytes of the transport header and its payload
 */
export function pseudoHeaderSum(
  source: AddressWords,
  destination: AddressWords,
  protocol: number,
  length: number,
): number {
  const last = halves(source.d) + halves(destination.d) + protocol + halves(length);
  if (source.family === 4) return last;
  return (
    last +
    (halves(source.a) + halves(source.b) + halves(source.c)) +
    (halves(destination.a) + halves(destination.b) + halves(destination.c))
  );
}

/**
 * The checksum of a transport segment with its pseudo header: the value for the checksum field when that holds zero,
 * or 0 when the field holds the right value.
 */
export function transportChecksum(
  view: DataView,
  offset: number,
  length: number,
  source: AddressWords,
  destination: AddressWords,
  protocol: number,
): number {
  return checksumFinish(checksumAdd(pseudoHeaderSum(source, destination, protocol, length), view, offset, length));
}

/**
 * The checksum after a 16-bit field changed from `before` to `after`. A 32-bit field takes two calls.
 */
export function checksumUpdate(checksum: number, before: number, after: number): number {
  // [S-056] RFC 1624 §3, eqn. 3: HC' = ~(~HC + ~m + m'); eqn. 2 of RFC 1141 could yield the wrong zero.
  return checksumFinish((~checksum & 0xffff) + (~before & 0xffff) + after);
}

function halves(word: number): number {
  return (word >>> 16) + (word & 0xffff);
}
