import { readdirSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { checkIcmpQuote, icmpMtu, IcmpType, IcmpUnreachable } from '../../../src/wire/icmp.ts';
import type { IcmpMessage } from '../../../src/wire/icmp.ts';
import { checkIpv4Options } from '../../../src/wire/ipv4-options.ts';
import { checkIpv4, ipv4Destination, ipv4HeaderLength } from '../../../src/wire/ipv4.ts';
import type { Ipv4Packet } from '../../../src/wire/ipv4.ts';
import { Address } from '../../../src/wire/address.ts';
import { formatPacket, parsePacket } from '../../../src/wire/packet.ts';
import type { PacketValue } from '../../../src/wire/packet.ts';
import { Protocol } from '../../../src/wire/protocol.ts';
import { TcpFlag } from '../../../src/wire/tcp.ts';
import type { TcpSegment } from '../../../src/wire/tcp.ts';
import { parseTcpOptions } from '../../../src/wire/tcp-option-list.ts';
import type { TcpOption } from '../../../src/wire/tcp-option-list.ts';
import { readTcpOptions, TcpOptions } from '../../../src/wire/tcp-options.ts';
import { readPcap } from '../../support/pcap.ts';
import { viewOf } from '../../support/wire.ts';

const folder = new URL('../../golden/', import.meta.url);
const captures = readdirSync(folder)
  .filter((name) => name.endsWith('.pcap'))
  .map((name) => name.slice(0, -'.pcap'.length));

interface Golden {
  bytes: Uint8Array;
  packet: PacketValue;
  /** The first two lines that tcpdump prints about it. */
  header: string;
  body: string;
}

function load(name: string): Golden[] {
  const packets = readPcap(readFileSync(new URL(`${name}.pcap`, folder)));
  const texts = readFileSync(new URL(`${name}.txt`, folder), 'utf8').split(/^(?=IP )/m);
  expect(texts).toHaveLength(packets.length);
  return packets.map((bytes, i) => {
    const packet = parsePacket(bytes);
    if (typeof packet === 'string') throw new Error(`packet ${i} of ${name} was refused: ${packet}`);
    const [header = '', body = ''] = texts[i]!.split('\n');
    return { bytes, packet, header, body };
  });
}

/** What tcpdump 4.99 prints of an IPv4 header, up to its options. */
function headerText(ip: Ipv4Packet): string {
  const ecn = ['', ',ECT(1)', ',ECT(0)', ',CE'][ip.trafficClass & 3];
  const flags = `${ip.moreFragments ? '+' : ''}${ip.dontFragment ? 'DF' : ''}` || 'none';
  const names: Record<number, string> = { [Protocol.ICMP]: 'ICMP', [Protocol.UDP]: 'UDP', [Protocol.TCP]: 'TCP' };
  const length = 20 + ip.options.byteLength + ip.payload.byteLength;
  return (
    `IP (tos 0x${ip.trafficClass.toString(16)}${ecn}, ttl ${ip.ttl}, id ${ip.identification}, ` +
    `offset ${ip.fragmentOffset}, flags [${flags}], proto ${names[ip.protocol]} (${ip.protocol}), length ${length}` +
    (ip.options.byteLength === 0 ? ')' : ', options (')
  );
}

function tcpText(ip: Ipv4Packet, tcp: TcpSegment): string {
  const { SYN, FIN, RST, ACK, URG } = TcpFlag;
  const { flags, sequence, payload } = tcp;
  const length = payload.byteLength;
  const letters = 'FSRP.UEW'
    .split('')
    .filter((_, bit) => (flags & (1 << bit)) !== 0)
    .join('');
  const checksum = viewOf(ip.payload).getUint16(16).toString(16).padStart(4, '0');
  const parts = [`Flags [${letters}]`, `cksum 0x${checksum} (correct)`];
  if (length > 0) parts.push(`seq ${sequence}:${(sequence + length) >>> 0}`);
  else if ((flags & (SYN | FIN | RST)) !== 0) parts.push(`seq ${sequence}`);
  if ((flags & ACK) !== 0) parts.push(`ack ${tcp.acknowledgment}`);
  parts.push(`win ${tcp.window}`);
  if ((flags & URG) !== 0) parts.push(`urg ${tcp.urgentPointer}`);
  if (tcp.options.byteLength > 0) parts.push(`options [${parseTcpOptions(tcp.options).map(optionText).join(',')}]`);
  parts.push(`length ${length}`);
  return `${ip.source}.${tcp.sourcePort} > ${ip.destination}.${tcp.destinationPort}: ${parts.join(', ')}`;
}

function optionText(option: TcpOption): string {
  switch (option.name) {
    case 'mss':
      return `mss ${option.value}`;
    case 'windowScale':
      return `wscale ${option.shift}`;
    case 'sackPermitted':
      return 'sackOK';
    case 'timestamps':
      return `TS val ${option.value} ecr ${option.echo}`;
    case 'sack':
      return `sack ${option.blocks.length} ${option.blocks.map(({ left, right }) => `{${left}:${right}}`).join('')}`;
    default:
      return option.name;
  }
}

function icmpText(ip: Ipv4Packet, icmp: IcmpMessage): string {
  return `${ip.source} > ${ip.destination}: ICMP ${icmpName(icmp)}, length ${ip.payload.byteLength}`;
}

function icmpName({ type, code, rest, payload }: IcmpMessage): string {
  if (type === IcmpType.ECHO_REQUEST) return `echo request, id ${rest >>> 16}, seq ${rest & 0xffff}`;
  if (type === IcmpType.ECHO_REPLY) return `echo reply, id ${rest >>> 16}, seq ${rest & 0xffff}`;
  const quote = viewOf(payload);
  expect(checkIcmpQuote(quote, 0, payload.byteLength)).toBeUndefined();
  const destination = Address.fromIpv4(ipv4Destination(quote, 0));
  if (type === IcmpType.TIME_EXCEEDED) return 'time exceeded in-transit';
  expect(type).toBe(IcmpType.DESTINATION_UNREACHABLE);
  if (code === IcmpUnreachable.NETWORK) return `net ${destination} unreachable`;
  if (code === IcmpUnreachable.FRAGMENTATION_NEEDED) return `${destination} unreachable - need to frag (mtu ${rest})`;
  expect(code).toBe(IcmpUnreachable.PORT);
  return `${destination} udp port ${quote.getUint16(ipv4HeaderLength(quote, 0) + 2)} unreachable`;
}

/** What tcpdump prints of what the datagram carries; of fragments we say less than it does. */
function bodyText({ ip, tcp, udp, icmp }: PacketValue): string {
  if (tcp !== undefined) return tcpText(ip, tcp);
  if (icmp !== undefined) return icmpText(ip, icmp);
  if (udp === undefined) return `${ip.source} > ${ip.destination}: `;
  const ends = `${ip.source}.${udp.sourcePort} > ${ip.destination}.${udp.destinationPort}`;
  return `${ends}: UDP, length ${udp.payload.byteLength}`;
}

describe.each(captures)('captured packets of real programs: %s', (name) => {
  const golden = load(name);

  it('[S-001] [S-005] [MUST-3] are read with every checksum right', () => {
    for (const { packet } of golden) {
      expect(packet.flaw).toBeUndefined();
      expect(packet.tcp?.checksum).toBeUndefined();
      // One sender left the checksum out.
      expect([undefined, 0]).toContain(packet.udp?.checksum);
    }
  });

  it('say what tcpdump says', () => {
    for (const { packet, header, body } of golden) {
      const said = headerText(packet.ip);
      expect(header.slice(0, said.length)).toBe(said);
      const carried = bodyText(packet);
      expect(body.trimStart().slice(0, carried.length)).toBe(carried);
    }
  });

  it('are the same bytes when written again, checksums computed afresh', () => {
    for (const { bytes, packet } of golden) expect(formatPacket(packet)).toEqual(bytes);
  });

  it('have sound options', () => {
    for (const { bytes, packet } of golden) {
      const view = viewOf(bytes);
      expect(checkIpv4(view, 0, bytes.byteLength)).toBeUndefined();
      expect(checkIpv4Options(view, 20, ipv4HeaderLength(view, 0))).toBeUndefined();
      if (packet.tcp === undefined) continue;
      const { options } = packet.tcp;
      const read = new TcpOptions();
      expect(readTcpOptions(viewOf(options), 0, options.byteLength, read)).toBeUndefined();
      for (const option of parseTcpOptions(options)) {
        if (option.name === 'mss') expect(read.mss).toBe(option.value);
        if (option.name === 'windowScale') expect(read.windowScale).toBe(option.shift);
        if (option.name === 'sackPermitted') expect(read.sackPermitted).toBe(true);
        if (option.name === 'timestamps') expect([read.tsValue, read.tsEcho]).toEqual([option.value, option.echo]);
        if (option.name === 'sack') expect(read.sackLeft[0]).toBe(option.blocks[0]?.left);
      }
    }
  });
});

describe('the captures', () => {
  it('hold every kind of packet that they are there for', () => {
    const packets = captures.flatMap(load).map(({ packet }) => packet);
    const some = (kind: (packet: PacketValue) => boolean | undefined): boolean =>
      packets.some((packet) => kind(packet));
    const optionNames = new Set(
      packets.flatMap(({ tcp }) => (tcp === undefined ? [] : parseTcpOptions(tcp.options).map(({ name }) => name))),
    );
    expect([...optionNames].toSorted()).toEqual(['mss', 'nop', 'sack', 'sackPermitted', 'timestamps', 'windowScale']);
    expect(some(({ ip }) => ip.options.byteLength > 0)).toBe(true);
    expect(some(({ ip }) => ip.fragmentOffset > 0)).toBe(true);
    expect(some(({ udp }) => udp?.checksum === 0)).toBe(true);
    expect(some(({ udp }) => udp?.payload.byteLength === 0)).toBe(true);
    expect(some(({ tcp }) => tcp && (tcp.flags & TcpFlag.URG) !== 0)).toBe(true);
    expect(some(({ tcp }) => tcp && (tcp.flags & TcpFlag.CWR) !== 0)).toBe(true);
    expect(some(({ tcp }) => tcp && (tcp.flags & TcpFlag.RST) !== 0)).toBe(true);
    expect(some(({ ip, icmp }) => icmp?.type === 3 && icmp.code === 4 && icmpMtu(viewOf(ip.payload), 0) === 1400)).toBe(
      true,
    );
  });
});
