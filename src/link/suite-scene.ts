import type { Clock, Random } from '../time/clock.ts';
import type { Link } from './link.ts';
import { testPacket } from './suite-packets.ts';
import { sameBytes, Station, Trial } from './suite-station.ts';

/** Two links that are joined, not yet opened, and the world they live in. */
export interface LinkPair {
  readonly a: Link;
  /** The other end; the same object as `a` for a link that returns what it is sent. */
  readonly b: Link;
  /** Given to both links at `open`. */
  readonly clock: Clock;
  readonly random: Random;
  /** Lets everything that is under way arrive: `() => clock.advance(1000)` in virtual time. */
  settle(): void | Promise<void>;
  /** Called at the end of each test, after both links were closed. */
  dispose?(): void | Promise<void>;
  /** True for packets that the medium brings forth by itself, such as a kernel's router solicitations. */
  ignore?(packet: Uint8Array): boolean;
}

/** The stage of one test. */
export class Scene {
  readonly pair: LinkPair;
  readonly trial: Trial = new Trial();
  readonly a: Station;
  readonly b: Station;

  constructor(pair: LinkPair) {
    this.pair = pair;
    this.a = new Station(pair.a, this.trial, pair);
    this.b = pair.a === pair.b ? this.a : new Station(pair.b, this.trial, pair);
  }

  async open(): Promise<void> {
    await this.a.open();
    if (this.b !== this.a) await this.b.open();
    await this.settle();
    check(this.pair.a.up && this.pair.b.up, 'a link is down though both ends are open');
  }

  async settle(): Promise<void> {
    await this.pair.settle();
  }

  packet(length: number, id: number): Uint8Array {
    return testPacket(this.pair.a.medium, length, id);
  }

  /** Packets of all lengths up to `longest` and the MTU, whose bytes follow from their numbers. */
  packets(count: number, longest: number, first: number = 0): Uint8Array[] {
    const lengths = Math.min(longest, this.pair.a.mtu) - 19;
    return Array.from({ length: count }, (_, i) => this.packet(20 + ((i * 97) % lengths), first + i));
  }

  async end(): Promise<void> {
    await this.a.close();
    if (this.b !== this.a) await this.b.close();
    await this.pair.settle();
    await this.pair.dispose?.();
  }
}

export function check(condition: boolean, rule: string): void {
  if (!condition) throw new Error(rule);
}

/** Exactly these packets have arrived, in this order. */
export function checkArrived(station: Station, sent: Uint8Array[]): void {
  const { received } = station;
  for (let i = 0; i < Math.min(received.length, sent.length); i++) {
    const { bytes } = received[i]!;
    if (sameBytes(bytes, sent[i]!)) continue;
    throw new Error(`packet ${i} of ${sent.length} arrived changed or out of order (${bytes.length} bytes)`);
  }
  check(received.length === sent.length, `${received.length} packets arrived of ${sent.length}`);
}
