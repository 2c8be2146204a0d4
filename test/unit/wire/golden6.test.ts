import { readdirSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import type { IcmpMessage } from '../../../src/wire/icmp.ts';
import { checkIcmpv6Quote, Icmpv6Type, Icmpv6Unreachable } from '../../../src/wire/icmpv6.ts';
import type { Ipv6Packet } from '../../../src/wire/ipv6.ts';
import { formatPacket, parsePacket6 } from '../../../src/wire/packet.ts';
import type { Packet6Value } from '../../../src/wire/packet.ts';
import { readPcap } from '../../support/pcap.ts';
import { viewOf } from '../../support/wire.ts';

const folder = new URL('../../golden/ipv6/', import.meta.url);
const captures = readdirSync(folder)
  .filter((name) => name.endsWith('.pcap'))
  .map((name) => name.slice(0, -'.pcap'.length));

interface Golden {
  bytes: Uint8Array;
  packet: Packet6Value;
  /** What tcpdump prints about it. */
  line: string;
}

function load(name: string): Golden[] {
  const packets = readPcap(readFileSync(new URL(`${name}.pcap`, folder)));
  const lines = readFileSync(new URL(`${name}.txt`, folder), 'utf8')
    .trimEnd()
    .split('\n');
  expect(lines).toHaveLength(packets.length);
  return packets.map((bytes, i) => {
    const packet = parsePacket6(bytes);
    if (typeof packet === 'string') throw new Error(`packet ${i} of ${name} was refused: ${packet}`);
    return { bytes, packet, line: lines[i]! };
  });
}

/** What tcpdump 4.99 prints of the fixed header. */
function headerText(ip: Ipv6Packet): string {
  const names: Record<number, string> = { 6: 'TCP', 17: 'UDP', 44: 'Fragment', 58: 'ICMPv6', 60: 'unknown' };
  const parts = [`hlim ${ip.hopLimit}`, `next-header ${names[ip.nextHeader]} (${ip.nextHeader})`];
  if (ip.flowLabel > 0) parts.unshift(`flowlabel 0x${ip.flowLabel.toString(16).padStart(5, '0')}`);
  if (ip.trafficClass > 0) parts.unshift(`class 0x${ip.trafficClass.toString(16)}`);
  return `IP6 (${parts.join(', ')} payload length: ${ip.extensions.byteLength + ip.payload.byteLength})`;
}

function icmpText({ type, code, rest, payload }: IcmpMessage): string {
  const echo = `id ${rest >>> 16}, seq ${rest & 0xffff}`;
  if (type === Icmpv6Type.ECHO_REQUEST) return `echo request, ${echo}`;
  if (type === Icmpv6Type.ECHO_REPLY) return `echo reply, ${echo}`;
  expect(checkIcmpv6Quote(viewOf(payload), 0, payload.byteLength)).toBeUndefined();
  if (type === Icmpv6Type.PACKET_TOO_BIG) return `packet too big, mtu ${rest}`;
  if (type === Icmpv6Type.TIME_EXCEEDED) return 'time exceeded in-transit';
  if (type === Icmpv6Type.PARAMETER_PROBLEM) return `parameter problem, option - octet ${rest}`;
  expect(type).toBe(Icmpv6Type.DESTINATION_UNREACHABLE);
  if (code === Icmpv6Unreachable.NO_ROUTE) return 'destination unreachable, unreachable route';
  expect(code).toBe(Icmpv6Unreachable.PORT);
  return 'destination unreachable, unreachable port';
}

/** Something that tcpdump says of what the packet carries. */
function bodyText({ ip, tcp, udp, icmp }: Packet6Value): string {
  if (icmp !== undefined) return `${ip.source} > ${ip.destination}: [icmp6 sum ok] ICMP6, ${icmpText(icmp)}`;
  if (tcp !== undefined) {
    const checksum = viewOf(ip.payload).getUint16(16).toString(16).padStart(4, '0');
    return `${ip.source}.${tcp.sourcePort} > ${ip.destination}.${tcp.destinationPort}: Flags [${flagsText(tcp.flags)}], cksum 0x${checksum} (correct)`;
  }
  if (udp !== undefined && ip.extensions.byteLength > 0) {
    return `${udp.sourcePort} > ${udp.destinationPort}: [udp sum ok] UDP, length ${udp.payload.byteLength}`;
  }
  if (udp !== undefined) {
    return `${ip.source}.${udp.sourcePort} > ${ip.destination}.${udp.destinationPort}: [udp sum ok] UDP, length ${udp.payload.byteLength}`;
  }
  const view = viewOf(ip.payload);
  const id = view.getUint32(4).toString(16).padStart(8, '0');
  return `${ip.source} > ${ip.destination}: frag (0x${id}:${view.getUint16(2) & 0xfff8}|${ip.payload.byteLength - 8})`;
}

function flagsText(flags: number): string {
  return 'FSRP.UEW'
    .split('')
    .filter((_, bit) => (flags & (1 << bit)) !== 0)
    .join('');
}

describe.each(captures)('captured IPv6 packets of real programs: %s', (name) => {
  const golden = load(name);

  it('[S-001] [MUST-3] are read with every checksum right', () => {
    for (const { packet } of golden) {
      expect([packet.flaw, packet.tcp?.checksum, packet.udp?.checksum]).toEqual([undefined, undefined, undefined]);
    }
  });

  it('say what tcpdump says', () => {
    for (const { packet, line } of golden) {
      const said = headerText(packet.ip);
      expect(line.slice(0, said.length)).toBe(said);
      expect(line).toContain(bodyText(packet));
    }
  });

  it('are the same bytes when written again, checksums computed afresh', () => {
    for (const { bytes, packet } of golden) expect(formatPacket(packet)).toEqual(bytes);
  });
});

describe('the captures', () => {
  it('hold every kind of packet that they are there for', () => {
    const packets = captures.flatMap(load).map(({ packet }) => packet);
    const errors = new Set(
      packets.flatMap(({ icmp }) => (icmp && icmp.type < 128 ? [`${icmp.type} ${icmp.code}`] : [])),
    );
    expect([...errors].toSorted()).toEqual(['1 0', '1 4', '2 0', '3 0', '4 2']);
    expect(packets.some(({ ip }) => ip.extensions.byteLength > 0)).toBe(true);
    expect(packets.some(({ ip }) => ip.protocol === 44)).toBe(true);
    expect(packets.some(({ ip }) => ip.flowLabel === 0x12345)).toBe(true);
    expect(packets.some(({ ip }) => ip.trafficClass === 0xb8)).toBe(true);
    expect(packets.some(({ udp }) => udp?.payload.byteLength === 0)).toBe(true);
    expect(packets.some(({ tcp }) => tcp && (tcp.flags & 4) !== 0)).toBe(true);
  });
});
