import { readFileSync, writeFileSync } from 'node:fs';
import { runPath } from '../support/path-world.ts';

/**
 * The grid of paths on which goodput is measured, with default settings (CUBIC) and with BBR, and the snapshot that it is
 * held against: `grid.snapshot.tsv`, a line a cell. Virtual time makes it exact: any change is a change of the stack's
 * behaviour. `USERNET_UPDATE_GRID=1` rewrites the cells that a run measures.
 */

/** One path: loss and reordering in percent of the packets of each direction, ms, Mbit/s. */
export interface Cell {
  readonly loss: number;
  readonly rtt: number;
  readonly reorder: number;
  readonly rate: number;
}

/** The controllers that are measured: the snapshot has a column for each. */
export const CONTROLLERS = ['cubic', 'bbr'] as const;
export type Controller = (typeof CONTROLLERS)[number];

const LOSSES = [0, 0.1, 1, 5, 10];
const RTTS = [1, 20, 100, 300];
const REORDERS = [0, 1, 10];
const RATES = [10, 100, 1000];
/** Milliseconds. */
const WARMUP = 5000;
const DURATION = 30_000;
const SNAPSHOT = new URL('grid.snapshot.tsv', import.meta.url);
/** Columns that say which cell a line is about. */
const KEYS = 4;
const HEADER = ['loss', 'rtt', 'reorder', 'rate', ...CONTROLLERS].join('\t');

/** All 180 cells. */
export const GRID: readonly Cell[] = RATES.flatMap((rate) =>
  LOSSES.flatMap((loss) => RTTS.flatMap((rtt) => REORDERS.map((reorder) => ({ loss, rtt, reorder, rate })))),
);

/** 24 of them in which every value of every column occurs: `[loss, rtt, reorder, rate]`. The fastest need few packets. */
export const QUICK: readonly Cell[] = (
  [
    [0, 20, 0, 10],
    [0, 100, 1, 10],
    [0, 300, 10, 10],
    [0.1, 1, 0, 10],
    [0.1, 100, 0, 10],
    [1, 20, 0, 10],
    [1, 100, 10, 10],
    [1, 300, 1, 10],
    [5, 1, 1, 10],
    [5, 20, 0, 10],
    [10, 1, 10, 10],
    [10, 100, 0, 10],
    [0, 100, 0, 100],
    [0, 20, 10, 100],
    [0.1, 20, 1, 100],
    [0.1, 300, 0, 100],
    [1, 20, 0, 100],
    [1, 100, 1, 100],
    [5, 20, 10, 100],
    [5, 300, 0, 100],
    [10, 100, 1, 100],
    [1, 100, 0, 1000],
    [5, 20, 0, 1000],
    [10, 300, 10, 1000],
  ] as const
).map(([loss, rtt, reorder, rate]) => ({ loss, rtt, reorder, rate }));

export function nameOf({ loss, rtt, reorder, rate }: Cell): string {
  return `loss ${loss} %, ${rtt} ms, reorder ${reorder} %, ${rate} Mbit/s`;
}

/** With BBR, which fills most paths, only the slow ones of these are quick. */
export const QUICK_BBR: readonly Cell[] = QUICK.filter(({ rate }) => rate === 10);

/** Of them the quickest, which are measured over IPv6, too: 13, most with loss and a long way, which take few packets. */
export const QUICK6: readonly Cell[] = QUICK.filter(({ loss, rtt, rate }) =>
  loss === 0 ? rtt + rate === 30 : loss * rtt > 20,
);
export const QUICK_BBR6: readonly Cell[] = QUICK_BBR.filter(({ loss, rtt }) => loss === 5 && rtt === 20);

/**
 * Whether a cell is among those that `pattern` names: `bbr * 300 * 1000` is controller, loss, round trip, reordering and
 * rate, a star stands for all. Without a pattern each is.
 */
export function isChosen({ loss, rtt, reorder, rate }: Cell, congestion: Controller, pattern: string = ''): boolean {
  const fields = [congestion, loss, rtt, reorder, rate].map(String);
  const wanted = pattern.split(' ').filter((field) => field !== '');
  return wanted.every((field, i) => field === '*' || field === fields[i]);
}

/** Goodput in Mbit/s, as the snapshot writes it. */
export function measure({ loss, rtt, reorder, rate }: Cell, congestion: Controller): string {
  const path = { rtt, loss: loss / 100, reorder: reorder / 100, rate: rate * 1e6, seed: 1, sender: { congestion } };
  return (runPath({ ...path, warmup: WARMUP, duration: DURATION }).goodput / 1e6).toFixed(3);
}

/** What the snapshot says of a cell that was measured; updates it when that is wished. */
export function expected(cell: Cell, congestion: Controller, measured: string): string | undefined {
  const snapshot = readSnapshot();
  const column = CONTROLLERS.indexOf(congestion);
  const line = snapshot.get(keyOf(cell)) ?? [];
  if (process.env['USERNET_UPDATE_GRID'] === '1') {
    line[column] = measured;
    snapshot.set(keyOf(cell), line);
    writeSnapshot(snapshot);
  }
  return line[column] || undefined;
}

/** Goodput in Mbit/s as the snapshot has it; undefined for a cell that was not measured yet. */
export function recorded(cell: Cell, congestion: Controller): number | undefined {
  const text = readSnapshot().get(keyOf(cell))?.[CONTROLLERS.indexOf(congestion)];
  return text ? Number(text) : undefined;
}

function keyOf({ loss, rtt, reorder, rate }: Cell): string {
  return [loss, rtt, reorder, rate].join('\t');
}

function readSnapshot(): Map<string, string[]> {
  const [, ...lines] = readFileSync(SNAPSHOT, 'utf8').trimEnd().split('\n');
  const rows = lines.map((line) => line.split('\t'));
  return new Map(rows.map((row) => [row.slice(0, KEYS).join('\t'), row.slice(KEYS)]));
}

/** In the order of the grid, whatever was measured first. */
function writeSnapshot(snapshot: ReadonlyMap<string, string[]>): void {
  const keys = GRID.map(keyOf).filter((key) => snapshot.has(key));
  const lines = keys.map((key) => [key, ...CONTROLLERS.map((_, i) => snapshot.get(key)![i] ?? '')].join('\t'));
  writeFileSync(SNAPSHOT, [HEADER, ...lines, ''].join('\n'));
}
