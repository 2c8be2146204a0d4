import { seqAdd, seqDiff, seqGt } from '../buffer/seq.ts';
import type { State, StateEvent } from '../tcp/states.ts';
import type { TcpSegment } from '../wire/tcp.ts';
import { TcpFlag } from '../wire/tcp.ts';
import { parseTcpOptions } from '../wire/tcp-option-list.ts';
import type { LadderEnd, LadderRow } from './ladder-text.ts';

/** The left end or the right one. */
export type Side = 0 | 1;

/** One of the two ends, as far as its packets have told. */
interface End extends LadderEnd {
  /** Its stack is watched: what it receives and its states are seen. */
  watched: boolean;
  /** Window shift of its SYN; undefined without the option, or when the SYN was not seen. */
  shift: number | undefined;
  /** Behind the highest octet it has sent: what comes again below it is a retransmission. */
  top: number;
  /** Behind its FIN. */
  finEnd: number | undefined;
  /** States it went into by itself, to be shown with the next packet it sends. */
  pending: State[];
  /** What has arrived with its latest batch. */
  arrivals: Row[];
  batch: unknown;
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

/** The packets and states of one TCP connection. */
export class Conversation {
  readonly ends: readonly [End, End];
  readonly #rows: Row[] = [];
  readonly #budget: RowBudget;

  constructor(ends: readonly [left: Pick<End, 'place' | 'name' | 'watched'>, right: Conversation['ends'][1] | Pick<End, 'place' | 'name' | 'watched'>], budget: RowBudget) {
    this.ends = [{ ...unheard(), ...ends[0] }, { ...unheard(), ...ends[1] }];
    this.#budget = budget;
  }
}
