import { WIDE } from '../buffer/wide.ts';

/** Rows of records, of which `length` from `first` on are in use, and sums over them; the arrays have the same length. */
export interface Rows {
  length: number;
  first: number;
  /** Where the oldest record begins. */
  una: number;
  /** Payload of a full segment when something was last sent for the first time. */
  mss: number;
  /** Octets that the peer has reported by SACK, and segments. */
  sacked: number;
  sackedSegments: number;
  /** Octets deemed lost, whether sent again or not. */
  lost: number;
  /** Octets sent again and deemed on their way. */
  retransmitted: number;
  /** Octets that are lost and not sent again; none of them lies below `lostFrom`. */
  waiting: number;
  lostFrom: number;
  /** The first range that was found lost and was not sent again. */
  lostStart: number;
  lostEnd: number;
  /** The sequence number behind the record's last byte; the record begins where the one before it ends. */
  end: Uint32Array;
  /** When the record was last sent. */
  sentAt: Float64Array;
  marks: Uint8Array;
  /** Segments that it was sent as. */
  segments: Uint16Array;
  delivered: Float64Array;
  deliveredAt: Float64Array;
  firstSentAt: Float64Array;
}

const COLUMNS = ['end', 'sentAt', 'marks', 'segments', 'delivered', 'deliveredAt', 'firstSentAt'] as const;

const FIRST_CAPACITY = 16;
/** Bytes of a row, and what the arrays cost beside, as measured with V8. */
const ROW_SIZE = 39;
const ROWS_OVERHEAD = 1430;
/** Rows of boards that ran empty wait here for the next that fills: a connection that pings allocates nothing. */
const spareRows: Rows[] = [];
const MAX_SPARE_ROWS = 64;

function makeColumns(capacity: number): Pick<Rows, (typeof COLUMNS)[number]> {
  return {
    end: new Uint32Array(capacity),
    sentAt: new Float64Array(capacity),
    marks: new Uint8Array(capacity),
    segments: new Uint16Array(capacity),
    delivered: new Float64Array(capacity),
    deliveredAt: new Float64Array(capacity),
    firstSentAt: new Float64Array(capacity),
  };
}

function makeRows(capacity: number): Rows {
  return {
    length: 0,
    first: 0,
    una: WIDE,
    mss: 1,
    sacked: 0,
    sackedSegments: 0,
    lost: 0,
    retransmitted: 0,
    waiting: 0,
    lostFrom: WIDE,
    lostStart: WIDE,
    lostEnd: WIDE,
    ...makeColumns(capacity),
  };
}

/** Those of every empty board: nothing is ever written to them. */
export const NO_ROWS: Rows = makeRows(0);

/** What the rows occupy, in bytes. */
export function sizeOfRows(rows: Rows): number {
  return rows.end.length * ROW_SIZE + ROWS_OVERHEAD;
}

/** Empty rows. */
export function takeRows(): Rows {
  const rows = spareRows.pop() ?? makeRows(FIRST_CAPACITY);
  rows.length = rows.first = 0;
  rows.sacked = rows.sackedSegments = rows.lost = rows.retransmitted = rows.waiting = 0;
  return rows;
}

/** The rows are not needed any more. */
export function giveRows(rows: Rows): void {
  if (rows.end.length === FIRST_CAPACITY && spareRows.length < MAX_SPARE_ROWS) spareRows.push(rows);
}

/** Makes twice as many rows of them, with rows `[from, end)` at the front. */
export function growRows(rows: Rows, from: number, end: number): void {
  const grown = makeColumns(rows.end.length * 2);
  for (const name of COLUMNS) grown[name].set(rows[name].subarray(from, end));
  Object.assign(rows, grown);
}

export function copyRow(rows: Rows, from: number, to: number): void {
  rows.end[to] = rows.end[from]!;
  rows.sentAt[to] = rows.sentAt[from]!;
  rows.marks[to] = rows.marks[from]!;
  rows.segments[to] = rows.segments[from]!;
  rows.delivered[to] = rows.delivered[from]!;
  rows.deliveredAt[to] = rows.deliveredAt[from]!;
  rows.firstSentAt[to] = rows.firstSentAt[from]!;
}

/** Moves rows `[from, end)` so that they begin at `to`. */
export function moveRows(rows: Rows, from: number, end: number, to: number): void {
  if (from >= end) return;
  for (const name of COLUMNS) rows[name].copyWithin(to, from, end);
}
