import { copyBytes } from '../buffer/copy.ts';
import type { Datagram } from '../buffer/datagram.ts';
import { AddressRegister } from '../wire/address.ts';

/** Fragments of one datagram, the most. The smallest link, of 68 bytes, makes 1366 of the longest. */
const MOST_FRAGMENTS = 2048;
/** What the length fields of both versions of IP can say. */
export const LARGEST = 65_535;

/** A fragment at hand: one object serves for fragment after fragment. */
export class Fragment {
  /** As a number of 16 or 32 bits. */
  identification: number = 0;
  /** Where it belongs in the datagram's payload, in bytes: a multiple of 8. */
  offset: number = 0;
  /** Others follow it. */
  more: boolean = false;
  /** Where its bytes lie in the memory of the packet that carries it. */
  start: number = 0;
  end: number = 0;
  /** Where the byte lies that names the fragment header, counted from the packet's start; 0 for IPv4, which has none. */
  nextHeaderAt: number = 0;

  /** Bytes of payload. */
  get length(): number {
    return this.end - this.start;
  }

  /**
   * What is wrong with it, whatever others say.
   *
   * @param headers bytes that stand before the payload and count in the whole datagram's length field
   */
  flaw(headers: number): FragmentFlaw | undefined {
    const { length } = this;
    // It would say nothing, and could be repeated for ever.
    if (length === 0) return 'empty';
    // RFC 791 §3.2, RFC 8200 §4.5: offsets count units of 8 bytes.
    if (this.more && length % 8 !== 0) return 'unaligned';
    // The "ping of death". RFC 8200 §4.5
    return headers + this.offset + length > LARGEST ? 'too-long' : undefined;
  }
}

/** What is wrong with a fragment alone. */
export type FragmentFlaw = 'empty' | 'unaligned' | 'too-long';

/** How a fragment fits what has come of its datagram: `new`, harmless (`duplicate`), or the end of the datagram. */
export type FragmentFit = 'new' | 'duplicate' | 'overlap' | 'bad-end' | 'too-many-fragments';

/** What one host has under way, the oldest first. */
export interface FragmentSource {
  readonly datagrams: Set<PartialDatagram>;
  /** What they occupy. */
  bytes: number;
}

/** A datagram of which not all fragments have come. Knows nothing of the table that it stands in. */
export class PartialDatagram {
  readonly source: AddressRegister = new AddressRegister();
  readonly destination: AddressRegister = new AddressRegister();
  readonly version: 4 | 6;
  readonly identification: number;
  /** Of IPv4, where it belongs to the key; else 0. */
  readonly protocol: number;
  /** The link that the addresses belong to, where they mean nothing without; else 0. */
  readonly zone: number;
  /** Where its first fragment to arrive came in. */
  readonly interfaceIndex: number;
  readonly group: boolean;
  /** When it is given up, in microseconds. */
  readonly deadline: number;
  /** What it is taken to occupy, overhead included; kept by the table. */
  cost: number = 0;
  /** It was given up, and only stays so that late fragments begin no other ([S-044] RFC 5722 §4, RFC 8200 §4.5). */
  discarded: boolean = false;
  /** Its slot in the table, and the next there. */
  readonly slot: number;
  next: PartialDatagram | undefined;
  readonly from: FragmentSource;

  /** The IP header of the fragment with offset 0 and all that stands before its payload, as it came; with what follows. */
  header: Uint8Array | undefined;
  nextHeaderAt: number = 0;
  ttl: number = 0;
  trafficClass: number = 0;
  /** Which of the four ECN codepoints the fragments had, one bit each. */
  ecn: number = 0;

  /** What has come, in order: where each piece begins, and its bytes. No two overlap. */
  #offsets: number[] = [];
  #pieces: Uint8Array[] = [];
  #received: number = 0;
  /** Bytes of payload, once the last fragment has told. */
  #total: number | undefined;
  /** Where the last piece ends. */
  #highest: number = 0;

  constructor(
    datagram: Datagram,
    identification: number,
    zone: number,
    deadline: number,
    slot: number,
    from: FragmentSource,
  ) {
    this.source.set(datagram.source);
    this.destination.set(datagram.destination);
    this.version = datagram.version;
    this.identification = identification;
    this.protocol = datagram.version === 4 ? datagram.protocol : 0;
    this.zone = zone;
    this.interfaceIndex = datagram.interfaceIndex;
    this.group = datagram.group;
    this.deadline = deadline;
    this.slot = slot;
    this.from = from;
  }

  /** All has come. */
  get complete(): boolean {
    return this.#received === this.#total;
  }

  /** Bytes of payload of a complete datagram. */
  get length(): number {
    return this.#received;
  }

  /** The payload that came with the header. */
  get firstPiece(): Uint8Array | undefined {
    return this.#offsets[0] === 0 ? this.#pieces[0] : undefined;
  }

  /** Does the fragment fit? Its length is not 0, and a multiple of 8 unless it is the last. */
  fit(fragment: Fragment, bytes: Uint8Array): FragmentFit {
    const { offset, length, more } = fragment;
    const end = offset + length;
    const total = this.#total;
    // There is one end, and nothing behind it.
    if (total === undefined ? !more && end <= this.#highest : more ? end >= total : end !== total) return 'bad-end';
    const row = this.#rowOf(offset);
    // RFC 8200 §4.5: exact duplicates are no overlap.
    if (this.#offsets[row] === offset && same(this.#pieces[row]!, bytes, fragment)) return 'duplicate';
    if (row > 0 && this.#offsets[row - 1]! + this.#pieces[row - 1]!.length > offset) return 'overlap';
    if (row < this.#offsets.length && this.#offsets[row]! < end) return 'overlap';
    return this.#offsets.length < MOST_FRAGMENTS ? 'new' : 'too-many-fragments';
  }

  /** Takes a fragment that fits. */
  add({ offset, more, start, end }: Fragment, bytes: Uint8Array): void {
    const row = this.#rowOf(offset);
    const piece = bytes.slice(start, end);
    this.#offsets.splice(row, 0, offset);
    this.#pieces.splice(row, 0, piece);
    this.#received += piece.length;
    this.#highest = Math.max(this.#highest, offset + piece.length);
    if (!more) this.#total = offset + piece.length;
  }

  /** Writes the payload of a complete datagram. */
  writePayload(target: Uint8Array, at: number): void {
    for (let row = 0; row < this.#offsets.length; row++) {
      const piece = this.#pieces[row]!;
      copyBytes(target, at + this.#offsets[row]!, piece, 0, piece.length);
    }
  }

  /** Lets go of all bytes. */
  empty(): void {
    this.#offsets = [];
    this.#pieces = [];
    this.header = undefined;
  }

  /** The first row that does not begin before `offset`. */
  #rowOf(offset: number): number {
    const offsets = this.#offsets;
    let low = 0;
    let high = offsets.length;
    // Most come in order: a search by halves would look at the end last.
    if (high > 0 && offsets[high - 1]! < offset) return high;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (offsets[middle]! < offset) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}

function same(piece: Uint8Array, bytes: Uint8Array, { start, length }: Fragment): boolean {
  if (piece.length !== length) return false;
  for (let i = 0; i < length; i++) if (piece[i] !== bytes[start + i]) return false;
  return true;
}
