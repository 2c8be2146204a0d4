import type { State } from '../tcp/states.ts';

/** One of the two ends of a connection, as a ladder's head shows it. */
export interface LadderEnd {
  /** The host's name; empty for one that is not watched. */
  name: string;
  /** `10.0.0.1:40000`. */
  place: string;
  /** The sequence number that stands as 0. */
  origin: number | undefined;
}

/** What a ladder shows on one line, or a few. */
export interface LadderRow {
  /** Microseconds; undefined for no time. */
  time: number | undefined;
  /** Who sent the packet: 0 the left host, 1 the right one; undefined when there is no packet. */
  from: 0 | 1 | undefined;
  label: string;
  /** All of it was sent before. */
  again: boolean;
  /** What stands below the label: readable payload. */
  text: string;
  /** The packet has reached the other side. */
  arrived: boolean;
  /** The states that the two sides went into with this packet, sending or receiving it. */
  states: [left: State[], right: State[]];
}

const TIME_WIDTH = 9;
/** `ESTABLISHED` */
const STATE_WIDTH = 11;
/** At the end of a retransmission's label. */
const AGAIN = ' again';
/** Everything of a line but the space between the two hosts. */
const MARGINS = TIME_WIDTH + 2 * (STATE_WIDTH + 1) + 3;

/** The narrowest ladder that is still one. */
export const MIN_LADDER_WIDTH: number = MARGINS + 40;

/** Draws one connection; no line is longer than `width`. */
export function ladderText(ends: readonly [LadderEnd, LadderEnd], rows: readonly LadderRow[], width: number): string[] {
  const room = width - MARGINS;
  return [...head(ends, room), ...rows.flatMap((row) => draw(row, room))];
}

function head([left, right]: readonly [LadderEnd, LadderEnd], room: number): string[] {
  const indent = ' '.repeat(TIME_WIDTH + STATE_WIDTH + 2);
  const names = spread(`${left.name} ${left.place}`.trim(), `${right.place} ${right.name}`.trim(), room + 2);
  const origins = spread(originText(left), originText(right), room + 2);
  const unit = 'ms'.padStart(TIME_WIDTH);
  return [`${indent}${names}`, `${unit}${indent.slice(TIME_WIDTH)}${origins}`];
}

function originText({ origin }: LadderEnd): string {
  return origin === undefined ? '' : `seq 0 = ${origin}`;
}

/** Two texts at the ends of `width` columns. */
function spread(left: string, right: string, width: number): string {
  return `${left}${' '.repeat(Math.max(1, width - left.length - right.length))}${right}`;
}

function draw(row: LadderRow, room: number): string[] {
  const { from, text, states } = row;
  const [left, right] = states;
  const middles: string[] = [];
  if (from !== undefined) middles.push(arrow(row, labelOf(row, room - 6), room));
  if (text !== '') middles.push(`│${`     ${cut(text, room - 7)}`.padEnd(room)}│`);
  const blank = `│${' '.repeat(room)}│`;
  return Array.from({ length: Math.max(middles.length, left.length, right.length) }, (_, i) => {
    const time = i === 0 && row.time !== undefined ? timeText(row.time) : '';
    const line = [
      time.padStart(TIME_WIDTH),
      (left[i] ?? '').padStart(STATE_WIDTH),
      middles[i] ?? blank,
      right[i] ?? '',
    ];
    return line.join(' ').trimEnd();
  });
}

/** Milliseconds, with the three decimals that there are, or as many of them as the column has room for. */
function timeText(microseconds: number): string {
  const text = (microseconds / 1000).toFixed(3);
  return text.slice(0, Math.max(TIME_WIDTH, text.indexOf('.'))).replace(/\.$/, '');
}

/** The label in `length` columns; what is cut off is never that the packet is a retransmission. */
function labelOf({ label, again }: LadderRow, length: number): string {
  return again ? `${cut(label, length - AGAIN.length)}${AGAIN}` : cut(label, length);
}

/** `├─ label ────>│` or `│<─ label ────┤`; a packet that has not arrived ends in `x`. */
function arrow({ from, arrived }: LadderRow, label: string, room: number): string {
  const body = ` ${label} `.padEnd(room - 4, '─');
  if (from === 0) return `├──${body}─${arrived ? '>' : 'x'}│`;
  return `│${arrived ? '<' : 'x'}─${body}──┤`;
}

function cut(text: string, length: number): string {
  return text.length <= length ? text : `${text.slice(0, length - 1)}…`;
}
