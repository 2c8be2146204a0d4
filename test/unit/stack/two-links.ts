import { Address, Stack } from '../../../src/index.ts';
import { seededRandom, VirtualClock } from '../../../src/sim/index.ts';
import type { Interface } from '../../../src/stack/interface.ts';
import type { StackOptions } from '../../../src/stack/stack.ts';
import { RawLink } from '../../support/raw-link.ts';

/** A stack with two links whose other sides are the test: eth0 (10.0.0.2/24, fd00::2/64) and eth1 (10.1.0.2/24, fd01::2/64). */
export class TwoLinks {
  readonly clock: VirtualClock = new VirtualClock();
  readonly stack: Stack;
  readonly eth0: RawLink = new RawLink();
  readonly eth1: RawLink = new RawLink();
  readonly interfaces: readonly [Interface, Interface];

  constructor(options: StackOptions = {}) {
    this.stack = new Stack({ clock: this.clock, random: seededRandom(1), ...options });
    this.interfaces = [
      this.stack.attach(this.eth0, { addresses: ['10.0.0.2/24', 'fd00::2/64', 'fe80::2/64'] }),
      this.stack.attach(this.eth1, { addresses: ['10.1.0.2/24', 'fd01::2/64', 'fe80::1:2/64'] }),
    ];
    this.clock.advance(0);
  }

  /** The interface and the next hop of each packet from now on. */
  nextHops(): string[] {
    const hops: string[] = [];
    for (const { name, network } of this.interfaces) {
      const transmit = network.transmit.bind(network);
      network.transmit = (packet, nextHop) => {
        hops.push(`${name} ${Address.fromWords(nextHop)}`);
        return transmit(packet, nextHop);
      };
    }
    return hops;
  }
}
