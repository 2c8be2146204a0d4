import fc from 'fast-check';
import { Address } from '../../src/wire/address.ts';
import type { IcmpMessage } from '../../src/wire/icmp.ts';
import type { Ipv4Packet } from '../../src/wire/ipv4.ts';
import type { NdpMessage } from '../../src/wire/ndp.ts';
import type { NdpOption } from '../../src/wire/ndp-options.ts';
import type { Ipv6Packet } from '../../src/wire/ipv6.ts';
import type { TcpSegment } from '../../src/wire/tcp.ts';
import type { UdpDatagram } from '../../src/wire/udp.ts';

/** A view of the whole of some bytes. */
export function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

/** Bytes from hexadecimal digits; spaces don't count. */
export function hex(text: string): Uint8Array {
  return Uint8Array.from(text.replace(/\s/g, '').match(/../g) ?? [], (octet) => Number.parseInt(octet, 16));
}

const octet = fc.nat(0xff);
const port = fc.nat(0xffff);
export const word: fc.Arbitrary<number> = fc.nat(0xffffffff);

export const ipv4Address: fc.Arbitrary<Address> = word.map((value) => Address.fromIpv4(value));

/** Bytes of any content whose number is a multiple of 4, at most 40: an option area. */
export const optionArea: fc.Arbitrary<Uint8Array> = fc
  .nat(10)
  .chain((words) => fc.uint8Array({ minLength: 4 * words, maxLength: 4 * words }));

const payload: fc.Arbitrary<Uint8Array> = fc.uint8Array({ maxLength: 100 });

export const ipv4Packet: fc.Arbitrary<Ipv4Packet> = fc.record({
  trafficClass: octet,
  identification: fc.nat(0xffff),
  reservedFlag: fc.boolean(),
  dontFragment: fc.boolean(),
  moreFragments: fc.boolean(),
  fragmentOffset: fc.nat(0x1fff).map((units) => 8 * units),
  ttl: octet,
  protocol: octet,
  source: ipv4Address,
  destination: ipv4Address,
  options: optionArea,
  payload,
});

const ipv6Address: fc.Arbitrary<Address> = fc
  .uint8Array({ minLength: 16, maxLength: 16 })
  .map((bytes) => Address.fromBytes(bytes));

/** What is no extension header. */
const upperProtocol = octet.filter((protocol) => ![0, 43, 44, 60].includes(protocol));

/** A packet without extension headers, or with destination options that pad. */
export const ipv6Packet: fc.Arbitrary<Ipv6Packet> = fc
  .record({
    trafficClass: octet,
    flowLabel: fc.nat(0xfffff),
    hopLimit: octet,
    source: ipv6Address,
    destination: ipv6Address,
    protocol: upperProtocol,
    extended: fc.boolean(),
    payload,
  })
  .map(({ extended, ...packet }) => ({
    ...packet,
    nextHeader: extended ? 60 : packet.protocol,
    extensions: extended ? Uint8Array.of(packet.protocol, 0, 1, 4, 0, 0, 0, 0) : new Uint8Array(0),
  }));

export const tcpSegment: fc.Arbitrary<TcpSegment> = fc.record({
  sourcePort: port,
  destinationPort: port,
  sequence: word,
  acknowledgment: word,
  flags: fc.nat(0x1ff),
  reserved: fc.nat(7),
  window: fc.nat(0xffff),
  urgentPointer: fc.nat(0xffff),
  options: optionArea,
  payload,
});

export const udpDatagram: fc.Arbitrary<UdpDatagram> = fc.record({ sourcePort: port, destinationPort: port, payload });

export const icmpMessage: fc.Arbitrary<IcmpMessage> = fc.record({ type: octet, code: octet, rest: word, payload });

const label = fc.stringMatching(/^[a-zA-Z0-9_-]{1,20}$/);
const domain = fc.array(label, { minLength: 1, maxLength: 4 }).map((labels) => labels.join('.'));
const preference = fc.constantFrom('high' as const, 'medium' as const, 'low' as const);
const ethernetAddress = fc.uint8Array({ minLength: 6, maxLength: 6 });

/** A prefix of an address, zeros behind it. */
const prefix = fc
  .tuple(fc.uint8Array({ minLength: 16, maxLength: 16 }), fc.nat(16))
  .map(([bytes, length]) => ({ prefix: Address.fromBytes(bytes.map((byte, i) => (i < length ? byte : 0))), length }));

const ndpOption: fc.Arbitrary<NdpOption> = fc.oneof(
  fc.record({
    name: fc.constantFrom('sourceLinkAddress' as const, 'targetLinkAddress' as const, 'nonce' as const),
    bytes: ethernetAddress,
  }),
  fc.record({ name: fc.constant('mtu' as const), mtu: word }),
  fc.record({
    name: fc.constant('prefixInformation' as const),
    prefix: ipv6Address,
    prefixLength: fc.constant(128),
    onLink: fc.boolean(),
    autonomous: fc.boolean(),
    validLifetime: word,
    preferredLifetime: word,
  }),
  fc.tuple(prefix, preference, word).map(([{ prefix: address, length }, preferred, lifetime]) => ({
    name: 'routeInformation' as const,
    prefix: address,
    prefixLength: 8 * length,
    preference: preferred,
    lifetime,
  })),
  fc.record({
    name: fc.constant('rdnss' as const),
    lifetime: word,
    servers: fc.array(ipv6Address, { minLength: 1, maxLength: 3 }),
  }),
  fc.record({
    name: fc.constant('dnssl' as const),
    lifetime: word,
    domains: fc.array(domain, { minLength: 1, maxLength: 3 }),
  }),
  fc.record({
    name: fc.constant('redirectedHeader' as const),
    packet: fc.nat(10).chain((units) => fc.uint8Array({ minLength: 8 * units, maxLength: 8 * units })),
  }),
  fc.record({ name: fc.constant('other' as const), type: fc.integer({ min: 200, max: 255 }), bytes: ethernetAddress }),
);
const ndpOptionList = fc.array(ndpOption, { maxLength: 4 });
const linkLocal: fc.Arbitrary<Address> = fc
  .uint8Array({ minLength: 8, maxLength: 8 })
  .map((bytes) => Address.fromBytes(Uint8Array.of(0xfe, 0x80, 0, 0, 0, 0, 0, 0, ...bytes)));
const unicast6: fc.Arbitrary<Address> = ipv6Address.filter((address) => address.a >>> 24 !== 255);

/** A message of neighbour discovery that is valid between two link-local addresses. */
export const ndpMessage: fc.Arbitrary<NdpMessage> = fc.oneof(
  fc.record({ name: fc.constant('routerSolicitation' as const), options: ndpOptionList }),
  fc
    .record({
      name: fc.constant('routerAdvertisement' as const),
      hopLimit: octet,
      managed: fc.boolean(),
      otherConfiguration: fc.boolean(),
      preference,
      routerLifetime: fc.nat(0xffff),
      reachableTime: word,
      retransTimer: word,
      options: ndpOptionList,
    })
    .map((message) => (message.routerLifetime === 0 ? { ...message, preference: 'medium' as const } : message)),
  fc.record({ name: fc.constant('neighbourSolicitation' as const), target: unicast6, options: ndpOptionList }),
  fc.record({
    name: fc.constant('neighbourAdvertisement' as const),
    router: fc.boolean(),
    solicited: fc.boolean(),
    override: fc.boolean(),
    target: unicast6,
    options: ndpOptionList,
  }),
  fc.record({
    name: fc.constant('redirect' as const),
    target: linkLocal,
    destination: unicast6,
    options: ndpOptionList,
  }),
);
