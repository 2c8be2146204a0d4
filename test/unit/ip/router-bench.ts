import { TransmitQueue } from '../../../src/buffer/transmit-queue.ts';
import type { InterfaceOptions, NetworkInterface } from '../../../src/ip/interface.ts';
import { Ip6Bench } from './fixture6.ts';

/** A host on the network behind eth1, and one behind a gateway there. */
export const BEYOND = '10.1.0.7';
export const BEYOND6 = 'fd01::7';
export const FARTHER = '198.51.100.9';
export const FARTHER6 = '2001:db8:9::9';

/** The bench with a second interface eth1, 10.1.0.2/24 and fd01::2/64, that forwards; routes lead on from there. */
export class RouterBench extends Ip6Bench {
  readonly eth1: NetworkInterface;

  constructor(eth1: Partial<InterfaceOptions> = {}) {
    super();
    this.eth1 = this.ip.addInterface({
      name: 'eth1',
      queue: new TransmitQueue(),
      addresses: ['10.1.0.2/24', 'fd01::2/64'],
      ...eth1,
    });
    this.ip.routes.remove('0.0.0.0/0');
    this.ip.routes.remove('::/0');
    this.ip.routes.add('198.51.100.0/24', { via: '10.1.0.1' });
    this.ip.routes.add('2001:db8:9::/48', { via: 'fd01::1' });
    this.ip.forward({ ipv4: true, ipv6: true });
    this.hush();
  }

  /** What it has said of the groups of routers is nobody's concern. */
  hush(): void {
    for (const iface of this.ip.interfaces) this.sent(iface);
    this.transmittedOn.length = 0;
  }

  /** Why packets were dropped, or what was done about them. */
  get reasons(): string[] {
    return Object.keys(this.counters.snapshot());
  }
}
