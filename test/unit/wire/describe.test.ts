import { describe, expect, it } from 'vitest';
import { Address } from '../../../src/wire/address.ts';
import { checksumFold, pseudoHeaderSum } from '../../../src/wire/checksum.ts';
import { describePacket } from '../../../src/wire/describe.ts';
import type { GroupMessage } from '../../../src/wire/group-records.ts';
import { formatIgmp } from '../../../src/wire/igmp.ts';
import { formatMld } from '../../../src/wire/mld.ts';
import { formatPacket } from '../../../src/wire/packet.ts';
import type { Packet6Value, PacketValue } from '../../../src/wire/packet.ts';
import { TcpFlag } from '../../../src/wire/tcp.ts';
import type { TcpSegment } from '../../../src/wire/tcp.ts';
import { formatTcpOptions } from '../../../src/wire/tcp-option-list.ts';
import { hex } from '../../support/wire.ts';

const { SYN, ACK, PSH, URG } = TcpFlag;
const nothing = new Uint8Array(0);
const FD1 = Address.parse('fd00::1');
const FD2 = Address.parse('fd00::2');

const ip: PacketValue['ip'] = {
  trafficClass: 0,
  identification: 7,
  reservedFlag: false,
  dontFragment: false,
  moreFragments: false,
  fragmentOffset: 0,
  ttl: 64,
  protocol: 6,
  source: Address.parse('10.0.0.1'),
  destination: Address.parse('10.0.0.2'),
  options: nothing,
  payload: nothing,
};

const syn: TcpSegment = {
  sourcePort: 40000,
  destinationPort: 80,
  sequence: 4294967295,
  acknowledgment: 5,
  flags: SYN,
  reserved: 0,
  window: 64240,
  urgentPointer: 9,
  options: nothing,
  payload: nothing,
};

function tcpLine(change: Partial<TcpSegment>): string {
  return describePacket(formatPacket({ ip, tcp: { ...syn, ...change } }));
}

function icmpLine(type: number, code: number, rest: number, payload: Uint8Array): string {
  return describePacket(formatPacket({ ip: { ...ip, protocol: 1 }, icmp: { type, code, rest, payload } }));
}

describe('describePacket', () => {
  it('describes TCP segments', () => {
    const options = formatTcpOptions([
      { name: 'mss', value: 1460 },
      { name: 'sackPermitted' },
      { name: 'timestamps', value: 1, echo: 2 },
      { name: 'nop' },
      { name: 'windowScale', shift: 7 },
      { name: 'other', kind: 254, data: hex('f989') },
    ]);
    expect(tcpLine({ options })).toBe(
      '10.0.0.1:40000 → 10.0.0.2:80 [SYN] seq=4294967295 win=64240 len=0 mss=1460 sackOK ts=1/2 wscale=7 option-254(4)',
    );
    const rare = formatTcpOptions([
      { name: 'userTimeout', value: 0x8005 },
      { name: 'fastOpen', cookie: hex('0a0b0c0d') },
    ]);
    expect(tcpLine({ options: rare })).toMatch(/len=0 uto=5min fastopen\(4\)$/);
    expect(tcpLine({ flags: SYN | ACK })).toBe(
      '10.0.0.1:40000 → 10.0.0.2:80 [SYN, ACK] seq=4294967295 ack=5 win=64240 len=0',
    );
    const sack = formatTcpOptions([
      {
        name: 'sack',
        blocks: [
          { left: 1, right: 2 },
          { left: 5, right: 9 },
        ],
      },
    ]);
    expect(tcpLine({ flags: PSH | ACK | URG, payload: hex('0102'), options: sack })).toBe(
      '10.0.0.1:40000 → 10.0.0.2:80 [PSH, ACK, URG] seq=4294967295 ack=5 win=64240 urg=9 len=2 sack=1-2,5-9',
    );
    expect(tcpLine({ options: hex('02000000') })).toMatch(/len=0 broken-options$/);
  });

  it('marks a wrong checksum, but not a partial one', () => {
    expect(tcpLine({ checksum: 0x1234 })).toMatch(/len=0 \(bad checksum\)$/);
    expect(tcpLine({ checksum: checksumFold(pseudoHeaderSum(ip.source, ip.destination, 6, 20)) })).toMatch(/len=0$/);
  });

  it('describes UDP datagrams', () => {
    const line = (checksum?: number): string => {
      const udp = { sourcePort: 40000, destinationPort: 7, payload: hex('616263') };
      return describePacket(
        formatPacket({ ip: { ...ip, protocol: 17 }, udp: checksum === undefined ? udp : { ...udp, checksum } }),
      );
    };
    expect(line()).toBe('10.0.0.1:40000 → 10.0.0.2:7 UDP len=3');
    expect(line(0)).toBe('10.0.0.1:40000 → 10.0.0.2:7 UDP len=3');
    expect(line(1)).toBe('10.0.0.1:40000 → 10.0.0.2:7 UDP len=3 (bad checksum)');
  });

  it('describes ICMP messages and what they quote', () => {
    const quote = formatPacket({ ip, tcp: syn }).subarray(0, 28);
    const ping = formatPacket({ ip: { ...ip, protocol: 1 }, icmp: { type: 8, code: 0, rest: 0, payload: nothing } });
    const ends = '10.0.0.1 → 10.0.0.2';
    expect(icmpLine(8, 0, 0x00010002, hex('6162'))).toBe(`${ends} ICMP echo request id=1 seq=2 len=2`);
    expect(icmpLine(0, 0, 0x00010002, nothing)).toBe(`${ends} ICMP echo reply id=1 seq=2 len=0`);
    expect(icmpLine(3, 3, 0, quote)).toBe(`${ends} ICMP port unreachable (10.0.0.1:40000 → 10.0.0.2:80 TCP)`);
    expect(icmpLine(3, 4, 1400, quote)).toBe(
      `${ends} ICMP fragmentation needed mtu=1400 (10.0.0.1:40000 → 10.0.0.2:80 TCP)`,
    );
    expect(icmpLine(3, 99, 0, nothing)).toBe(`${ends} ICMP unreachable code=99`);
    expect(icmpLine(11, 0, 0, ping)).toBe(`${ends} ICMP time exceeded (10.0.0.1 → 10.0.0.2 ICMP)`);
    expect(icmpLine(13, 0, 0, ping)).toBe(`${ends} ICMP type=13`);
  });

  it('describes fragments and other protocols', () => {
    const fragment = { ...ip, moreFragments: true, fragmentOffset: 1480, payload: hex('01020304') };
    expect(describePacket(formatPacket({ ip: fragment }))).toBe(
      '10.0.0.1 → 10.0.0.2 TCP fragment id=7 offset=1480 more len=4',
    );
    expect(describePacket(formatPacket({ ip: { ...ip, protocol: 99, payload: hex('01') } }))).toBe(
      '10.0.0.1 → 10.0.0.2 protocol=99 len=1',
    );
  });

  it('says why bytes are no packet', () => {
    expect(describePacket(hex('4500'))).toBe('ipv4-truncated (2 bytes)');
    expect(describePacket(formatPacket({ ip: { ...ip, payload: hex('0102') } }))).toBe(
      '10.0.0.1 → 10.0.0.2 TCP tcp-truncated (2 bytes)',
    );
  });
});

describe('describePacket of IPv6', () => {
  const ip6: Packet6Value['ip'] = {
    trafficClass: 0,
    flowLabel: 0,
    nextHeader: 6,
    hopLimit: 64,
    source: Address.parse('fd00::1'),
    destination: Address.parse('fd00::2'),
    extensions: nothing,
    protocol: 6,
    payload: nothing,
  };
  const carrying = (nextHeader: number, carried: Omit<Packet6Value, 'ip'>, payload: Uint8Array = nothing): Uint8Array =>
    formatPacket({ ip: { ...ip6, nextHeader, protocol: nextHeader, payload }, ...carried });
  const icmp6Line = (type: number, code: number, rest: number, payload: Uint8Array): string =>
    describePacket(carrying(58, { icmp: { type, code, rest, payload } }));

  it('writes ends in brackets', () => {
    expect(describePacket(carrying(6, { tcp: syn }))).toBe(
      '[fd00::1]:40000 → [fd00::2]:80 [SYN] seq=4294967295 win=64240 len=0',
    );
    const udp = { sourcePort: 1, destinationPort: 2, payload: hex('01') };
    expect(describePacket(carrying(17, { udp }))).toBe('[fd00::1]:1 → [fd00::2]:2 UDP len=1');
    // Over IPv6 a checksum may not be left out.
    expect(describePacket(carrying(17, { udp: { ...udp, checksum: 0 } }))).toBe(
      '[fd00::1]:1 → [fd00::2]:2 UDP len=1 (bad checksum)',
    );
    expect(describePacket(carrying(59, {}))).toBe('fd00::1 → fd00::2 IPV6_NONXT len=0');
    expect(describePacket(carrying(44, {}, hex('11000009 00000001 aabb')))).toBe('fd00::1 → fd00::2 IPV6_FRAG len=10');
    expect(describePacket(carrying(58, {}, nothing))).toBe('fd00::1 → fd00::2 ICMPV6 icmpv6-truncated (0 bytes)');
    expect(describePacket(carrying(6, {}).subarray(0, 39))).toBe('ipv6-truncated (39 bytes)');
  });

  it('describes ICMPv6 with what it quotes', () => {
    const quote = carrying(17, { udp: { sourcePort: 9, destinationPort: 53, payload: nothing } });
    const about = '([fd00::1]:9 → [fd00::2]:53 UDP)';
    expect(icmp6Line(128, 0, 0x10002, hex('0102'))).toBe('fd00::1 → fd00::2 ICMPv6 echo request id=1 seq=2 len=2');
    expect(icmp6Line(1, 4, 0, quote)).toBe(`fd00::1 → fd00::2 ICMPv6 port unreachable ${about}`);
    expect(icmp6Line(1, 9, 0, nothing)).toBe('fd00::1 → fd00::2 ICMPv6 unreachable code=9');
    expect(icmp6Line(2, 0, 1400, quote)).toBe(`fd00::1 → fd00::2 ICMPv6 packet too big mtu=1400 ${about}`);
    expect(icmp6Line(3, 0, 0, quote)).toBe(`fd00::1 → fd00::2 ICMPv6 time exceeded ${about}`);
    expect(icmp6Line(4, 1, 6, quote)).toBe(`fd00::1 → fd00::2 ICMPv6 parameter problem code=1 pointer=6 ${about}`);
    expect(icmp6Line(135, 0, 0, nothing)).toBe('fd00::1 → fd00::2 ICMPv6 neighbor solicitation');
    const target = hex('fe800000000000000000000000000009');
    expect(icmp6Line(136, 0, 0, target)).toBe('fd00::1 → fd00::2 ICMPv6 neighbor advertisement target=fe80::9');
    expect(icmp6Line(134, 0, 0, target)).toBe('fd00::1 → fd00::2 ICMPv6 router advertisement');
    expect(icmp6Line(200, 0, 0, nothing)).toBe('fd00::1 → fd00::2 ICMPv6 type=200');
    // Cut off behind the fixed header, whose next header is an extension.
    const cut = carrying(60, {}, hex('1105 0104 00000000'));
    expect(icmp6Line(3, 0, 0, cut)).toBe('fd00::1 → fd00::2 ICMPv6 time exceeded (fd00::1 → fd00::2 UDP)');
  });

  it('describes what IGMP and MLD say of groups', () => {
    const group = Address.parse('239.1.2.3');
    const source = Address.parse('10.0.0.9');
    const igmpLine = (message: GroupMessage): string =>
      describePacket(formatPacket({ ip: { ...ip, protocol: 2, payload: formatIgmp(message) } }));
    const ends = '10.0.0.1 → 10.0.0.2 IGMP';
    const details = { suppress: false, robustness: 2, intervalCode: 125, sources: [source] };
    expect(igmpLine({ type: 0x11, responseCode: 100, group: Address.parse('0.0.0.0') })).toBe(`${ends} query`);
    expect(igmpLine({ type: 0x11, responseCode: 100, group, query: details })).toBe(
      `${ends} query ${group} from ${source}`,
    );
    expect(igmpLine({ type: 0x16, responseCode: 0, group })).toBe(`${ends} report v2 ${group}`);
    const records = [
      { type: 4, group, sources: [] },
      { type: 5, group, sources: [source, Address.parse('10.0.0.8')] },
      { type: 9, group, sources: [] },
    ];
    expect(igmpLine({ type: 0x22, responseCode: 0, records })).toBe(
      `${ends} report v3 TO_EX(${group}) ALLOW(${group}: 10.0.0.9,10.0.0.8) type=9(${group})`,
    );
    expect(igmpLine({ type: 0x99, responseCode: 0, group })).toBe(`${ends} type=153 ${group}`);
    const broken = formatPacket({ ip: { ...ip, protocol: 2, payload: hex('1600') } });
    expect(describePacket(broken)).toBe(`${ends} igmp-truncated (2 bytes)`);
    const group6 = Address.parse('ff05::1:3');
    const report = formatMld(
      { type: 143, responseCode: 0, records: [{ type: 4, group: group6, sources: [] }] },
      FD1,
      FD2,
    );
    expect(describePacket(carrying(58, {}, report))).toBe(
      'fd00::1 → fd00::2 ICMPv6 multicast listener report v2 TO_EX(ff05::1:3)',
    );
    const query = formatMld({ type: 130, responseCode: 0, group: group6 }, FD1, FD2);
    expect(describePacket(carrying(58, {}, query))).toBe('fd00::1 → fd00::2 ICMPv6 multicast listener query ff05::1:3');
    expect(icmp6Line(130, 0, 0, nothing)).toBe('fd00::1 → fd00::2 ICMPv6 multicast listener query');
  });
});
