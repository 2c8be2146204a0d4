import fc from 'fast-check';
import { Address } from '../../src/wire/address.ts';
import type { IcmpMessage } from '../../src/wire/icmp.ts';
import type { Ipv4Packet } from '../../src/wire/ipv4.ts';
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
