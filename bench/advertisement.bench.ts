import { Address } from '../src/wire/address.ts';
import type { PrefixInformation } from '../src/wire/ndp-options.ts';
import { EthernetHost } from '../test/support/ethernet-host.ts';
import { report } from './support/report.ts';

/** As many as a packet of 1500 bytes has room for. */
const PREFIXES = 40;

function prefixes(network: number): PrefixInformation[] {
  return Array.from({ length: PREFIXES }, (_, i) => ({
    name: 'prefixInformation',
    prefix: Address.fromWords({ family: 6, a: network, b: i << 16, c: 0, d: 0 }),
    prefixLength: 64,
    onLink: true,
    autonomous: true,
    validLifetime: 86_400,
    preferredLifetime: 14_400,
  }));
}

/** The frames that a host would hear, and a host that hears them. */
function hearing(advertise: (host: EthernetHost) => void): () => void {
  const host = new EthernetHost();
  host.pass(10);
  const frames: Uint8Array[] = [];
  const { link } = host;
  const receive = link.inject.bind(link);
  link.inject = (...some) => void frames.push(...some);
  advertise(host);
  let next = 0;
  const hear = (): void => {
    receive(frames[next]!);
    next = (next + 1) % frames.length;
    link.take();
  };
  for (const _ of frames) hear();
  host.pass(10);
  return hear;
}

/** Router advertisements, the frame's way in through a whole stack included: what one costs whoever is made to hear them. */
await report('router advertisements', {
  'no prefix': () => hearing((host) => host.advertise()),
  '40 prefixes': () => hearing((host) => host.advertise(prefixes(0x2001_0db8))),
  '40 prefixes, of which none has room': () =>
    hearing((host) => {
      host.advertise(prefixes(0x2001_0db8));
      host.advertise(prefixes(0x2001_0db9));
    }),
  '40 prefixes, and another preference each time': () =>
    hearing((host) => {
      host.advertise(prefixes(0x2001_0db8), { preference: 'high' });
      host.advertise(prefixes(0x2001_0db8), { preference: 'low' });
    }),
});
