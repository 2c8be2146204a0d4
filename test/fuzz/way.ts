import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { seededRandom } from '../../src/time/seeded-random.ts';
import { hex } from '../support/wire.ts';
import { Draw } from './draw.ts';
import { mutate } from './mutate.ts';

/** A way by which bytes of strangers get in: a parser, or all that lies behind a link. */
export interface Way {
  readonly name: string;
  /** What damaged bytes are made from. */
  readonly seeds: readonly Uint8Array[];
  /** Makes lengths and checksums right again, so that the damage gets far. */
  repair?(bytes: Uint8Array): void;
  open(): Receiver;
}

/** What bytes are given to, one packet after the other; the same packets always have the same effect. */
export interface Receiver {
  /**
   * @returns `accepted`, or the reason why not
   * @throws for whatever must not be
   */
  take(bytes: Uint8Array): string;
  /** What it has sent, made to what could be an answer. */
  readonly answers?: readonly Uint8Array[];
  /** The end: all is given back. Tells what was counted under which reason meanwhile. */
  end?(): Promise<Record<string, number>>;
}

/** `accepted`, or a value's reason. */
export function outcomeOf(value: object | string | undefined): string {
  return typeof value === 'string' ? value : 'accepted';
}

/** Packets that one receiver takes before there is a new one. */
const LIFE = 2000;
const REPAIRED = 0.7;
const ANSWERED = 0.4;
/** What a run may have in memory at most beyond what there was at its beginning, garbage included. */
const MOST_MEMORY = 512 * 1024 * 1024;

export interface FuzzRun {
  readonly name: string;
  packets: number;
  seconds: number;
  /** The most memory in use beyond that of the beginning, in bytes, garbage included. */
  memory: number;
  readonly tally: Map<string, number>;
}

/** Gives a way so many packets, or as many as there is time for. What fails is kept in the corpus. */
export async function fuzz(way: Way, packets: number, seed: number, milliseconds: number = Infinity): Promise<FuzzRun> {
  const run: FuzzRun = { name: way.name, packets: 0, seconds: 0, memory: 0, tally: new Map() };
  const [began, before] = [performance.now(), memoryInUse()];
  const count = (reason: string, n: number): void => void run.tally.set(reason, (run.tally.get(reason) ?? 0) + n);
  for (let life = 0; run.packets < packets; life++) {
    // One at least, however little time there is.
    if (life > 0 && performance.now() - began >= milliseconds) break;
    const draw = new Draw(seededRandom(seed * 1_000_000 + life));
    const given: Uint8Array[] = [];
    try {
      const receiver = way.open();
      while (given.length < LIFE && run.packets < packets) {
        const answers = receiver.answers ?? [];
        const bytes = mutate(draw, answers.length > 0 && draw.chance(ANSWERED) ? answers : way.seeds);
        if (way.repair !== undefined && draw.chance(REPAIRED)) way.repair(bytes);
        given.push(bytes);
        run.packets++;
        count(receiver.take(bytes), 1);
      }
      for (const [reason, n] of Object.entries((await receiver.end?.()) ?? {})) count(reason, n);
    } catch (error) {
      const found = await shortest(way, given);
      keep({ way: way.name, packets: found.map(digits) });
      const again = `USERNET_FUZZ_WAY=${way.name} USERNET_FUZZ_SEED=${seed}`;
      throw new Error(`${way.name}: life ${life}, packet ${given.length} (${again}): ${String(error)}`, {
        cause: error,
      });
    }
    run.memory = Math.max(run.memory, memoryInUse() - before);
    if (run.memory > MOST_MEMORY) throw new Error(`${way.name}: ${run.memory} bytes are in use`);
  }
  run.seconds = (performance.now() - began) / 1000;
  return run;
}

function memoryInUse(): number {
  const { heapUsed, arrayBuffers } = process.memoryUsage();
  return heapUsed + arrayBuffers;
}

/** Gives a new receiver these packets. */
export async function replay(way: Way, packets: readonly Uint8Array[]): Promise<void> {
  const receiver = way.open();
  for (const bytes of packets) receiver.take(bytes.slice());
  await receiver.end?.();
}

/** The last of them that suffice to fail again. */
async function shortest(way: Way, given: readonly Uint8Array[]): Promise<readonly Uint8Array[]> {
  for (let length = 1; length < given.length; length *= 2) {
    const last = given.slice(-length);
    try {
      await replay(way, last);
    } catch {
      return last;
    }
  }
  return given;
}

/** Packets that failed once, in hexadecimal digits, in the order they came in. */
interface CorpusEntry {
  way: string;
  packets: string[];
}

const CORPUS = new URL('corpus.json', import.meta.url);

/** What has failed once, all of it. */
export function corpusOf(name: string): Uint8Array[][] {
  return readCorpus()
    .filter(({ way }) => way === name)
    .map(({ packets }) => packets.map(hex));
}

function readCorpus(): CorpusEntry[] {
  return existsSync(CORPUS) ? (JSON.parse(readFileSync(CORPUS, 'utf8')) as CorpusEntry[]) : [];
}

function keep(entry: CorpusEntry): void {
  writeFileSync(CORPUS, `${JSON.stringify([...readCorpus(), entry], undefined, 2)}\n`);
}

function digits(bytes: Uint8Array): string {
  return [...bytes].map((byte) => byte.toString(16).padStart(2, '0')).join('');
}
