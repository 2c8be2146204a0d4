import type { Batch } from '../buffer/batch.ts';
import { Checksum } from '../buffer/batch.ts';
import { Counters } from '../buffer/counters.ts';
import type { Memory } from '../buffer/memory.ts';
import { usageError } from '../errors.ts';
import type { CheckedCarrier } from './carrier-options.ts';
import { longestPacket } from './carrier-options.ts';
import type { LaneLimits } from './lane.ts';
import { Lane } from './lane.ts';
import type { Link, LinkHost, LinkOffload } from './link.ts';
import { NO_OFFLOAD } from './link.ts';
import type { WireDrop } from './refusal.ts';
import { wireRefusal } from './refusal.ts';

/**
 * Why a link over a carrier dropped a packet: one that was sent (`WireDrop`), or one that came and is no packet, too long,
 * or more than can be kept before the host takes it. Of raw sockets: there is none for its protocol, or the kernel refused it.
 */
export type CarrierDrop =
  | WireDrop
  | 'received-not-bytes'
  | 'received-too-long'
  | 'received-malformed'
  | 'received-full'
  | 'no-socket'
  | 'refused';

/** A link over something that carries packets outside of this program: a stream, a WebSocket, a message port. */
export interface CarrierLink extends Link {
  /** Packets that were dropped, by `CarrierDrop`. */
  readonly dropped: Counters;
}

/** What such links have in common: opened once, ended once; what has come is delivered in a turn of its own. */
export abstract class AbstractCarrierLink implements CarrierLink {
  readonly medium: 'ip' | 'ethernet';
  readonly mtu: number;
  declare readonly address?: Uint8Array;
  readonly offload: LinkOffload = NO_OFFLOAD;
  readonly dropped: Counters = new Counters();
  readonly #longest: number;
  readonly #inbox: Lane;
  #opened: boolean = false;
  /** From `open` until the carrier is gone or the link is closed. */
  #host: LinkHost | undefined;
  #connected: boolean = false;
  /** The carrier is gone, and the host will learn of it. */
  #ending: boolean = false;
  /** The carrier was let go. */
  #stopped: boolean = false;

  constructor({ medium, mtu, address }: CheckedCarrier, inbox: LaneLimits) {
    this.medium = medium;
    this.mtu = mtu;
    if (address !== undefined) this.address = address;
    this.#longest = longestPacket(medium);
    this.#inbox = new Lane(inbox);
  }

  get up(): boolean {
    return this.#connected;
  }

  open(host: LinkHost): void | Promise<void> {
    if (this.#opened) throw usageError('ERR_INVALID_STATE', 'a link is opened at most once', Error);
    this.#opened = true;
    this.#host = host;
    this.#inbox.receiver = host;
    this.#inbox.sender = { clock: host.clock, writable: () => this.inboxEmptied() };
    try {
      return this.start(host);
    } catch (error) {
      this.leave();
      this.#letGo(undefined);
      throw error;
    }
  }

  send(batch: Batch): number {
    const { count } = batch;
    if (this.#connected) {
      const taken = this.transmit(batch);
      // The carrier may have turned out to be gone meanwhile.
      if (this.#connected || taken === count) return taken;
      this.#drop('down', count - taken);
    } else if (count > 0) {
      this.#drop('down', count);
    }
    return count;
  }

  close(): void {
    const host = this.#host;
    this.#opened = true;
    this.leave();
    if (!this.#stopped) this.#letGo(host);
  }

  /** Begins to use the carrier; calls `connected` now or later. Throws or rejects when it can't be used. */
  protected abstract start(host: LinkHost): void | Promise<void>;

  /** Sends what it has room for, and returns how many packets it took. The link is up. */
  protected abstract transmit(batch: Batch): number;

  /** Lets the carrier go, once: in order with a host, at once without (it was never opened, or has ended). */
  protected abstract stop(host: LinkHost | undefined): void;

  /** After `inboxHasRoom` said no: the host has taken what there was. */
  protected inboxEmptied(): void {}

  /** Packets can pass from now on. */
  protected connected(): void {
    this.#connected = this.#host !== undefined && !this.#ending;
  }

  /** As `connected`, some time after `open`: the host is told. */
  protected connectedLate(): void {
    this.connected();
    this.#host?.changed();
  }

  /** Another packet may come; if not, `inboxEmptied` follows. */
  protected get inboxHasRoom(): boolean {
    return this.#inbox.hasRoom;
  }

  /** A packet has come, in memory that nobody rewrites. */
  protected arrived(memory: Memory, offset: number, length: number): void {
    if (this.isPacket(length)) this.#inbox.keep(memory, offset, length);
  }

  /** The same for a packet in memory that is lent for the call. */
  protected copied(memory: Memory, offset: number, length: number, checksum: number = Checksum.none): void {
    if (this.isPacket(length)) this.#inbox.copy(memory, offset, length, checksum);
  }

  /** Packets have come, from outside of any call of the host's. */
  protected deliver(batch: Batch): void {
    this.#host?.receive(batch);
  }

  /** Something has come, or is to be sent, that is dropped. */
  protected drop(reason: CarrierDrop): void {
    this.#drop(reason, 1);
  }

  /** There is room again for packets that `transmit` did not take. */
  protected writable(): void {
    if (this.#connected) this.#host?.writable();
  }

  /** The carrier is gone. The host learns of it after it got the packets that came before. */
  protected ended(error?: Error): void {
    const host = this.#host;
    if (host === undefined || this.#ending) return;
    this.#ending = true;
    this.#connected = false;
    this.#letGo(undefined);
    host.clock.defer(() => {
      if (this.#host === undefined) return;
      this.leave();
      host.closed(error);
    });
  }

  /** After this no callback comes. */
  protected leave(): void {
    this.#host = undefined;
    this.#connected = false;
    this.#inbox.sender = undefined;
    this.#inbox.cut();
  }

  /** Counts a packet that is not to be sent; true when it is. */
  protected mayPass(batch: Batch, row: number): boolean {
    const reason = this.refusal(batch, row);
    if (reason !== undefined) this.#drop(reason, 1);
    return reason === undefined;
  }

  /** Why a packet is not to be sent. */
  protected refusal(batch: Batch, row: number): WireDrop | undefined {
    return wireRefusal(batch, row, this.medium, this.mtu);
  }

  /** What has come has the length of a packet; counted if not. */
  protected isPacket(length: number): boolean {
    if (length === 0) this.#drop('received-not-bytes', 1);
    else if (length > this.#longest) this.#drop('received-too-long', 1);
    else return this.#host !== undefined;
    return false;
  }

  #letGo(host: LinkHost | undefined): void {
    this.#stopped = true;
    this.stop(host);
  }

  #drop(reason: CarrierDrop, count: number): void {
    this.dropped.add(reason, count);
  }
}
