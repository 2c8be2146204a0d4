import { Batch, Checksum } from '../buffer/batch.ts';
import { copyBytes } from '../buffer/copy.ts';
import type { Clock, Random, Timer } from '../time/clock.ts';
import { chance, uniform } from '../time/seeded-random.ts';
import { Bottleneck } from './bottleneck.ts';
import { DelayQueue } from './delay-queue.ts';
import { markCe } from './ecn-mark.ts';
import type { Settings } from './impair-options.ts';
import { PacketCells } from './packet-cells.ts';

/** What has happened to the packets of one direction. */
export interface ImpairCounters {
  /** Packets that entered. */
  readonly packets: number;
  /** Lost by chance, or dropped by the test's own choice. */
  readonly lost: number;
  readonly duplicated: number;
  readonly corrupted: number;
  /** Held back; whether others overtook them depends on what came next. */
  readonly reordered: number;
  /** Dropped at the bottleneck because its queue was full. */
  readonly queueDrops: number;
  /** Marked CE at the bottleneck. */
  readonly marked: number;
  /** Dropped because more than 256 MiB were under way. */
  readonly overflows: number;
  /** Packets under way now. */
  readonly underWay: number;
  /** Bytes at the bottleneck now, the packet on its way out included, and the most there ever were. */
  readonly queue: number;
  readonly queueMax: number;
}

/** What a lane has counted that is not there yet. */
export const NOTHING_YET: ImpairCounters = {
  packets: 0,
  lost: 0,
  duplicated: 0,
  corrupted: 0,
  reordered: 0,
  queueDrops: 0,
  marked: 0,
  overflows: 0,
  underWay: 0,
  queue: 0,
  queueMax: 0,
};

const MOST_UNDER_WAY = 0x1000_0000;
const TRUNCATE = 0.2;
const UINT32_RANGE = 0x1_0000_0000;

/** One direction of an impaired link: packets enter by `put`, and leave when their time has come, in batches. */
export class ImpairLane {
  settings: Settings;
  readonly #random: Random;
  readonly #clock: Clock;
  readonly #ethernet: boolean;
  /** Takes packets on, and says how many. The batch is lent for the call. */
  readonly #release: (batch: Batch) => number;
  readonly #timer: Timer;
  readonly #bottleneck: Bottleneck = new Bottleneck();
  readonly #waiting: DelayQueue = new DelayQueue();
  readonly #cells: PacketCells = new PacketCells();
  /** Due packets, and their rows in the queue. */
  readonly #leaving: Batch = new Batch();
  readonly #leavingRows: number[] = [];
  /** When the timer is armed for; Infinity: it is not. */
  #armedFor: number = Infinity;
  #bytes: number = 0;
  #cut: boolean = false;
  #packets: number = 0;
  #lost: number = 0;
  #duplicated: number = 0;
  #corrupted: number = 0;
  #reordered: number = 0;
  #queueDrops: number = 0;
  #marked: number = 0;
  #overflows: number = 0;

  constructor(
    settings: Settings,
    world: { clock: Clock; random: Random; ethernet: boolean },
    release: (batch: Batch) => number,
  ) {
    this.settings = settings;
    this.#clock = world.clock;
    this.#random = world.random;
    this.#ethernet = world.ethernet;
    this.#release = release;
    this.#timer = world.clock.timer(() => {
      this.#armedFor = Infinity;
      this.flush(this.#clock.now());
    });
  }

  /** Due packets were refused: nothing leaves until `flush`. */
  get blocked(): boolean {
    return this.#leaving.count > 0;
  }

  counters(now: number): ImpairCounters {
    return {
      packets: this.#packets,
      lost: this.#lost,
      duplicated: this.#duplicated,
      corrupted: this.#corrupted,
      reordered: this.#reordered,
      queueDrops: this.#queueDrops,
      marked: this.#marked,
      overflows: this.#overflows,
      underWay: this.#waiting.size + this.#leaving.count,
      queue: this.#bottleneck.occupied(now),
      queueMax: this.#bottleneck.most,
    };
  }

  /** Takes a packet. Call `flush` when all have been put. */
  put(batch: Batch, row: number, now: number): void {
    const { loss, duplicate, drop } = this.settings;
    const random = this.#random;
    const index = this.#packets++;
    // All draws are made whatever the settings are: a change of one shifts nothing else.
    const isLost = chance(random, loss);
    const isDuplicated = chance(random, duplicate);
    if (isLost || (drop !== undefined && drop(batch.packet(row), index))) {
      this.#lost++;
      return;
    }
    this.#delay(batch, row, now);
    if (!isDuplicated) return;
    this.#duplicated++;
    this.#delay(batch, row, now);
  }

  /** Lets go what is due by `now`, and arms the timer for the rest. */
  flush(now: number): void {
    const leaving = this.#leaving;
    const waiting = this.#waiting;
    for (;;) {
      if (leaving.count === 0) this.#collect(now);
      if (leaving.count === 0 || !this.#send()) break;
    }
    const next = leaving.count > 0 ? Infinity : waiting.nextDue;
    if (next === this.#armedFor || this.#cut) return;
    this.#armedFor = next;
    this.#timer.at(next);
  }

  /** Forgets everything under way, and takes no more. */
  cut(): void {
    this.#cut = true;
    this.#timer.cancel();
    this.#leave(this.#leaving.count);
    for (let row = this.#waiting.take(Infinity); row >= 0; row = this.#waiting.take(Infinity)) this.#forget(row);
  }

  /** One copy of a packet: its time, and its damage. */
  #delay(batch: Batch, row: number, now: number): void {
    const { rate, queue, corrupt, delay, jitter, reorder, reorderDelay, ecnThreshold } = this.settings;
    const random = this.#random;
    const length = batch.length[row]!;
    const isCorrupt = chance(random, corrupt);
    const isHeldBack = chance(random, reorder);
    const wobble = (random.uint32() / UINT32_RANGE) * jitter;
    if (this.#cut) return;
    if (this.#bytes + length > MOST_UNDER_WAY) {
      this.#overflows++;
      return;
    }
    let leaves = now;
    let isMarked = false;
    if (rate < Infinity) {
      const congested = this.#bottleneck.occupied(now) > ecnThreshold;
      leaves = this.#bottleneck.enter(now, length, rate, queue);
      if (leaves < 0) {
        this.#queueDrops++;
        return;
      }
      isMarked = congested && markCe(batch.memory[row]!.view, batch.offset[row]!, length, this.#ethernet, false);
    }
    const held = isHeldBack ? reorderDelay : 0;
    if (isHeldBack) this.#reordered++;
    const added = this.#waiting.add(leaves + delay + wobble + held, isHeldBack || jitter > 0);
    this.#store(added, batch, row, isMarked || isCorrupt);
    if (isMarked) this.#mark(added);
    if (isCorrupt) this.#damage(added);
    this.#bytes += this.#waiting.length[added]!;
  }

  /** Memory that is never rewritten is kept as it is, unless this packet's will be; all other is copied. */
  #store(added: number, batch: Batch, row: number, willChange: boolean): void {
    const waiting = this.#waiting;
    const memory = batch.memory[row]!;
    const offset = batch.offset[row]!;
    const length = batch.length[row]!;
    waiting.length[added] = length;
    waiting.checksum[added] = batch.checksum[row]!;
    if (batch.retained && !willChange) {
      waiting.memory[added] = memory;
      waiting.offset[added] = offset;
      waiting.cell[added] = -1;
      return;
    }
    const cells = this.#cells;
    waiting.cell[added] = cells.allocate(length);
    waiting.memory[added] = cells.memory;
    waiting.offset[added] = cells.offset;
    copyBytes(cells.memory.bytes, cells.offset, memory.bytes, offset, length);
  }

  #mark(row: number): void {
    const { memory, offset, length } = this.#waiting;
    markCe(memory[row]!.view, offset[row]!, length[row]!, this.#ethernet, true);
    this.#marked++;
  }

  /** One bit, or the end. Nobody vouches for these bytes any more. */
  #damage(row: number): void {
    const waiting = this.#waiting;
    const length = waiting.length[row]!;
    if (length === 0) return;
    const random = this.#random;
    const at = uniform(random, length);
    if (chance(random, TRUNCATE)) waiting.length[row] = at;
    else waiting.memory[row]!.bytes[waiting.offset[row]! + at]! ^= 1 << uniform(random, 8);
    waiting.checksum[row] = Checksum.none;
    this.#corrupted++;
  }

  /** Puts what is due into `#leaving`. */
  #collect(now: number): void {
    const waiting = this.#waiting;
    const leaving = this.#leaving;
    leaving.retained = true;
    for (let row = waiting.take(now); row >= 0; row = waiting.take(now)) {
      leaving.push(waiting.memory[row]!, waiting.offset[row]!, waiting.length[row]!, waiting.checksum[row]);
      if (waiting.cell[row]! >= 0) leaving.retained = false;
      this.#leavingRows.push(row);
    }
  }

  /** Hands `#leaving` on; false when not all was taken. */
  #send(): boolean {
    const { count } = this.#leaving;
    let taken = count;
    try {
      taken = this.#release(this.#leaving);
    } finally {
      // The receiver may have closed the link, which has forgotten everything.
      if (!this.#cut) this.#leave(taken);
    }
    return !this.#cut && taken === count;
  }

  /** The first `n` of `#leaving` have left. */
  #leave(n: number): void {
    const rows = this.#leavingRows;
    for (let i = 0; i < n; i++) this.#forget(rows[i]!);
    this.#leaving.drop(n);
    if (n === rows.length) rows.length = 0;
    else rows.splice(0, n);
  }

  #forget(row: number): void {
    const waiting = this.#waiting;
    this.#bytes -= waiting.length[row]!;
    if (waiting.cell[row]! >= 0) this.#cells.release(waiting.cell[row]!);
    waiting.free(row);
  }
}
