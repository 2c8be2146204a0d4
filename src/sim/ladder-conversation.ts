import { seqAdd, seqDiff, seqGe, seqMax } from '../buffer/seq.ts';
import type { State, StateEvent } from '../tcp/states.ts';
import type { TcpSegment } from '../wire/tcp.ts';
import { TcpFlag } from '../wire/tcp.ts';
import { flagNames } from '../wire/describe.ts';
import { parseTcpOptions } from '../wire/tcp-option-list.ts';
import type { LadderEnd, LadderRow } from './ladder-text.ts';
import { ladderText } from './ladder-text.ts';

/** Payload is looked at for a line of text up to here, in bytes. */
const LONGEST_TEXT = 120;

/** The left end or the right one. */
export type Side = 0 | 1;

/** Who stands at an end: all that is known before the first packet. */
export interface EndInit {
  /** `10.0.0.1:40000` */
  place: string;
  /** The watched host's name; undefined when nobody watches there. */
  name: string | undefined;
}

/** One of the two ends, as far as packets have told. */
interface End extends LadderEnd {
  watched: boolean;
  /** The state before the first packet. */
  initial: State | undefined;
  /** Window shift that its SYN offered; undefined without the option, or when the SYN was not seen. */
  shift: number | undefined;
  /** Behind the highest octet it has sent: what comes below is a retransmission. */
  top: number | undefined;
  /** Behind its FIN. */
  finEnd: number | undefined;
  /** States it went into by itself, until it sends the packet to show them with. */
  pending: { state: State; time: number }[];
  /** What has come with its latest batch. */
  arrivals: Row[];
  batch: number;
}

interface Row extends LadderRow {
  /** What tells this packet from others. */
  key: string;
  flags: number;
  /** The acknowledgment number as it stands on the wire. */
  ack: number;
}

/** How many rows may still be kept, and how many were not. */
export interface RowBudget {
  left: number;
  omitted: number;
}

/** The packets and states of one TCP connection. Times are microseconds. */
export class Conversation {
  readonly #ends: readonly [End, End];
  readonly #rows: Row[] = [];
  readonly #budget: RowBudget;

  constructor(left: EndInit, right: EndInit, budget: RowBudget) {
    this.#ends = [newEnd(left), newEnd(right)];
    this.#budget = budget;
  }

  /** A packet was sent by the end at `from`; `id` tells it from others with the same numbers. */
  sent(from: Side, segment: TcpSegment, id: number, time: number): void {
    // Of a peer that nobody watches it can't be said whether it got the packet.
    this.#append(from, segment, keyOf(segment, id), time, !this.#ends[other(from)].watched);
  }

  /** A packet from the end at `from` has arrived at the other one, in the receiver's batch number `batch`. */
  received(from: Side, segment: TcpSegment, id: number, time: number, batch: number): void {
    const key = keyOf(segment, id);
    // The latest of its looks: an earlier one was lost, and this is its retransmission.
    const sent = this.#rows.findLast((row) => row.from === from && row.key === key && !row.arrived);
    // Beyond the limit it was counted when it was sent.
    const counted = this.#budget.left === 0 && this.#ends[from].watched;
    const row = sent ?? (counted ? undefined : this.#append(from, segment, key, time, true));
    if (row === undefined) return;
    row.arrived = true;
    const end = this.#ends[other(from)];
    if (end.batch !== batch) end.arrivals = [];
    end.batch = batch;
    end.arrivals.push(row);
  }

  /** The end at `side` went from one state to another. */
  changed(side: Side, from: State, to: State, event: StateEvent, time: number): void {
    const end = this.#ends[side];
    if (event === 'passive-open') {
      end.initial = to;
      return;
    }
    end.initial ??= from;
    const cause = causeOf(event, end);
    if (cause === undefined) end.pending.push({ state: to, time });
    else cause.states[side].push(to);
  }

  /** The ladder; no line is longer than `width` columns. */
  lines(width: number): string[] {
    const ends = this.#ends;
    const [left, right] = ends;
    const first = stateRow(undefined, [left.initial, right.initial]);
    const last = [
      ...left.pending.map(({ state, time }) => stateRow(time, [state, undefined])),
      ...right.pending.map(({ state, time }) => stateRow(time, [undefined, state])),
    ];
    return ladderText(ends, [first, ...this.#rows, ...last], width);
  }

  #append(from: Side, segment: TcpSegment, key: string, time: number, arrived: boolean): Row | undefined {
    const again = this.#learn(from, segment);
    if (this.#budget.left === 0) {
      this.#budget.omitted++;
      return undefined;
    }
    this.#budget.left--;
    const { flags, acknowledgment: ack } = segment;
    const label = this.#label(from, segment);
    const text = readable(segment.payload);
    const row: Row = { ...stateRow(time, []), from, label, again, text, arrived, key, flags, ack };
    row.states[from].push(...this.#ends[from].pending.splice(0).map(({ state }) => state));
    this.#rows.push(row);
    return row;
  }

  /** Takes from a segment what later ones need; says whether all of it was sent before. */
  #learn(from: Side, segment: TcpSegment): boolean {
    const end = this.#ends[from];
    const peer = this.#ends[other(from)];
    const { sequence, acknowledgment, flags, payload } = segment;
    const syn = (flags & TcpFlag.SYN) !== 0;
    if (syn && end.origin !== sequence) {
      // The beginning, or the same two places connect once more.
      end.origin = sequence;
      end.top = undefined;
      end.finEnd = undefined;
      const option = parseTcpOptions(segment.options).find(({ name }) => name === 'windowScale');
      end.shift = option?.name === 'windowScale' ? option.shift : undefined;
    }
    end.origin ??= sequence;
    if ((flags & TcpFlag.ACK) !== 0) peer.origin ??= acknowledgment;
    const fin = (flags & TcpFlag.FIN) !== 0;
    const length = payload.byteLength + (syn ? 1 : 0) + (fin ? 1 : 0);
    const top = seqAdd(sequence, length);
    if (fin) end.finEnd = top;
    const again = length > 0 && end.top !== undefined && seqGe(end.top, top);
    end.top = end.top === undefined ? top : seqMax(end.top, top);
    return again;
  }

  /** `PSH,ACK     seq=1    ack=1    win=65535  len=80` */
  #label(from: Side, segment: TcpSegment): string {
    const end = this.#ends[from];
    const peer = this.#ends[other(from)];
    const { sequence, acknowledgment, flags, window, payload } = segment;
    const syn = (flags & TcpFlag.SYN) !== 0;
    const columns = [
      flagNames(flags).join(',').padEnd(11),
      `seq=${seqDiff(sequence, end.origin ?? sequence)}`.padEnd(8),
      ((flags & TcpFlag.ACK) === 0 ? '' : `ack=${seqDiff(acknowledgment, peer.origin ?? acknowledgment)}`).padEnd(8),
      // RFC 7323 §2.2: the window of a SYN is never scaled, and later ones only when both SYNs had the option.
      `win=${syn || end.shift === undefined || peer.shift === undefined ? window : window * 2 ** end.shift}`.padEnd(10),
      syn ? synOptions(segment) : `len=${payload.byteLength}`,
    ];
    return columns.join(' ').trimEnd();
  }
}

/** The packet that moved an end from state to state; none when it did so by itself. */
function causeOf(event: StateEvent, { arrivals, finEnd }: End): Row | undefined {
  const withFlags = (flags: number): Row | undefined => arrivals.find((row) => (row.flags & flags) === flags);
  switch (event) {
    case 'syn':
    case 'syn-ack':
      return withFlags(TcpFlag.SYN);
    case 'ack-of-syn':
      return withFlags(TcpFlag.ACK);
    case 'ack-of-fin':
      return arrivals.find(
        ({ flags, ack }) => (flags & TcpFlag.ACK) !== 0 && finEnd !== undefined && seqGe(ack, finEnd),
      );
    case 'fin':
      // A FIN that came early counts when the gap in front of it is filled.
      return withFlags(TcpFlag.FIN) ?? arrivals.at(-1);
    case 'end':
      return withFlags(TcpFlag.RST);
    default:
      return undefined;
  }
}

function newEnd({ place, name }: EndInit): End {
  return {
    place,
    name: name ?? '',
    watched: name !== undefined,
    initial: undefined,
    origin: undefined,
    shift: undefined,
    top: undefined,
    finEnd: undefined,
    pending: [],
    arrivals: [],
    batch: 0,
  };
}

function stateRow(time: number | undefined, states: (State | undefined)[]): LadderRow {
  const [left, right] = states;
  return {
    time,
    from: undefined,
    label: '',
    again: false,
    text: '',
    arrived: false,
    states: [left === undefined ? [] : [left], right === undefined ? [] : [right]],
  };
}

function other(side: Side): Side {
  return side === 0 ? 1 : 0;
}

function keyOf({ sequence, acknowledgment, flags, window, payload }: TcpSegment, id: number): string {
  return [id, sequence, acknowledgment, flags, window, payload.byteLength].join(' ');
}

/** The options of a SYN in short. */
function synOptions(segment: TcpSegment): string {
  const texts = parseTcpOptions(segment.options).map((option) => {
    switch (option.name) {
      case 'mss':
        return `mss=${option.value}`;
      case 'windowScale':
        return `wscale=${option.shift}`;
      case 'sackPermitted':
        return 'sackOK';
      case 'timestamps':
        return 'ts';
      default:
        return '';
    }
  });
  return texts.filter((text) => text !== '').join(' ');
}

/** The first line of a payload that begins with one of text; else nothing. */
function readable(bytes: Uint8Array): string {
  let text = '';
  for (const byte of bytes.subarray(0, LONGEST_TEXT)) {
    if (byte === 0x0d || byte === 0x0a) return text;
    if (byte < 0x20 || byte > 0x7e) return '';
    text += String.fromCharCode(byte);
  }
  // A long run without a line's end is the middle of something.
  return bytes.byteLength <= LONGEST_TEXT ? text : '';
}
