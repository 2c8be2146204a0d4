import type { Batch } from '../buffer/batch.ts';
import { requireOptions, usageError } from '../errors.ts';
import type { Link } from '../link/link.ts';
import { tap } from '../link/tap.ts';
import type { StackEvents } from '../stack/events.ts';
import type { Stack } from '../stack/stack.ts';
import type { Address } from '../wire/address.ts';
import { endText } from '../wire/describe.ts';
import { parseEthernet } from '../wire/ethernet.ts';
import { isIpv6Packet, parseAnyPacket } from '../wire/packet.ts';
import type { TcpSegment } from '../wire/tcp.ts';
import type { RowBudget, Side } from './ladder-conversation.ts';
import { Conversation } from './ladder-conversation.ts';
import { MIN_LADDER_WIDTH } from './ladder-text.ts';

export interface LadderOptions {
  /** Columns that a line may take, at least 76. Default 100. */
  width?: number;
  /** Packets and connections that are kept in all; later packets are only counted. Default 1000. */
  limit?: number;
}

interface Host {
  readonly stack: Stack;
  readonly name: string;
  /** Packets come in frames. */
  readonly isEthernet: boolean;
  /** Batches that have arrived. */
  batches: number;
}

/** A packet, and the connection it belongs to. */
interface Sighting {
  conversation: Conversation;
  /** The sender. */
  from: Side;
  segment: TcpSegment;
  /** IPv4's identification; 0 in IPv6, which has none. */
  id: number;
}

/**
 * Draws TCP connections as ladders: the two hosts as uprights, their packets as rungs, their states at the edges, each
 * beside the packet it changed with. For demonstrations, tests and learning.
 *
 * Sequence and acknowledgment numbers count from each side's initial sequence number, which stands at the head as
 * `seq 0 = …`. Windows are bytes: the window scale is applied. A rung that ends in `x` has not arrived (yet); one that
 * says `again` is a retransmission. Times are milliseconds since the first packet.
 *
 * @example
 * const ladder = new Ladder();
 * const [a, b] = cable();
 * alice.attach(ladder.watch(alice, a, 'alice'), { addresses: ['10.0.0.1/24'] });
 * bob.attach(ladder.watch(bob, b, 'bob'), { addresses: ['10.0.0.2/24'] });
 * // … and when they have talked:
 * console.log(ladder.lines().join('\n'));
 */
export class Ladder {
  readonly #width: number;
  readonly #budget: RowBudget;
  readonly #hosts: Host[] = [];
  /** By `source destination` of the first packet. */
  readonly #conversations = new Map<string, Conversation>();
  /** When the first packet was seen, in microseconds. */
  #start: number | undefined;
  /** Packets that are not TCP. */
  #others: number = 0;

  /** @throws ERR_OUT_OF_RANGE, ERR_INVALID_ARG_TYPE, ERR_INVALID_ARG_VALUE */
  constructor(options: LadderOptions = {}) {
    requireOptions('new Ladder', options, ['width', 'limit']);
    const { width = 100, limit = 1000 } = options;
    if (!(width >= MIN_LADDER_WIDTH)) {
      throw usageError('ERR_OUT_OF_RANGE', `width must be at least ${MIN_LADDER_WIDTH}, not ${width}`, RangeError);
    }
    if (!(limit >= 1)) throw usageError('ERR_OUT_OF_RANGE', `limit must be at least 1, not ${limit}`, RangeError);
    this.#width = Math.floor(width);
    this.#budget = { left: Math.floor(limit), omitted: 0 };
  }

  /**
   * Watches a host: returns the link to attach in place of `link`. One end of a cable is enough; with both, the states
   * of both sides are seen, and which packets were lost.
   */
  watch(stack: Stack, link: Link, name: string): Link {
    const host: Host = { stack, name, isEthernet: link.medium === 'ethernet', batches: 0 };
    this.#hosts.push(host);
    stack.on('tcp-state', (event) => this.#changed(host, event));
    return tap(link, {
      onSend: (batch, count) => this.#sent(host, batch, count),
      onReceive: (batch, count) => this.#received(host, batch, count),
    });
  }

  /** All connections so far in the order they began, an empty line between them. */
  lines(): string[] {
    const { omitted } = this.#budget;
    const parts = [...this.#conversations.values()].map((conversation) => conversation.lines(this.#width));
    if (omitted > 0) parts.push([`Packets beyond the ladder's limit: ${omitted}`]);
    if (this.#others > 0) parts.push([`Packets that are not TCP: ${this.#others}`]);
    return parts.flatMap((part, i) => (i === 0 ? part : ['', ...part]));
  }

  #sent(host: Host, batch: Batch, count: number): void {
    const time = this.#time(host);
    for (let i = 0; i < count; i++) {
      const seen = this.#read(host, batch.packet(i), false);
      if (seen !== undefined) seen.conversation.sent(seen.from, seen.segment, seen.id, time);
    }
  }

  #received(host: Host, batch: Batch, count: number): void {
    const time = this.#time(host);
    host.batches++;
    for (let i = 0; i < count; i++) {
      const seen = this.#read(host, batch.packet(i), true);
      if (seen !== undefined) seen.conversation.received(seen.from, seen.segment, seen.id, time, host.batches);
    }
  }

  #changed(host: Host, { connection, from, to, event }: StackEvents['tcp-state']): void {
    const { localAddress, localPort, remoteAddress, remotePort } = connection;
    const found = this.#find(bare(localAddress), localPort, bare(remoteAddress), remotePort);
    const now = host.stack.clock.now();
    found?.conversation.changed(found.side, from, to, event, now - (this.#start ?? now));
  }

  /** Microseconds since the first packet, which may be the one at hand. */
  #time(host: Host): number {
    const now = host.stack.clock.now();
    this.#start ??= now;
    return now - this.#start;
  }

  #read({ isEthernet }: Host, bytes: Uint8Array, receiving: boolean): Sighting | undefined {
    const frame = isEthernet ? parseEthernet(bytes) : 'no-frame';
    const packet = parseAnyPacket(typeof frame === 'string' ? bytes : frame.payload);
    // What a watched host has sent was counted there.
    const isWatched =
      typeof packet === 'string'
        ? typeof frame !== 'string' && this.#hasStation(frame.source.toString())
        : this.#nameOf(packet.ip.source.toString()) !== undefined;
    const counted = receiving && isWatched;
    if (typeof packet === 'string' || packet.tcp === undefined) {
      if (!counted) this.#others++;
      return undefined;
    }
    const { ip, tcp: segment } = packet;
    const { sourcePort, destinationPort } = segment;
    const found = this.#find(ip.source.toString(), sourcePort, ip.destination.toString(), destinationPort);
    if (found === undefined) {
      if (!counted) this.#budget.omitted++;
      return undefined;
    }
    return {
      conversation: found.conversation,
      from: found.side,
      segment,
      id: isIpv6Packet(packet) ? 0 : packet.ip.identification,
    };
  }

  /**
   * The connection between two places, and the side on which the first of them stands: the left if it is new. Nothing
   * when it would be one too many.
   */
  #find(
    address: string,
    port: number,
    peer: string,
    peerPort: number,
  ): { conversation: Conversation; side: Side } | undefined {
    const place = endText(address, port);
    const other = endText(peer, peerPort);
    const known = this.#conversations.get(`${place} ${other}`);
    if (known !== undefined) return { conversation: known, side: 0 };
    const turned = this.#conversations.get(`${other} ${place}`);
    if (turned !== undefined) return { conversation: turned, side: 1 };
    if (this.#budget.left === 0) return undefined;
    this.#budget.left--;
    const left = { place, name: this.#nameOf(address) };
    const right = { place: other, name: this.#nameOf(peer) };
    const conversation = new Conversation(left, right, this.#budget);
    this.#conversations.set(`${place} ${other}`, conversation);
    return { conversation, side: 0 };
  }

  /** A watched host has a card with this hardware address. */
  #hasStation(address: string): boolean {
    return this.#hosts.some(({ stack }) => stack.interfaces.some(({ mac }) => mac === address));
  }

  /** The watched host that has an address. */
  #nameOf(address: string): string | undefined {
    return this.#hosts.find(({ stack }) =>
      stack.interfaces.some(({ addresses }) => addresses.some((own) => own.address.toString() === address)),
    )?.name;
  }
}

/** An address as packets carry it: without its zone. */
function bare(address: Address): string {
  return address.toString().replace(/%.*/, '');
}
