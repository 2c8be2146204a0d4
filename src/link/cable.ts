import type { Batch } from '../buffer/batch.ts';
import { Checksum } from '../buffer/batch.ts';
import { Counters } from '../buffer/counters.ts';
import { described, requireInteger, requireOptions, requireType, usageError } from '../errors.ts';
import { ethernetHeaderLength } from '../wire/ethernet.ts';
import { isStationMac, MacAddress } from '../wire/mac.ts';
import { superSegmentHeaders } from '../wire/segmentation.ts';
import type { LaneLimits, MemoryDrop, MemoryLink } from './lane.ts';
import { Lane } from './lane.ts';
import type { Link, LinkHost, LinkOffload } from './link.ts';
import { NO_OFFLOAD } from './link.ts';

/** The longest IP packet, and so the longest super-segment. */
const LONGEST = 65_535;
/** RFC 791 §3.2: every network carries 68 bytes. */
const SHORTEST_MTU = 68;

/** What memory vouches for: no byte is damaged on the way, so nothing has to be summed or cut. */
export const MEMORY_OFFLOAD: LinkOffload = { checksum: true, tso: LONGEST, uso: LONGEST };

export interface CableOptions extends LaneLimits {
  /** What it carries: IP packets, or Ethernet frames between two cards with hardware addresses. Default `ip`. */
  medium?: 'ip' | 'ethernet';
  /** On Ethernet the hardware addresses of both ends. Default `02:00:00:00:00:01` and `02:00:00:00:00:02`. */
  addresses?: readonly [string, string];
  /** Largest IP packet, 68 to 65,535 bytes, the header of a frame not counted. Default 1500. */
  mtu?: number;
  /**
   * Packets travel with their checksum marks, and super-segments whole. Without it the cable is like a wire: checksums
   * are complete and nobody vouches for them. Default false.
   */
  offload?: boolean;
}

const DEFAULT_ADDRESSES = ['02:00:00:00:00:01', '02:00:00:00:00:02'] as const;

/** What both ends have in common, checked. */
interface Kind {
  readonly medium: Link['medium'];
  readonly mtu: number;
  readonly offload: boolean;
}

/**
 * A cable in memory: what is sent into one end comes out of the other in order, as soon as the receiver's clock gets
 * to it. It carries IP packets or Ethernet frames, and is up while both ends are open.
 *
 * @throws ERR_OUT_OF_RANGE, ERR_INVALID_ARG_TYPE, ERR_INVALID_ARG_VALUE
 * @example
 * const [a, b] = cable({ mtu: 1500 });
 * alice.attach(a, { addresses: ['10.0.0.1/24'] });
 * bob.attach(b, { addresses: ['10.0.0.2/24'] });
 */
export function cable(options: CableOptions = {}): [MemoryLink, MemoryLink] {
  requireOptions('cable', options, ['medium', 'addresses', 'mtu', 'offload', 'queue', 'queueBytes']);
  const { medium = 'ip', mtu = 1500, offload = false } = options;
  if (medium !== 'ip' && medium !== 'ethernet') {
    throw usageError('ERR_INVALID_ARG_VALUE', `medium must be 'ip' or 'ethernet', not ${described(medium)}`);
  }
  requireInteger('mtu', mtu, SHORTEST_MTU, LONGEST);
  requireType('offload', offload, 'boolean');
  return End.pair({ medium, mtu, offload }, hardwareAddresses(medium, options.addresses), options);
}

/** @throws ERR_INVALID_ARG_VALUE, ERR_INVALID_ARG_TYPE */
function hardwareAddresses(medium: Link['medium'], given: CableOptions['addresses']): MacAddress[] {
  if (given !== undefined && medium === 'ip') {
    throw usageError('ERR_INVALID_ARG_VALUE', "addresses are those of Ethernet cards: add medium: 'ethernet'");
  }
  if (given !== undefined && (!Array.isArray(given) || given.length !== 2)) {
    throw usageError('ERR_INVALID_ARG_TYPE', `addresses must be an array of two, not ${described(given)}`);
  }
  const addresses = (given ?? DEFAULT_ADDRESSES).map((text) => MacAddress.parse(text));
  const wrong = addresses.find((address) => !isStationMac(address));
  if (wrong === undefined && !addresses[0]!.equals(addresses[1]!)) return addresses;
  const message = wrong === undefined ? 'both ends have the same address' : `${wrong} is not the address of one card`;
  throw usageError('ERR_INVALID_ARG_VALUE', `addresses: ${message}`);
}

class End implements MemoryLink {
  readonly medium: Link['medium'];
  declare readonly address?: Uint8Array;
  readonly mtu: number;
  readonly offload: LinkOffload;
  readonly dropped: Counters = new Counters();
  #peer: End = this;
  readonly #out: Lane;
  readonly #in: Lane;
  #opened: boolean = false;
  /** Set while this end is open. */
  #host: LinkHost | undefined;

  static pair(kind: Kind, addresses: readonly MacAddress[], limits: LaneLimits): [End, End] {
    const there = new Lane(limits);
    const back = new Lane(limits);
    const a = new End(kind, addresses[0]!, there, back);
    const b = new End(kind, addresses[1]!, back, there);
    a.#peer = b;
    b.#peer = a;
    return [a, b];
  }

  private constructor({ medium, mtu, offload }: Kind, address: MacAddress, out: Lane, into: Lane) {
    this.medium = medium;
    if (medium === 'ethernet') this.address = address.bytes();
    this.mtu = mtu;
    this.offload = offload ? MEMORY_OFFLOAD : NO_OFFLOAD;
    this.#out = out;
    this.#in = into;
  }

  get up(): boolean {
    const peer = this.#peer;
    return this.#host !== undefined && peer.#host !== undefined;
  }

  open(host: LinkHost): void {
    if (this.#opened) throw usageError('ERR_INVALID_STATE', 'a link is opened at most once', Error);
    this.#opened = true;
    this.#host = host;
    this.#in.receiver = host;
    this.#out.sender = host;
    if (!this.up) return;
    // The other end is told at once, this one reads it off `up`: packets sent right after both are open go through.
    this.#deferChanged();
    this.#peer.#host!.changed();
  }

  send(batch: Batch): number {
    const { count } = batch;
    if (!this.up) {
      if (count > 0) this.dropped.add('down' satisfies MemoryDrop, count);
      return count;
    }
    for (let row = 0; row < count; row++) {
      const reason = this.#refusal(batch, row);
      if (reason !== undefined) {
        this.dropped.add(reason);
        continue;
      }
      // A wire carries bits: whatever the sender knew of the checksum, the receiver doesn't.
      const mark = this.offload.checksum ? batch.checksum[row]! : Checksum.none;
      if (!this.#out.put(batch, row, mark)) return row;
    }
    return count;
  }

  close(): void {
    this.#opened = true;
    if (this.#host === undefined) return;
    const wasUp = this.up;
    this.#host = undefined;
    this.#out.sender = undefined;
    this.#in.cut();
    // What this end has sent already is on its way and still arrives: the last RST or FIN of a closing stack.
    if (wasUp) this.#peer.#deferChanged();
  }

  /** Why the cable will not carry a packet; undefined when it will. */
  #refusal(batch: Batch, row: number): MemoryDrop | undefined {
    const memory = batch.memory[row]!;
    const offset = batch.offset[row]!;
    const segmentSize = batch.segmentSize[row]!;
    if (batch.checksum[row] === Checksum.partial && !this.offload.checksum) return 'partial-checksum';
    const front = this.medium === 'ip' ? 0 : ethernetHeaderLength(memory.view, offset, batch.length[row]!);
    const length = batch.length[row]! - front;
    if (segmentSize === 0) return length > this.mtu ? 'too-big' : undefined;
    if (this.offload.tso === 0) return 'super-segment';
    // The segments it stands for are held against the MTU, the whole only against what IP can say.
    const headers = superSegmentHeaders(memory.view, offset + front, length);
    if (headers === 0) return 'super-segment';
    return length > this.offload.tso || headers + segmentSize > this.mtu ? 'too-big' : undefined;
  }

  #deferChanged(): void {
    this.#host?.clock.defer(() => this.#host?.changed());
  }
}
