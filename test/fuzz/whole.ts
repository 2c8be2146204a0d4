import { fragmentMore, fragmentNextHeader, fragmentOffset } from '../../src/wire/ipv6-fragment.ts';
import {
  ipv4FragmentOffset,
  ipv4HeaderLength,
  ipv4IsFragment,
  ipv4MoreFragments,
  writeIpv4Checksum,
} from '../../src/wire/ipv4.ts';
import { viewOf } from '../support/wire.ts';

/** Where the pieces of a fragment lie. */
interface Piece {
  /** Bytes of the header that a whole packet keeps. */
  kept: number;
  start: number;
  offset: number;
  more: boolean;
}

function pieceOf(bytes: Uint8Array): Piece | undefined {
  const view = viewOf(bytes);
  if (bytes[0]! >>> 4 === 4) {
    if (!ipv4IsFragment(view, 0)) return undefined;
    const kept = ipv4HeaderLength(view, 0);
    return { kept, start: kept, offset: ipv4FragmentOffset(view, 0), more: ipv4MoreFragments(view, 0) };
  }
  if (bytes[6] !== 44) return undefined;
  return { kept: 40, start: 48, offset: fragmentOffset(view, 40), more: fragmentMore(view, 40) };
}

/**
 * What a stack has sent, with fragments put together, which come one behind the other; none is longer than the MTU.
 *
 * @throws when they don't, or are
 */
export function wholes(sent: readonly Uint8Array[], mtu: number): Uint8Array[] {
  const whole: Uint8Array[] = [];
  let payload: number[] = [];
  for (const bytes of sent) {
    if (bytes.length > mtu) throw new Error(`the stack sent a packet of ${bytes.length} bytes`);
    const piece = pieceOf(bytes);
    if (piece === undefined ? payload.length > 0 : piece.offset !== payload.length) {
      throw new Error('the stack sent fragments that do not follow each other');
    }
    if (piece === undefined) {
      whole.push(bytes);
      continue;
    }
    payload.push(...bytes.subarray(piece.start));
    if (piece.more) continue;
    whole.push(joined(bytes, piece.kept, payload));
    payload = [];
  }
  if (payload.length > 0) throw new Error('the stack sent fragments without an end');
  return whole;
}

function joined(last: Uint8Array, kept: number, payload: readonly number[]): Uint8Array {
  const bytes = Uint8Array.from([...last.subarray(0, kept), ...payload]);
  const view = viewOf(bytes);
  if (bytes[0]! >>> 4 === 6) {
    view.setUint16(4, payload.length);
    bytes[6] = fragmentNextHeader(viewOf(last), 40);
    return bytes;
  }
  view.setUint16(2, bytes.length);
  view.setUint16(6, 0);
  writeIpv4Checksum(view, 0, kept);
  return bytes;
}
