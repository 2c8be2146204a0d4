import type { Batch } from '../buffer/batch.ts';
import { Checksum } from '../buffer/batch.ts';
import { Counters } from '../buffer/counters.ts';
import { requireMethods, usageError } from '../errors.ts';
import type { Clock, Random } from '../time/clock.ts';
import { seededRandom } from '../time/seeded-random.ts';
import { ethernetHeaderLength } from '../wire/ethernet.ts';
import type { ImpairCounters } from './impair-lane.ts';
import { ImpairLane, NOTHING_YET } from './impair-lane.ts';
import type { ImpairChanges, ImpairOptions, Impairments } from './impair-options.ts';
import { checkChanges, directed, settingsOf } from './impair-options.ts';
import type { MemoryDrop } from './lane.ts';
import type { Link, LinkHost, LinkOffload, OwnsFlow } from './link.ts';
import { NO_OFFLOAD, requireLink } from './link.ts';
import { Segmenter } from './segmenter.ts';

/** A link on which packets suffer. */
export interface ImpairedLink extends Link {
  /**
   * Changes the impairments for packets that enter from now on; what is not named stays. Names given for both
   * directions come first, those of `send` and `receive` over them.
   *
   * @throws ERR_OUT_OF_RANGE, ERR_INVALID_ARG_TYPE, ERR_INVALID_ARG_VALUE
   */
  set(changes: ImpairChanges): void;
  /** What has happened so far, in each direction; a new object. All zero before the link is open. */
  statistics(): { send: ImpairCounters; receive: ImpairCounters };
  /** Packets dropped for what they were: of a link that was down, or not single and complete (`MemoryDrop`). */
  readonly dropped: Counters;
}

/**
 * Wraps a link so that packets are lost, duplicated, damaged, delayed, reordered and held to a rate, in each direction
 * separately: the round trip grows by twice the `delay`. It presents no offload and works on single packets: what the
 * inner link's offload brings is cut into them, with complete checksums.
 *
 * @throws ERR_OUT_OF_RANGE, ERR_INVALID_ARG_TYPE, ERR_INVALID_ARG_VALUE
 * @example
 * const [a, b] = cable();
 * const bad = impair(b, { loss: 0.05, delay: 40, seed: 7, send: { rate: 1e6 } });
 * bob.attach(bad, { addresses: ['10.0.0.2/24'] });
 * bad.set({ loss: 1 }); // a partition
 * bad.set({ loss: 0 }); // healed
 */
export function impair(link: Link, options: ImpairOptions = {}): ImpairedLink {
  requireLink(link);
  checkChanges('impair', options, true);
  const { clock, random, seed } = options;
  if (seed !== undefined && random !== undefined) {
    throw usageError('ERR_INVALID_ARG_VALUE', 'impair: give `seed` or `random`, not both');
  }
  if (clock !== undefined) requireMethods('clock', clock, ['now', 'timer'], 'a Clock');
  if (random !== undefined) requireMethods('random', random, ['uint32'], 'a Random');
  if (seed === undefined) return new Impaired(link, options, { send: random, receive: random });
  // A stream for each direction: what goes one way has no influence on the faults of the other.
  const seeds = seededRandom(seed);
  const randoms = { send: seededRandom(seeds.uint32()), receive: seededRandom(seeds.uint32()) };
  return new Impaired(link, options, randoms);
}

/** What each direction draws from; undefined: what `open` is given. */
interface Randoms {
  readonly send: Random | undefined;
  readonly receive: Random | undefined;
}

/** Packets of a large batch that are looked at before the inner link is. */
const FLUSH_EVERY = 32;

class Impaired implements ImpairedLink {
  address?: Uint8Array;
  readonly offload: LinkOffload = NO_OFFLOAD;
  readonly dropped: Counters = new Counters();
  readonly #inner: Link;
  readonly #clock: Clock | undefined;
  readonly #randoms: Randoms;
  #sendOptions: Impairments;
  #receiveOptions: Impairments;
  #host: LinkHost | undefined;
  /** From `open` on. */
  #lanes: { clock: Clock; send: ImpairLane; receive: ImpairLane } | undefined;
  readonly #segmenter: Segmenter = new Segmenter();
  /** `send` has taken less than all. */
  #refused: boolean = false;

  constructor(inner: Link, options: ImpairOptions, randoms: Randoms) {
    this.#inner = inner;
    this.#sendOptions = directed({}, options, 'send');
    this.#receiveOptions = directed({}, options, 'receive');
    this.#clock = options.clock;
    this.#randoms = randoms;
    this.#readAddress();
  }

  get medium(): 'ip' | 'ethernet' {
    return this.#inner.medium;
  }

  get mtu(): number {
    return this.#inner.mtu;
  }

  get ownsFlow(): OwnsFlow | undefined {
    return this.#inner.ownsFlow;
  }

  get up(): boolean {
    return this.#inner.up;
  }

  set(changes: ImpairChanges): void {
    checkChanges('impair, set', changes, false);
    this.#sendOptions = directed(this.#sendOptions, changes, 'send');
    this.#receiveOptions = directed(this.#receiveOptions, changes, 'receive');
    if (this.#lanes === undefined) return;
    this.#lanes.send.settings = settingsOf(this.#sendOptions);
    this.#lanes.receive.settings = settingsOf(this.#receiveOptions);
  }

  statistics(): { send: ImpairCounters; receive: ImpairCounters } {
    if (this.#lanes === undefined) return { send: { ...NOTHING_YET }, receive: { ...NOTHING_YET } };
    const { clock, send, receive } = this.#lanes;
    const now = clock.now();
    return { send: send.counters(now), receive: receive.counters(now) };
  }

  open(host: LinkHost): void | Promise<void> {
    if (this.#lanes !== undefined) throw usageError('ERR_INVALID_STATE', 'a link is opened at most once', Error);
    const clock = this.#clock ?? host.clock;
    const { send = host.random, receive = host.random } = this.#randoms;
    const ethernet = this.medium === 'ethernet';
    this.#host = host;
    this.#lanes = {
      clock,
      send: new ImpairLane(settingsOf(this.#sendOptions), { clock, random: send, ethernet }, (batch) =>
        this.#inner.send(batch),
      ),
      receive: new ImpairLane(settingsOf(this.#receiveOptions), { clock, random: receive, ethernet }, (batch) => {
        const { count } = batch;
        host.receive(batch);
        return count;
      }),
    };
    const opening = this.#inner.open({
      clock: host.clock,
      random: host.random,
      receive: (batch) => this.#receive(batch),
      writable: () => this.#writable(),
      changed: () => this.#changed(),
      closed: (error) => this.#closed(error),
    });
    this.#readAddress();
    return opening;
  }

  send(batch: Batch): number {
    const { count } = batch;
    const lanes = this.#lanes;
    if (lanes === undefined || !this.up) {
      if (count > 0) this.dropped.add('down' satisfies MemoryDrop, count);
      return count;
    }
    const { send } = lanes;
    const now = lanes.clock.now();
    for (let row = 0; row < count; row++) {
      if (send.blocked) {
        this.#refused = true;
        return row;
      }
      if (isSingle(batch, row)) send.put(batch, row, now);
      else this.#dropSpecial(batch, row);
      // Now and then, so that a link that has no room any more is noticed in time.
      if (row % FLUSH_EVERY === FLUSH_EVERY - 1) send.flush(now);
    }
    send.flush(now);
    return count;
  }

  close(): void | Promise<void> {
    this.#host = undefined;
    this.#lanes?.send.cut();
    this.#lanes?.receive.cut();
    return this.#inner.close();
  }

  #receive(batch: Batch): void {
    const { clock, receive } = this.#lanes!;
    const now = clock.now();
    for (let row = 0; row < batch.count; row++) {
      if (isSingle(batch, row)) receive.put(batch, row, now);
      else this.#receiveCut(batch, row, now);
    }
    receive.flush(now);
  }

  /** What the inner link's offload has brought becomes the packets that a wire would have had. */
  #receiveCut(batch: Batch, row: number, now: number): void {
    const { pieces } = this.#segmenter;
    const front =
      this.medium === 'ip' ? 0 : ethernetHeaderLength(batch.memory[row]!.view, batch.offset[row]!, batch.length[row]!);
    if (!this.#segmenter.cut(batch, row, front)) {
      return this.#dropSpecial(batch, row);
    }
    for (let piece = 0; piece < pieces.count; piece++) this.#lanes!.receive.put(pieces, piece, now);
  }

  #dropSpecial(batch: Batch, row: number): void {
    const reason: MemoryDrop = batch.segmentSize[row] !== 0 ? 'super-segment' : 'partial-checksum';
    this.dropped.add(reason);
  }

  #writable(): void {
    const { clock, send } = this.#lanes!;
    send.flush(clock.now());
    if (send.blocked || !this.#refused) return;
    this.#refused = false;
    this.#host?.writable();
  }

  #changed(): void {
    this.#readAddress();
    // A link that went down takes what it had refused, and drops it.
    this.#writable();
    this.#host?.changed();
  }

  #closed(error?: Error): void {
    this.#lanes!.send.cut();
    this.#lanes!.receive.cut();
    this.#host?.closed(error);
  }

  /** A device may learn its address when it is opened or changed. */
  #readAddress(): void {
    const { address } = this.#inner;
    if (address === undefined) delete this.address;
    else this.address = address;
  }
}

/** One packet, with all its checksums. */
function isSingle(batch: Batch, row: number): boolean {
  return batch.segmentSize[row] === 0 && batch.checksum[row] !== Checksum.partial;
}
