import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { AttachOptions, Interface } from '../../../src/index.ts';
import { Stack } from '../../../src/index.ts';
import { seededRandom, VirtualClock } from '../../../src/sim/index.ts';
import { Address } from '../../../src/wire/address.ts';
import { formatIpv6 } from '../../../src/wire/ipv6.ts';
import { formatNdp } from '../../../src/wire/ndp.ts';
import { formatUdp } from '../../../src/wire/udp.ts';
import { RawEthernet } from '../../support/ethernet-world.ts';
import { hex } from '../../support/wire.ts';
import { prefix } from '../ip/ndp/fixture.ts';

const SECOND = 1_000_000;
const ROUTER = Address.parse('fe80::aa');
const ALL_NODES = Address.parse('ff02::1');
const MAC = hex('020000000001');

let clock: VirtualClock;
let stack: Stack;
let links: RawEthernet[];

beforeEach(() => {
  clock = new VirtualClock();
  stack = new Stack({ clock, random: seededRandom(1) });
  links = [];
});

afterEach(async () => {
  const end = stack.destroy();
  clock.advance(0);
  await end;
});

/** One more interface, whose card has the same hardware address as the others. */
function attach(options: AttachOptions = {}): Interface {
  const link = new RawEthernet();
  links.push(link);
  return stack.attach(link, options);
}

function hear(link: RawEthernet, source: Address, destination: Address, protocol: number, payload: Uint8Array): void {
  const around = { trafficClass: 0, flowLabel: 0, hopLimit: 255, extensions: new Uint8Array(0) };
  const packet = formatIpv6({ ...around, nextHeader: protocol, protocol, source, destination, payload });
  link.inject(Uint8Array.of(...MAC, ...hex('0200000000aa'), 0x86, 0xdd, ...packet));
  clock.advance(0);
}

/** A router on the link advertises a prefix. */
function advertise(link: RawEthernet, text: string): void {
  const message = {
    name: 'routerAdvertisement' as const,
    hopLimit: 0,
    managed: false,
    otherConfiguration: false,
    preference: 'medium' as const,
    routerLifetime: 0,
    reachableTime: 0,
    retransTimer: 0,
    options: [prefix(text)],
  };
  hear(link, ROUTER, ALL_NODES, 58, formatNdp(message, ROUTER, ALL_NODES));
}

const textsOf = (iface: Interface): string[] => iface.addresses.map(({ address }) => String(address)).toSorted();

describe('an address that one interface tries', () => {
  it.each(['10.0.0.9/24', '2001:db8::9/64'])('is no other one’s meanwhile: %s', (address) => {
    const one = attach({ addresses: [address], conflictDetection: true });
    const other = attach();
    const refused = /^the interface eth0 has the address .* already$/;
    expect(() => other.addAddress(address)).toThrow(refused);
    expect(() => attach({ addresses: [address] })).toThrow(refused);
    expect(() => attach({ addresses: [address], conflictDetection: true })).toThrow(refused);
    clock.advance(10 * SECOND);
    expect(() => other.addAddress(address)).toThrow(refused);
    one.removeAddress(address);
    other.addAddress(address);
    expect(other.addresses.map(String)).toContain(address);
  });

  it('also where it has made it by itself', () => {
    const one = attach({ autoconfiguration: { identifiers: 'eui64' } });
    const other = attach({ autoconfiguration: false });
    advertise(links[0]!, '2001:db8::/64');
    const own = '2001:db8::ff:fe00:1';
    expect(textsOf(one)).not.toContain(own);
    expect(() => other.addAddress(`${own}/64`)).toThrow(/the interface eth0 has the address/);
    clock.advance(5 * SECOND);
    expect(textsOf(one)).toContain(own);
  });
});

describe('a link-local address of one interface', () => {
  it('RFC 4007 §6: is another host’s on the link of another: it is heard there, and answered there', () => {
    const one = attach({ addresses: ['fe80::1/64'], autoconfiguration: { linkLocal: false } });
    const other = attach({ addresses: ['fe80::aa/64'], autoconfiguration: { linkLocal: false } });
    clock.advance(5 * SECOND);
    one.neighbours.set('fe80::aa', '02:00:00:00:00:aa');
    const heard: string[] = [];
    const socket = stack.udp.bind(
      { address: '::', port: 9 },
      {
        onMessage: (data, { remoteAddress, remotePort }, answering) => {
          heard.push(String(remoteAddress));
          if (remotePort === 1) answering.send(data, remotePort, remoteAddress);
        },
      },
    );
    for (const link of links) link.take();
    const target = Address.parse('fe80::1');
    const datagram = formatUdp({ sourcePort: 1, destinationPort: 9, payload: new Uint8Array(1) }, ROUTER, target);
    hear(links[0]!, ROUTER, target, 17, datagram);
    expect(heard).toEqual([`fe80::aa%${one.name}`]);
    expect(links.map((link) => link.take().length)).toEqual([1, 0]);
    // Where it is the stack's own nobody else has it.
    hear(links[1]!, ROUTER, Address.parse('fe80::aa'), 17, datagram);
    expect(stack.statistics().drops).toMatchObject({ 'ipv6-martian-source': 1 });
    socket.send(new Uint8Array(1), 9, `fe80::aa%${other.name}`);
    clock.advance(0);
    expect(heard[1]).toBe(`fe80::aa%${other.name}`);
    expect(links.map((link) => link.take().length)).toEqual([0, 0]);
    socket.close();
  });
});

describe('two interfaces with one hardware address', () => {
  it('[S-049] RFC 7217 §5: have different stable addresses, on one link or on two', () => {
    const both = [attach(), attach()];
    clock.advance(5 * SECOND);
    for (const link of links) advertise(link, '2001:db8::/64');
    clock.advance(5 * SECOND);
    const all = both.flatMap(textsOf);
    expect(all).toHaveLength(4);
    expect(new Set(all).size).toBe(4);
  });

  it('RFC 4007 §6: have the same link-local address of EUI-64, each in its zone; a global one the first alone, and that is counted', () => {
    const both = [1, 2].map(() => attach({ autoconfiguration: { identifiers: 'eui64' } }));
    for (const link of links) advertise(link, '2001:db8::/64');
    clock.advance(5 * SECOND);
    expect(both.map(textsOf)).toEqual([['2001:db8::ff:fe00:1', 'fe80::ff:fe00:1'], ['fe80::ff:fe00:1']]);
    expect(stack.statistics().drops).toMatchObject({ 'ndp-address-elsewhere': 1 });
  });

  it('RFC 4007 §6: a socket that is bound in one zone hears what comes there, and ends with its own address alone', () => {
    const [one, other] = [1, 2].map(() => attach({ autoconfiguration: { identifiers: 'eui64' } })) as [
      Interface,
      Interface,
    ];
    clock.advance(5 * SECOND);
    const own = 'fe80::ff:fe00:1';
    const heard: string[] = [];
    const errors: string[] = [];
    const sockets = [one.name, String(other.network.index)].map((zone, i) =>
      stack.udp.bind(
        { address: `${own}%${zone}`, port: 9 + i },
        {
          onMessage: (_data, { localAddress }) => heard.push(String(localAddress)),
          onError: ({ code }, { localPort }) => errors.push(`${localPort} ${code}`),
        },
      ),
    );
    const target = Address.parse(own);
    for (const [i, link] of links.entries()) {
      const ports = { sourcePort: 1, destinationPort: 9 + i };
      const payload = formatUdp({ ...ports, payload: new Uint8Array(1) }, ROUTER, target);
      hear(link, ROUTER, target, 17, payload);
    }
    expect(heard).toEqual([`${own}%eth0`, `${own}%eth1`]);
    one.removeAddress(own);
    clock.advance(0);
    expect(errors).toEqual(['9 EADDRNOTAVAIL']);
    other.removeAddress(own);
    clock.advance(0);
    expect(errors).toEqual(['9 EADDRNOTAVAIL', '10 EADDRNOTAVAIL']);
    for (const socket of sockets) socket.close();
  });

  it('RFC 4007 §6: sockets in both zones share a port, and each hears its own link (Linux: inet6_bind)', () => {
    const both = [1, 2].map(() => attach({ autoconfiguration: { identifiers: 'eui64' } }));
    clock.advance(5 * SECOND);
    const heard: string[] = [];
    for (const [address, group] of [
      ['fe80::ff:fe00:1', false],
      ['ff02::99', true],
    ] as const) {
      const target = Address.parse(address);
      const sockets = both.map(({ name }) => {
        const onMessage = (): void => void heard.push(`${address}%${name}`);
        const socket = stack.udp.bind({ address: `${address}%${name}`, port: 9 }, { onMessage });
        if (group) for (const other of both) socket.join(`${address}%${other.name}`);
        return socket;
      });
      const payload = formatUdp({ sourcePort: 1, destinationPort: 9, payload: new Uint8Array(1) }, ROUTER, target);
      for (const link of links) {
        hear(link, ROUTER, target, 17, payload);
        heard.push('|');
      }
      expect(heard.splice(0)).toEqual([`${address}%eth0`, '|', `${address}%eth1`, '|']);
      for (const socket of sockets) socket.close();
    }
    const listeners = both.map(({ name }) =>
      stack.tcp.listen({ address: `fe80::ff:fe00:1%${name}`, port: 9 }, () => {}),
    );
    expect(() => stack.tcp.listen({ address: 'fe80::ff:fe00:1%eth1', port: 9 }, () => {})).toThrow(/EADDRINUSE/);
    for (const listener of listeners) listener.close();
  });

  it('RFC 4007 §6: a ping takes the answer of the link that it went out by', () => {
    const [one] = [1, 2].map(() => attach({ autoconfiguration: { identifiers: 'eui64' } }));
    one!.neighbours.set('fe80::aa', '02:00:00:00:00:aa');
    clock.advance(5 * SECOND);
    let replies = 0;
    const socket = stack.raw.openPing({ remoteAddress: 'fe80::aa%eth0' }, { onReply: () => replies++ });
    for (const link of links) link.take();
    socket.send(new Uint8Array(8));
    clock.advance(0);
    const reply = links[0]!.take()[0]!.slice(54);
    // The answer differs in its type alone, and so does the checksum (RFC 1624).
    reply[0] = 129;
    reply[2]! -= 1;
    for (const link of links.toReversed()) {
      hear(link, ROUTER, Address.parse('fe80::ff:fe00:1'), 58, reply);
      expect(replies).toBe(link === links[0] ? 1 : 0);
    }
    expect(socket.counters).toMatchObject({ received: 1, late: 1 });
    socket.close();
  });
});

describe('RFC 4007 §4: link-local addresses that are given by hand', () => {
  it('may be the same on two interfaces, and a gateway may have that of another interface', () => {
    const options = { addresses: ['fe80::1/64'], autoconfiguration: { linkLocal: false } };
    const one = attach(options);
    const other = attach({ ...options, addresses: ['fe80::2/64'] });
    other.addAddress('fe80::1/64');
    expect(() => stack.routes.add('2001:db8::/32', { via: 'fe80::1%eth0' })).toThrow(/cannot be a gateway/);
    stack.routes.add('2001:db8::/32', { via: 'fe80::2%eth0' });
    one.neighbours.set('fe80::2', '02:00:00:00:00:aa');
    one.addAddress('2001:db8:1::1/64');
    clock.advance(5 * SECOND);
    for (const link of links) link.take();
    const socket = stack.udp.bind({ address: '::', port: 9 }, { onMessage: () => {} });
    socket.send(new Uint8Array(1), 9, '2001:db8:2::1');
    clock.advance(0);
    expect(links.map((link) => link.take().length)).toEqual([1, 0]);
    // Taken from one it is the other's alone.
    one.removeAddress('fe80::1');
    const connect = (zone: string) => () =>
      stack.tcp.connect({ localAddress: `fe80::1%${zone}`, remoteAddress: `fe80::9%${zone}`, remotePort: 9 }, {});
    expect(connect('eth0')).toThrow(/EADDRNOTAVAIL/);
    expect(connect('eth1')().interfaceIndex).toBe(other.network.index);
    socket.close();
  });
});
