import type { WheelTimer } from '../time/timer-wheel.ts';
import type { TimerOwner } from '../time/timer-levels.ts';
import { Address, AddressRegister } from '../wire/address.ts';
import type { AddressWords } from '../wire/address.ts';
import { MacAddress, MacRegister } from '../wire/mac.ts';
import type { WaitingPacket } from './neighbour-waiting.ts';

/**
 * RFC 4861 §7.3.2, for ARP too. INCOMPLETE: asked for, not known yet; packets wait. REACHABLE: known to work within the last
 * half minute or so. STALE: known, not confirmed lately. DELAY: used since then, waits for upper layers to confirm it.
 * PROBE: it is being asked itself. FAILED: it did not answer; the next packet asks again. PERMANENT: the program said so.
 */
export type NeighbourState = 'INCOMPLETE' | 'REACHABLE' | 'STALE' | 'DELAY' | 'PROBE' | 'FAILED' | 'PERMANENT';

/** Who is told when a neighbour's timer is due. */
export interface NeighbourKeeper {
  due(neighbour: Neighbour, now: number): void;
}

/** What is known of one neighbour. To be changed by the `NeighbourCache` alone. */
export class Neighbour implements TimerOwner {
  readonly address: Address;
  state: NeighbourState = 'INCOMPLETE';
  /** Packets may be sent to `mac` without further ado. */
  usable: boolean = false;
  /** Means something in all states but INCOMPLETE and FAILED. */
  readonly mac: MacRegister = new MacRegister();
  /** It has said that it is a router (NDP). */
  isRouter: boolean = false;
  /** When it was last known to be reachable, in microseconds. */
  confirmed: number = -Infinity;
  /** When the present state began, or its hardware address changed, in microseconds. */
  since: number = 0;
  /** How long a confirmation is good for. */
  reachableTime: number = 0;
  /** Questions sent in the present state. */
  probes: number = 0;
  /** The source of the packet that waits: whom the question is to come from (RFC 4861 §7.2.2). */
  readonly source: AddressRegister = new AddressRegister();
  hasSource: boolean = false;
  /** Packets on their way to it, oldest first, and the memory that they take. */
  waiting: WaitingPacket[] = [];
  waitingBytes: number = 0;
  /** The next in the same bucket of the table. */
  next: Neighbour | undefined;
  /** When it was last found to be reachable: by an answer to a question, or by upper layers. */
  proven: boolean = false;
  /** Those beside it of the same kind. */
  older: Neighbour | undefined;
  younger: Neighbour | undefined;
  timer: WheelTimer | undefined;
  readonly #keeper: NeighbourKeeper;

  constructor(address: AddressWords, keeper: NeighbourKeeper) {
    this.address = Address.fromWords(address);
    this.#keeper = keeper;
  }

  /** Its hardware address is known, if perhaps out of date. */
  get known(): boolean {
    return this.state !== 'INCOMPLETE' && this.state !== 'FAILED';
  }

  onTimer(now: number): void {
    this.#keeper.due(this, now);
  }

  /** What the program is shown. */
  describe(): NeighbourInfo {
    const { address, state, isRouter, known } = this;
    return {
      address: address.toString(),
      mac: known ? MacAddress.fromWords(this.mac).toString() : undefined,
      state,
      router: isRouter,
    };
  }
}

/** One row of `iface.neighbours.list()`. */
export interface NeighbourInfo {
  address: string;
  /** Its hardware address; undefined while that is not known. */
  mac: string | undefined;
  state: NeighbourState;
  /** An IPv6 neighbour that says it is a router. */
  router: boolean;
}
