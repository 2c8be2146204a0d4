import { describe, expect, it } from 'vitest';
import { Checksum } from '../../src/buffer/batch.ts';
import { TransmitQueue } from '../../src/buffer/transmit-queue.ts';
import { pseudoHeaderSum, checksumFold } from '../../src/wire/checksum.ts';
import type { IcmpMessage } from '../../src/wire/icmp.ts';
import { formatPacket, parsePacket6 } from '../../src/wire/packet.ts';
import type { Packet6Value } from '../../src/wire/packet.ts';
import { Protocol } from '../../src/wire/protocol.ts';
import { hex } from '../support/wire.ts';
import { IPV6_FRAGMENTS } from '../support/fragments.ts';
import { address, NOTHING, pattern } from '../unit/ip/fixture.ts';
import { Alone, openPing } from '../unit/raw/world.ts';
import {
  FAR6,
  icmp6Packet,
  Ip6Bench,
  ipv6,
  LOCAL6,
  LOCAL_LINK,
  PEER6,
  PEER_LINK,
  udp6Packet,
} from '../unit/ip/fixture6.ts';

/** What this stack had sent, as an error quotes it. */
const sentByUs = udp6Packet(
  { sourcePort: 5000, destinationPort: 53, payload: pattern(40) },
  { source: LOCAL6, destination: FAR6 },
);

describe('ICMPv6 echo', () => {
  it.each([0, 1, 56, 1400, 1452])('[S-047] answers %i bytes of data with the same', (size) => {
    const bench = new Ip6Bench();
    bench.arrive(icmp6Packet({ rest: 0x0102_0003, payload: pattern(size) }, { trafficClass: 0xb9, hopLimit: 3 }));
    const [reply] = bench.sent6();
    expect(reply!.ip).toMatchObject({ hopLimit: 64, trafficClass: 0xb8, flowLabel: 0, nextHeader: 58 });
    expect([reply!.ip.source, reply!.ip.destination].map(String)).toEqual([LOCAL6, PEER6]);
    expect(reply!.icmp).toEqual({ type: 129, code: 0, rest: 0x0102_0003, payload: pattern(size) });
  });

  it('answers over lo, and what the link vouches for whatever its checksum says', () => {
    const bench = new Ip6Bench();
    const request = icmp6Packet({ payload: pattern(9) }, { source: '::1', destination: '::1' });
    request.fill(0, 42, 44);
    bench.arrive(request, bench.lo, Checksum.valid);
    expect(bench.sent6(bench.lo)[0]!.icmp).toEqual({ type: 129, code: 0, rest: 0, payload: pattern(9) });
  });

  it('answers a link-local address by the link that it came from', () => {
    const bench = new Ip6Bench();
    bench.arrive(icmp6Packet({}, { source: PEER_LINK, destination: LOCAL_LINK }));
    const [reply] = bench.sent6();
    expect([reply!.ip.source, reply!.ip.destination].map(String)).toEqual([LOCAL_LINK, PEER_LINK]);
  });

  it('[S-047] RFC 4443 §4.2: answers a group that the interface is in', () => {
    const bench = new Ip6Bench();
    const group = 'ff02::1:ff00:2';
    bench.ip.memberships.join(bench.eth0.index, address(group));
    bench.sent();
    bench.arrive(icmp6Packet({ rest: 7 }, { source: PEER_LINK, destination: group }));
    bench.arrive(icmp6Packet({}, { source: '::1', destination: group }), bench.lo);
    expect(bench.sent6().map(({ ip, icmp }) => [String(ip.source), icmp?.rest])).toEqual([[LOCAL_LINK, 7]]);
    bench.ip.memberships.leave(bench.eth0.index, address(group));
    bench.sent();
    bench.arrive(icmp6Packet({}, { source: PEER_LINK, destination: group }));
    expect(bench.sent6()).toEqual([]);
    expect(bench.counters.snapshot()).toEqual({ 'icmpv6-group-ignored': 2 });
  });

  it('[S-047] RFC 4443 §4.2: answers the group of all nodes with an address of its own, and no other group', () => {
    const bench = new Ip6Bench();
    bench.arrive(icmp6Packet({}, { source: PEER_LINK, destination: 'ff02::1' }));
    bench.arrive(icmp6Packet({}, { source: PEER6, destination: 'ff02::1' }));
    bench.arrive(icmp6Packet({}, { source: '::1', destination: 'ff01::1' }), bench.lo);
    expect([...bench.sent6(), ...bench.sent6(bench.lo)].map(({ ip }) => String(ip.source))).toEqual([
      LOCAL_LINK,
      LOCAL6,
      '::1',
    ]);
    for (const destination of ['ff02::2', 'ff02::1:1', 'ff05::1']) bench.arrive(icmp6Packet({}, { destination }));
    expect(bench.sent()).toEqual([]);
    expect(bench.counters.snapshot()).toEqual({ 'icmpv6-group-ignored': 3 });
  });

  it('counts what it cannot answer', () => {
    const bench = new Ip6Bench({ queue: new TransmitQueue({ limit: 2000 }) });
    bench.ip.routes.remove('::/0');
    bench.arrive(icmp6Packet({}, { source: FAR6 }));
    bench.arrive(icmp6Packet({ payload: pattern(1400) }));
    bench.arrive(icmp6Packet({ payload: pattern(1400) }));
    bench.arrive(icmp6Packet({ payload: pattern(1453) }));
    bench.eth0.update({ up: false });
    bench.arrive(icmp6Packet({}));
    expect(bench.counters.snapshot()).toEqual({
      'icmpv6-reply-no-route': 2,
      'icmpv6-reply-queue-full': 2,
    });
    expect(bench.sent()).toHaveLength(1);
  });
});

describe('ICMPv6 echo, as the one who asks', () => {
  it('[S-047] RFC 4443 §4.1, §4.2: any data is sent, and the reply is passed to whoever has asked, to others nothing', async () => {
    const alone = new Alone();
    const [one, other] = [1, 2].map(() => openPing(alone.stack, { remoteAddress: PEER6 }));
    for (const { socket } of [one!, other!]) socket.send(pattern(7));
    const [bytes] = alone.sent();
    const { ip, icmp } = parsePacket6(bytes!) as Packet6Value & { icmp: IcmpMessage };
    expect(icmp).toMatchObject({ type: 128, code: 0, rest: (one!.socket.identifier << 16) | 1, payload: pattern(7) });
    const back = { source: PEER6, destination: ip.source.toString() };
    alone.arrive(icmp6Packet({ ...icmp, type: 129 }, back));
    expect([one!.data, other!.data]).toEqual([[pattern(7)], []]);
    // §2.4 (d): an error is passed to the process whose packet it quotes.
    one!.socket.send(pattern(7));
    const [again] = alone.sent();
    alone.arrive(icmp6Packet({ type: 1, code: 3, rest: 0, payload: again! }, { ...back, source: 'fd00::77' }));
    expect([one, other].map((pinging) => pinging!.errors.map(({ code, sequence }) => [code, sequence]))).toEqual([
      [['EHOSTUNREACH', 2]],
      [],
    ]);
    await alone.end();
  });
});

describe('ICMPv6 messages that are dropped', () => {
  it('are counted by reason', () => {
    const bench = new Ip6Bench();
    const damaged = icmp6Packet({ payload: pattern(56) });
    damaged[60] = damaged[60]! ^ 1;
    bench.arrive(damaged);
    bench.arrive(formatPacket({ ip: ipv6({ protocol: Protocol.ICMPV6, payload: new Uint8Array(7) }) }));
    for (const type of [129, 133, 134, 135, 136, 137, 138, 200]) bench.arrive(icmp6Packet({ type }));
    expect(bench.sent()).toEqual([]);
    expect(bench.counters.snapshot()).toEqual({
      'icmpv6-bad-checksum': 1,
      'icmpv6-truncated': 1,
      'icmpv6-echo-reply-unexpected': 1,
      'icmpv6-neighbor-ignored': 4,
      'icmpv6-redirect-ignored': 1,
      'icmpv6-unknown-type': 2,
    });
  });
});

describe('ICMPv6 errors about what was sent in fragments', () => {
  /** The first fragments of what this stack has sent, as an error quotes it. */
  function quoted(protocol: number, payload: Uint8Array, from: number): Uint8Array {
    const ends = { source: LOCAL6, destination: FAR6, protocol };
    return IPV6_FRAGMENTS.fragment(payload, from, from + 1200, true, ends).subarray(0, 1232);
  }

  it('[S-047] quote the transport header behind the fragment header', () => {
    const bench = new Ip6Bench();
    bench.arrive(icmp6Packet({ type: 2, rest: 1400, payload: quoted(17, pattern(3000), 0) }));
    expect(bench.reported).toMatchObject([{ code: 'EMSGSIZE', mtu: 1400, protocol: 17, quotedLength: 1248 }]);
    expect(bench.reported[0]!.quote).toEqual(pattern(3000).subarray(0, 1184));
  });

  it('of another fragment, or of one that is cut off, nobody is told', () => {
    const bench = new Ip6Bench();
    bench.arrive(icmp6Packet({ type: 2, rest: 1400, payload: quoted(17, pattern(3000), 1200) }));
    bench.arrive(icmp6Packet({ type: 2, rest: 1400, payload: quoted(17, pattern(3000), 0).subarray(0, 48) }));
    bench.arrive(icmp6Packet({ type: 2, rest: 1400, payload: quoted(17, pattern(3000), 0).subarray(0, 55) }));
    expect(bench.reported).toEqual([]);
    expect(bench.counters.snapshot()).toEqual({ 'icmpv6-quoted-fragment': 1, 'icmpv6-bad-quote': 2 });
  });

  it('[S-053] about an echo reply lower the path MTU, for later replies too', () => {
    const bench = new Ip6Bench();
    const request = icmp6Packet({ payload: pattern(1400) }, { source: FAR6 });
    bench.arrive(request);
    const [reply] = bench.sent();
    expect(reply).toHaveLength(1448);
    // Not below what did not fit, and not below 1280.
    for (const [mtu, packets] of [
      [1448, 1],
      [1400, 2],
      [100, 2],
    ] as const) {
      bench.arrive(icmp6Packet({ type: 2, rest: mtu, payload: reply!.subarray(0, 1232) }));
      bench.arrive(request);
      const sent = bench.sent();
      expect(sent).toHaveLength(packets);
      expect(Math.max(...sent.map((bytes) => bytes.length))).toBeLessThanOrEqual(Math.max(1280, mtu));
    }
    // What cannot be is an error like others, and nobody's.
    expect(bench.reported.map(({ mtu, quotedLength }) => [mtu, quotedLength])).toEqual([[1448, 1448]]);
  });
});

describe('ICMPv6 errors that arrive', () => {
  it('are handed to the host with what they quote', () => {
    const bench = new Ip6Bench();
    bench.arrive(icmp6Packet({ type: 2, rest: 1400, payload: sentByUs.subarray(0, 80) }));
    expect(bench.reported).toEqual([
      {
        code: 'EMSGSIZE',
        hard: true,
        type: 2,
        icmpCode: 0,
        mtu: 1400,
        protocol: 17,
        source: LOCAL6,
        destination: FAR6,
        reporter: PEER6,
        quotedLength: 88,
        quote: sentByUs.slice(40, 80),
      },
    ]);
  });

  it.each([
    [1, 0, 'ENETUNREACH', false],
    [1, 1, 'EACCES', true],
    [1, 2, 'EHOSTUNREACH', false],
    [1, 3, 'EHOSTUNREACH', false],
    [1, 4, 'ECONNREFUSED', true],
    [1, 5, 'EACCES', true],
    [1, 6, 'EACCES', true],
    [1, 99, 'EHOSTUNREACH', false],
    [3, 0, 'EHOSTUNREACH', false],
    [3, 1, 'EHOSTUNREACH', false],
    [4, 0, 'EINVAL', true],
    [4, 1, 'EINVAL', true],
    // RFC 4443 §2.4 (a): an error of unknown type is passed on as well.
    [100, 0, 'EHOSTUNREACH', false],
  ])('[S-047] type %i code %i means %s (Linux: icmpv6_err_convert)', (type, code, name, hard) => {
    const bench = new Ip6Bench();
    bench.arrive(icmp6Packet({ type, code, payload: sentByUs }));
    expect(bench.reported).toMatchObject([{ code: name, hard, type, icmpCode: code, mtu: 0 }]);
  });

  it('[S-041] end where RFC 4884 says that extensions begin, if the ports are before that', () => {
    const quoted = (type: number, words: number): number => {
      const bench = new Ip6Bench();
      const extended = Uint8Array.from([...sentByUs, ...pattern(8)]);
      bench.arrive(icmp6Packet({ type, code: 0, rest: words * 2 ** 24, payload: extended }));
      return bench.reported[0]!.quote.length;
    };
    expect([quoted(1, 11), quoted(3, 11), quoted(1, 5), quoted(1, 12), quoted(4, 11)]).toEqual([48, 48, 56, 56, 56]);
  });

  it('are dropped and counted when the quotation is not about a packet of ours', () => {
    const bench = new Ip6Bench();
    const error = (payload: Uint8Array): void => bench.arrive(icmp6Packet({ type: 1, code: 4, payload }));
    error(udp6Packet({}, { source: PEER6, destination: LOCAL6 }));
    error(sentByUs.subarray(0, 47));
    error(NOTHING);
    error(sentByUs.map((byte, i) => (i === 0 ? 0x45 : byte)));
    bench.arrive(icmp6Packet({ type: 1, code: 4, payload: sentByUs }, { destination: 'ff02::1' }));
    expect(bench.reported).toEqual([]);
    expect(bench.counters.snapshot()).toEqual({
      'icmpv6-bad-quote': 3,
      'icmpv6-error-not-ours': 1,
      'icmpv6-group-ignored': 1,
    });
  });
});

describe('ICMPv6 errors that are sent', () => {
  /** Has a port that nobody listens on be reported. */
  function unreachable(bench: Ip6Bench, bytes: Uint8Array, mark: 0 | 1 | 2 = Checksum.none): void {
    bench.onDatagram = (datagram) => bench.ip.sendPortUnreachable(datagram);
    bench.arrive(bytes, bench.eth0, mark);
  }

  it('[S-047] quote a small packet whole, from the address that was asked', () => {
    const bench = new Ip6Bench();
    const arrived = udp6Packet({ payload: pattern(30) });
    unreachable(bench, arrived);
    const { ip, icmp } = bench.sent6()[0]!;
    expect([ip.source, ip.destination, ip.hopLimit].map(String)).toEqual([LOCAL6, PEER6, '64']);
    expect(icmp).toEqual({ type: 1, code: 4, rest: 0, payload: arrived });
  });

  it('[S-047] RFC 4443 §2.4 (c): quote as much as fits 1280 bytes', () => {
    const bench = new Ip6Bench({ mtu: 9000 });
    const arrived = udp6Packet({ payload: pattern(4000) });
    unreachable(bench, arrived);
    const [bytes] = bench.sent();
    expect(bytes!.length).toBe(1280);
    expect(bytes!.subarray(48)).toEqual(arrived.subarray(0, 1232));
  });

  it('complete a partial checksum in the quotation', () => {
    const bench = new Ip6Bench();
    const partial = udp6Packet({ payload: pattern(300) });
    const sum = checksumFold(pseudoHeaderSum(address(PEER6), address(LOCAL6), Protocol.UDP, 308));
    new DataView(partial.buffer).setUint16(46, sum);
    unreachable(bench, partial, Checksum.partial);
    const quoted = parsePacket6(bench.sent6()[0]!.icmp!.payload);
    expect(quoted).toMatchObject({ udp: { sourcePort: 4000, payload: pattern(300) } });
    expect(quoted).not.toHaveProperty('udp.checksum');
  });

  it('[S-047] RFC 4443 §2.4 (e): never about an error or a redirect, wherever it stands, nor about groups', () => {
    const bench = new Ip6Bench();
    const option = { nextHeader: 60, extensions: hex('3a00 0000 c5020000') };
    const about = (bytes: Uint8Array): number => {
      bench.arrive(bytes);
      return bench.sent().length;
    };
    expect(about(icmp6Packet({}, option))).toBe(1);
    for (const type of [1, 2, 3, 4, 127, 137]) expect(about(icmp6Packet({ type, payload: sentByUs }, option))).toBe(0);
    // The type is cut off: it may be an error.
    expect(about(formatPacket({ ip: ipv6({ ...option, payload: NOTHING }) }))).toBe(0);
    // Behind more headers than are looked at there may be an error as well.
    const many = hex(`00 00 0104 00000000 ${'3c00 0104 00000000'.repeat(9)} 3a00 0104 00000000`);
    expect(about(icmp6Packet({ type: 1, payload: sentByUs }, { nextHeader: 60, extensions: many }))).toBe(0);
    expect(about(udp6Packet({}, { ...option, extensions: hex('1100 0000 c5020000'), destination: 'ff02::1' }))).toBe(0);
    expect(about(formatPacket({ ip: ipv6({ protocol: 253, destination: 'ff02::1' }) }))).toBe(0);
    expect(bench.counters.get('icmpv6-error-suppressed')).toBe(10);
  });

  it('[S-047] RFC 4443 §2.4 (e.3): but about an option of type 10 to a group, from an address of its own', () => {
    const bench = new Ip6Bench();
    const extensions = hex('1100 0000 85020000');
    bench.arrive(udp6Packet({}, { nextHeader: 60, extensions, source: PEER_LINK, destination: 'ff02::1' }));
    const [{ ip, icmp }] = bench.sent6() as [ReturnType<Ip6Bench['sent6']>[number]];
    expect([String(ip.source), String(ip.destination), icmp!.type, icmp!.code, icmp!.rest]).toEqual([
      LOCAL_LINK,
      PEER_LINK,
      4,
      2,
      44,
    ]);
  });

  it('[S-047] RFC 4443 §2.4 (f): are limited in rate', () => {
    const bench = new Ip6Bench();
    for (let i = 0; i < 20; i++) unreachable(bench, udp6Packet());
    expect(bench.sent().length).toBe(6);
    expect(bench.counters.get('icmpv6-error-rate-limited')).toBe(14);
    bench.clock.advance(1_000_000);
    unreachable(bench, udp6Packet());
    expect(bench.sent().length).toBe(1);
  });

  it('are counted when there is no way, or no room', () => {
    const bench = new Ip6Bench({ queue: new TransmitQueue({ limit: 1500 }) });
    bench.ip.routes.remove('::/0');
    unreachable(bench, udp6Packet({}, { source: FAR6 }));
    unreachable(bench, udp6Packet({ payload: pattern(1400) }));
    unreachable(bench, udp6Packet({ payload: pattern(1400) }));
    expect(bench.counters.snapshot()).toEqual({
      'icmpv6-error-no-route': 1,
      'icmpv6-error-queue-full': 1,
      'icmpv6-error-sent': 1,
    });
  });
});
