import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { seededRandom } from '../../src/time/seeded-random.ts';
import type { NdpMessage } from '../../src/wire/ndp.ts';
import type { NdpOption } from '../../src/wire/ndp-options.ts';
import { Address } from '../../src/wire/address.ts';
import { EthernetHost } from '../support/ethernet-host.ts';
import { ndpMessage } from '../support/wire.ts';
import { Draw } from './draw.ts';

const MESSAGES = Number(process.env['USERNET_FUZZ_PACKETS'] ?? 4000);
const SEED = Number(process.env['USERNET_FUZZ_SEED'] ?? 1);

/** Whoever has the link may say what he likes: a stack that listens keeps its bounds, and forgets all of it in time. */
describe('neighbour discovery by a flood', () => {
  const draw = new Draw(seededRandom(SEED));
  const samples = fc.sample(ndpMessage, { numRuns: 1000, seed: SEED });

  /** Lifetimes of an hour at most, and prefixes that addresses can be made of. */
  function tamed(message: NdpMessage): NdpMessage {
    const options = message.options.map((option): NdpOption => {
      if (option.name === 'rdnss' || option.name === 'dnssl' || option.name === 'routeInformation') {
        return { ...option, lifetime: option.lifetime % 3600 };
      }
      if (option.name !== 'prefixInformation') return option;
      const network = Address.fromWords({ family: 6, a: 0x2001_0db8, b: draw.below(200), c: 0, d: 0 });
      return { ...option, prefix: network, prefixLength: 64, validLifetime: 3600, preferredLifetime: 1800 };
    });
    return message.name === 'routerAdvertisement'
      ? { ...message, options, routerLifetime: message.routerLifetime % 3600 }
      : { ...message, options };
  }

  it.each([false, true])(
    '[S-049] stays within its bounds, throws nothing, and is as before when all of it has ended: conflictDetection %s',
    (conflictDetection) => {
      const autoconfiguration = { temporary: true };
      const host = new EthernetHost({ addresses: ['2001:db8:ffff::1/64'], conflictDetection, autoconfiguration });
      host.pass(5);
      const [routes, addresses] = [host.routes, host.addresses];
      const own = [...host.eth.addresses.map(({ address }) => address), Address.parse('2001:db8::1')];
      const groups = ['ff02::1', 'ff02::2', 'ff02::1:ff00:1'];
      for (let n = 0; n < MESSAGES; n++) {
        let message = tamed(draw.pick(samples));
        if ('target' in message && draw.chance(0.3)) message = { ...message, target: draw.pick(own) };
        const source = draw.chance(0.1) ? '::' : `fe80::${(draw.below(2000) + 1).toString(16)}`;
        const destination = draw.chance(0.5) ? draw.pick(groups) : draw.pick(own).toString();
        host.hear(message, { source, destination, mac: `0200${(draw.below(2000) + 1).toString(16).padStart(8, '0')}` });
        if (draw.chance(0.05)) host.pass(draw.below(100) / 10);
        // The link goes and comes, the card is another.
        if (draw.chance(0.01)) Object.assign(host.link, { address: Uint8Array.of(2, 0, 0, 0, 0, draw.below(4)) });
        if (draw.chance(0.02)) host.link.setUp(draw.chance(0.7));
        if (draw.chance(0.02)) host.stack.routes.lookup(Address.parse('2001:db9::1'));
        if (n % 100 > 0) continue;
        host.link.take();
        expect(host.routes.length).toBeLessThanOrEqual(8 + 32 + 32 + 256 + 4);
        expect(host.eth.ipv6Addresses.length).toBeLessThanOrEqual(16 + 2);
        expect(host.eth.neighbours.list().length).toBeLessThanOrEqual(1024);
        expect(host.eth.dns.servers.length).toBeLessThanOrEqual(16);
        expect(host.eth.dns.searchDomains.length).toBeLessThanOrEqual(16);
      }
      Object.assign(host.link, { address: Uint8Array.of(2, 0, 0, 0, 0, 1) });
      host.link.setUp(true);
      host.pass(3600 * 3);
      host.pass(7200);
      // What is in use is not lost to whoever claims it, unless the program wants it so: then it may be, when the link is back.
      if (conflictDetection) expect(routes).toEqual(expect.arrayContaining(host.routes));
      else expect([host.routes, host.addresses]).toEqual([routes, addresses]);
      expect(host.eth.dns).toEqual({ servers: [], searchDomains: [] });
      const { drops } = host;
      for (const reason of ['ndp-not-our-target', 'ndp-redirect-refused', 'ndp-router-displaced']) {
        expect(drops[reason], reason).toBeGreaterThan(0);
      }
    },
  );
});
