import { Batch, Checksum } from '../buffer/batch.ts';
import { Counters } from '../buffer/counters.ts';
import { SlabAllocator } from '../buffer/slab.ts';
import type { Clock, Random } from '../time/clock.ts';
import { usageError } from '../errors.ts';
import { frontLength, wireRefusal } from './refusal.ts';
import type { WireDrop } from './refusal.ts';
import type { LaneLimits, LaneSender } from './lane.ts';
import { Lane } from './lane.ts';
import type { Link, LinkHost, LinkOffload } from './link.ts';
import { NO_OFFLOAD } from './link.ts';
import { Segmenter } from './segmenter.ts';

/**
 * Why a switch dropped a frame that came in at a port, or (`queue-full`) was to leave by it: `invalid-source` is a group's
 * address or none, `reserved` is a group that no switch forwards to.
 */
export type SwitchDrop = WireDrop | 'invalid-source' | 'reserved' | 'queue-full';

/** What has passed a port of a switch. */
export interface SwitchPortCounters {
  /** The port's number, as in `table()`. */
  readonly port: number;
  /** Frames that came in, and that were queued to leave. */
  readonly received: number;
  readonly sent: number;
  /** Frames that were dropped, by `SwitchDrop`. */
  readonly dropped: Record<string, number>;
}

/** What a port needs of its switch. */
export interface SwitchCore {
  readonly mtu: number;
  /** Passes frame `row` on; false when the one place that it goes to has no room now. */
  forward(from: SwitchPort, batch: Batch, row: number, now: number): boolean;
  /** The ports that wait for room shall try again. */
  roomAgain(): void;
  opened(host: LinkHost): void;
  /** Nothing is behind the port any more. */
  ended(port: SwitchPort): void;
  now(): number;
}

/** A port, as the switch sees it. */
export abstract class SwitchPort {
  readonly index: number;
  readonly dropped: Counters = new Counters();
  received: number = 0;
  sent: number = 0;
  protected readonly core: SwitchCore;

  constructor(core: SwitchCore, index: number) {
    this.core = core;
    this.index = index;
  }

  /** Frames can leave by this port. */
  abstract get up(): boolean;

  /** It is closed for good: its number may be given to another. */
  abstract get gone(): boolean;

  /** Queues a frame to leave; false when there is no room. */
  abstract put(batch: Batch, row: number): boolean;

  /** There may be room where frames of this port were refused. */
  abstract retry(): void;

  counters(): SwitchPortCounters {
    const { index, received, sent } = this;
    return { port: index, received, sent, dropped: this.dropped.snapshot() };
  }
}

/** A port that a station in this program is attached to: to its stack it is a link. */
export class StationPort extends SwitchPort implements Link {
  readonly medium = 'ethernet';
  readonly mtu: number;
  readonly offload: LinkOffload = NO_OFFLOAD;
  readonly address: Uint8Array;
  readonly #out: Lane;
  #host: LinkHost | undefined;
  #opened: boolean = false;
  /** `send` left frames. */
  #waiting: boolean = false;

  constructor(core: SwitchCore, index: number, address: Uint8Array, limits: LaneLimits) {
    super(core, index);
    this.mtu = core.mtu;
    this.address = address;
    this.#out = new Lane(limits);
  }

  get up(): boolean {
    return this.#host !== undefined;
  }

  get gone(): boolean {
    return this.#opened && this.#host === undefined;
  }

  open(host: LinkHost): void {
    if (this.#opened) throw usageError('ERR_INVALID_STATE', 'a link is opened at most once', Error);
    this.#opened = true;
    this.#host = host;
    this.#out.receiver = host;
    this.#out.sender = senderOf(this.core, host.clock);
    this.core.opened(host);
  }

  send(batch: Batch): number {
    const { count } = batch;
    if (this.#host === undefined) {
      if (count > 0) this.dropped.add('down' satisfies SwitchDrop, count);
      return count;
    }
    const now = this.core.now();
    for (let row = 0; row < count; row++) {
      const reason = wireRefusal(batch, row, 'ethernet', this.mtu);
      if (reason !== undefined) {
        this.dropped.add(reason);
      } else if (!this.core.forward(this, batch, row, now)) {
        this.#waiting = true;
        return row;
      }
    }
    return count;
  }

  close(): void {
    this.#opened = true;
    this.#host = undefined;
    this.#out.cut();
    this.#out.sender = undefined;
    this.core.ended(this);
  }

  override put(batch: Batch, row: number): boolean {
    // A wire carries bits: whatever the sender knew of the checksum, the receiver doesn't.
    if (!this.#out.put(batch, row, Checksum.none)) return false;
    this.sent++;
    return true;
  }

  override retry(): void {
    if (!this.#waiting) return;
    this.#waiting = false;
    this.#host?.writable();
  }
}

/** A port with any other link behind it. It is never waited for: what it does not take in time is dropped. */
export class LinkPort extends SwitchPort implements LinkHost {
  readonly clock: Clock;
  readonly random: Random;
  readonly link: Link;
  readonly #limits: Required<LaneLimits>;
  readonly #out: Lane;
  /** What the link did not take yet, in memory that is never rewritten, and its bytes. */
  readonly #backlog: Batch = new Batch();
  #backlogBytes: number = 0;
  readonly #slabs: SlabAllocator = new SlabAllocator();
  readonly #segmenter: Segmenter = new Segmenter();
  #living: boolean = true;

  constructor(
    core: SwitchCore,
    index: number,
    link: Link,
    host: { clock: Clock; random: Random },
    limits: Required<LaneLimits>,
  ) {
    super(core, index);
    this.link = link;
    this.clock = host.clock;
    this.random = host.random;
    this.#limits = limits;
    this.#out = new Lane(limits);
    this.#backlog.retained = true;
    this.#out.sender = senderOf(core, host.clock);
    this.#out.receiver = { clock: host.clock, receive: (batch) => this.#leave(batch) };
  }

  get up(): boolean {
    return this.#living && this.link.up;
  }

  get gone(): boolean {
    return !this.#living;
  }

  override put(batch: Batch, row: number): boolean {
    if (this.#out.put(batch, row, Checksum.none)) this.sent++;
    else this.dropped.add('queue-full' satisfies SwitchDrop);
    return true;
  }

  override retry(): void {}

  receive(batch: Batch): void {
    if (!this.#living) return;
    const { count } = batch;
    const now = this.core.now();
    for (let row = 0; row < count; row++) {
      if (batch.checksum[row] === Checksum.partial || batch.segmentSize[row] !== 0) this.#cut(batch, row, now);
      else this.#enter(batch, row, now);
    }
  }

  writable(): void {
    const backlog = this.#backlog;
    if (!this.#living || backlog.count === 0) return;
    const taken = this.link.send(backlog);
    for (let row = 0; row < taken; row++) this.#backlogBytes -= backlog.length[row]!;
    backlog.drop(taken);
  }

  changed(): void {}

  closed(): void {
    this.#end();
  }

  /** Closes the link. Idempotent. */
  async disconnect(): Promise<void> {
    if (!this.#living) return;
    this.#end();
    await this.link.close();
  }

  #end(): void {
    this.#living = false;
    this.#backlog.clear();
    this.#backlogBytes = 0;
    this.#out.cut();
    this.core.ended(this);
  }

  /** Frames come out of the queue. */
  #leave(batch: Batch): void {
    const { queue, queueBytes } = this.#limits;
    const backlog = this.#backlog;
    const { count } = batch;
    for (let row = backlog.count > 0 ? 0 : this.link.send(batch); row < count; row++) {
      const length = batch.length[row]!;
      if (!this.#living || backlog.count >= queue || this.#backlogBytes + length > queueBytes) {
        this.dropped.add('queue-full' satisfies SwitchDrop);
        continue;
      }
      if (batch.retained) backlog.append(batch, row);
      else this.#copy(batch, row);
      this.#backlogBytes += length;
    }
  }

  #copy(batch: Batch, row: number): void {
    const slabs = this.#slabs;
    slabs.copy(batch.memory[row]!, batch.offset[row]!, batch.length[row]!);
    this.#backlog.push(slabs.memory, slabs.offset, batch.length[row]!, batch.checksum[row], batch.segmentSize[row]);
  }

  #enter(batch: Batch, row: number, now: number): void {
    const reason = wireRefusal(batch, row, 'ethernet', this.core.mtu);
    if (reason !== undefined) this.dropped.add(reason);
    else if (!this.core.forward(this, batch, row, now)) this.dropped.add('queue-full' satisfies SwitchDrop);
  }

  /** The stations take no offload: what the link has left to them is done here. */
  #cut(batch: Batch, row: number, now: number): void {
    const length = batch.length[row]!;
    const front = frontLength('ethernet', batch.memory[row]!, batch.offset[row]!, length);
    const { pieces } = this.#segmenter;
    if (front > length || !this.#segmenter.cut(batch, row, front)) {
      this.dropped.add('partial-checksum' satisfies SwitchDrop);
      return;
    }
    for (let piece = 0; piece < pieces.count; piece++) this.#enter(pieces, piece, now);
    pieces.clear();
  }
}

/** Tells the switch's ports when a lane has room again. */
function senderOf(core: SwitchCore, clock: Clock): LaneSender {
  return { clock, writable: () => core.roomAgain() };
}
