import type { Batch } from '../buffer/batch.ts';
import { seqDiff, seqGt } from '../buffer/seq.ts';
import { usageError } from '../errors.ts';
import type { Link } from '../link/link.ts';
import { tap } from '../link/tap.ts';
import type { StackEvents } from '../stack/events.ts';
import type { Stack } from '../stack/stack.ts';
import type { State, StateEvent } from '../tcp/states.ts';
import { parsePacket } from '../wire/packet.ts';
import type { TcpSegment } from '../wire/tcp.ts';
import { TcpFlag } from '../wire/tcp.ts';
import { parseTcpOptions } from '../wire/tcp-option-list.ts';
import type { LadderEnd, LadderRow } from './ladder-text.ts';
import { MIN_LADDER_WIDTH, ladderText } from './ladder-text.ts';

export interface LadderOptions {
  /** Columns a line may take; at least 76. Default 100. */
  width?: number;
  /** Rows that are kept of all connections together; later ones are only counted. Default 1000. */
  limit?: number;
}

/** A host that is watched. */
interface Watched {
  readonly name: string;
  readonly stack: Stack;
  /** Counts the batches that have arrived. */
  batches: number;
}

/** One end of a connection, as far as its packets have told. */
interface End extends LadderEnd {
  /** Absent while this end's own stack is not known. */
  host: Watched | undefined;
  /** Window shift from its SYN; undefined without the option, or when the SYN was not seen. */
  shift: number | undefined;
  /** Behind the highest octet it has sent: what comes again below it is a retransmission. */
  top: number;
  /** Behind its FIN. */
  finEnd: number | undefined;
  /** States it went into by itself, to be shown with the next packet it sends. */
  pending: State[];
  /** What arrived with the latest batch. */
  arrivals: Row[];
  batch: number;
}

interface Row extends LadderRow {
  /** Everything that tells this packet from others of the connection. */
  key: string;
  flags: number;
  /** The absolute acknowledgment number. */
  ack: number;
}

interface Conversation {
  ends: [End, End];
  rows: Row[];
}

/**
 * Draws TCP connections as a ladder: the two hosts as uprights, their packets as rungs, their states at the edges. For
 * demonstrations, tests and learning; it keeps what it has seen in memory.
 *
 * Sequence and acknowledgment numbers count from each side's initial sequence number, which stands at the head as
 * `seq 0 = …`. Windows are bytes, the window scale applied. A rung that ends in `x` has not arrived.
 *
 * @example
 * const ladder = new Ladder();
 * const [a, b] = cable();
 * alice.attach(ladder.watch(alice, a, 'alice'), { addresses: ['10.0.0.1/24'] });
 * bob.attach(ladder.watch(bob, b, 'bob'), { addresses: ['10.0.0.2/24'] });
 * // … later
 * console.log(ladder.lines().join('\n'));
 */
export class Ladder {
  readonly #width: number;
  readonly #limit: number;
  readonly #conversations = new Map<string, Conversation>();
  /** The first row's time, in microseconds. */
  #start: number | undefined;
  #rows: number = 0;
  #omitted: number = 0;
  #others: number = 0;

  /** @throws ERR_OUT_OF_RANGE */
  constructor(options: LadderOptions = {}) {
    const { width = 100, limit = 1000 } = options;
    if (!(width >= MIN_LADDER_WIDTH)) {
      throw usageError('ERR_OUT_OF_RANGE', `width must be at least ${MIN_LADDER_WIDTH}, not ${width}`, RangeError);
    }
    if (!(limit > 0)) throw usageError('ERR_OUT_OF_RANGE', `limit must be above 0, not ${limit}`, RangeError);
    this.#width = width;
    this.#limit = limit;
  }

  /**
   * Watches one host: returns the link to attach in place of `link`. One end of a connection is enough; with both, lost
   * packets and the states of either side are seen.
   */
  watch(stack: Stack, link: Link, name: string): Link {
    const host: Watched = { name, stack, batches: 0 };
    stack.on('tcp-state', (event) => this.#stateChanged(host, event));
    return tap(link, {
      onSend: (batch, count) => this.#see(batch, count, (bytes) => this.#sent(host, bytes)),
      onReceive: (batch, count) => {
        host.batches++;
        this.#see(batch, count, (bytes) => this.#received(host, bytes));
      },
    });
  }

  /** The ladders of all connections so far, in the order of their first packets, an empty line between them. */
  lines(): string[] {
    const lines: string[] = [];
    for (const { ends, rows } of this.#conversations.values()) {
      if (lines.length > 0) lines.push('');
      lines.push(...ladderText(ends, [...rows, ...leftOver(ends, rows)], this.#width));
    }
    if (this.#omitted > 0) lines.push('', `${this.#omitted} more packets and changes are not shown`);
    if (this.#others > 0) lines.push('', `${this.#others} packets were not TCP`);
    return lines;
  }

  #see(batch: Batch, count: number, each: (bytes: Uint8Array) => void): void {
    for (let i = 0; i < count; i++) each(batch.packet(i));
  }

  #sent(host: Watched, bytes: Uint8Array): void {
    const packet = this.#read(bytes);
    if (packet === undefined) return;
    const { conversation, from, segment, key } = packet;
    conversation.ends[from].host = host;
    conversation.ends[from].name = host.name;
    this.#append(conversation, from, segment, key, host);
  }

  #received(host: Watched, bytes: Uint8Array): void {
    const packet = this.#read(bytes);
    if (packet === undefined) return;
    const { conversation, from, segment, key } = packet;
    const end = conversation.ends[from === 0 ? 1 : 0];
    end.host = host;
    end.name = host.name;
    // The latest that looks like it: an earlier one of the same looks was lost, and this is its retransmission.
    const known = conversation.rows.findLast((row) => row.from === from && row.key === key && !row.arrived);
    const row = known ?? this.#append(conversation, from, segment, key, host);
    if (row === undefined) return;
    row.arrived = true;
    if (end.batch !== host.batches) end.arrivals = [];
    end.batch = host.batches;
    end.arrivals.push(row);
  }

  /** The TCP segment in a packet and the conversation it belongs to. */
  #read(
    bytes: Uint8Array,
  ): { conversation: Conversation; from: 0 | 1; segment: TcpSegment; key: string } | undefined {
    const packet = parsePacket(bytes);
    if (typeof packet === 'string' || packet.tcp === undefined) {
      this.#others++;
      return undefined;
    }
    const { ip, tcp: segment } = packet;
    const source = `${ip.source}:${segment.sourcePort}`;
    const { conversation, side: from } = this.#conversation(source, `${ip.destination}:${segment.destinationPort}`);
    const { sequence, acknowledgment, flags, window, payload } = segment;
    const key = [ip.identification, sequence, acknowledgment, flags, window, payload.byteLength].join(' ');
    return { conversation, from, segment, key };
  }

  /** The conversation between two places, and the side on which the first of them stands. */
  #conversation(place: string, other: string): { conversation: Conversation; side: 0 | 1 } {
    const known = this.#conversations.get(`${place} ${other}`);
    if (known !== undefined) return { conversation: known, side: 0 };
    const turned = this.#conversations.get(`${other} ${place}`);
    if (turned !== undefined) return { conversation: turned, side: 1 };
    const conversation: Conversation = { ends: [newEnd(place), newEnd(other)], rows: [] };
    this.#conversations.set(`${place} ${other}`, conversation);
    return { conversation, side: 0 };
  }

  #append(
    conversation: Conversation,
    from: 0 | 1,
    segment: TcpSegment,
    key: string,
    host: Watched,
  ): Row | undefined {
    const end = conversation.ends[from];
    const peer = conversation.ends[from === 0 ? 1 : 0];
    const again = note(end, segment);
    const label = labelOf(end, peer, segment, again);
    const { flags, acknowledgment: ack } = segment;
    // Of a peer that is not watched nobody can say whether it got the packet.
    const arrived = peer.host === undefined && !isWatched(this.#conversations, peer.place);
    const row = this.#row(conversation, host, { from, label, text: readable(segment.payload), arrived, key, flags, ack });
    if (row !== undefined) row.states[from].push(...end.pending.splice(0));
    return row;
  }

  #row(conversation: Conversation, host: Watched, row: Omit<Row, 'time' | 'states'>): Row | undefined {
    if (this.#rows >= this.#limit) {
      this.#omitted++;
      return undefined;
    }
    this.#rows++;
    const now = host.stack.clock.now();
    this.#start ??= now;
    const whole: Row = { ...row, time: now - this.#start, states: [[], []] };
    conversation.rows.push(whole);
    return whole;
  }

  #stateChanged(host: Watched, { connection, from, to, event }: StackEvents['tcp-state']): void {
    const { localAddress, localPort, remoteAddress, remotePort } = connection;
    const place = `${localAddress}:${localPort}`;
    const { conversation, side } = this.#conversation(place, `${remoteAddress}:${remotePort}`);
    const end = conversation.ends[side];
    end.host = host;
    end.name = host.name;
  }
}
