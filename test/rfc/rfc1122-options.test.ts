import { describe, expect, it } from 'vitest';
import { parsePacket } from '../../src/wire/packet.ts';
import { address, FAR, ipv4, IpBench, pattern, PEER, udpPacket } from '../unit/ip/fixture.ts';
import { udp6Packet } from '../unit/ip/fixture6.ts';
import { UdpBench } from '../unit/udp/fixture.ts';
import type { UdpOptions } from '../../src/udp/options.ts';
import { formatIpv4 } from '../../src/wire/ipv4.ts';

/** Router alert (RFC 2113), and one that nobody knows, with a length that needs padding. */
const ALERT = Uint8Array.of(148, 4, 0, 0);
const UNKNOWN = Uint8Array.of(94, 6, 1, 2, 3, 4);

const code = (wanted: string): object => expect.objectContaining({ code: wanted });

describe('RFC 1122 §3.2.1.8, §3.4: IP options', () => {
  it('[S-011] [S-030] are read over and handed up as they came, to any transport', () => {
    const bench = new IpBench();
    const options = Uint8Array.of(1, ...UNKNOWN, 0);
    bench.protocols = [253];
    bench.arrive(formatIpv4(ipv4({ protocol: 253, options, payload: pattern(10) })));
    expect(bench.delivered).toMatchObject([{ options, payload: pattern(10) }]);
  });

  it('[S-030] a transport chooses source, destination, protocol, traffic class, time to live and options', () => {
    const bench = new IpBench();
    const path = bench.ip.path(address('10.0.0.2'), address(FAR));
    if (typeof path === 'string') throw new Error(path);
    const packet = path.reserve(8)!;
    packet.memory.bytes.set(pattern(8), packet.start);
    path.send(packet, 253, { ttl: 9, trafficClass: 0xb8, options: UNKNOWN });
    const [sent] = bench.sent();
    const read = parsePacket(sent!);
    if (typeof read === 'string') throw new Error(read);
    expect(read.ip).toMatchObject({ protocol: 253, ttl: 9, trafficClass: 0xb8, payload: pattern(8) });
    expect([read.ip.source, read.ip.destination].map(String)).toEqual(['10.0.0.2', FAR]);
    expect(read.ip.options).toEqual(Uint8Array.of(...UNKNOWN, 0, 0));
  });
});

describe('RFC 1122 §4.1.3.2, §4.1.4: UDP', () => {
  it('[S-011] [S-032] the application gets the options that came, time to live and traffic class with them', () => {
    const bench = new UdpBench();
    const { messages } = bench.bind(7);
    const bytes = udpPacket({ payload: pattern(5) }, { options: ALERT, ttl: 3, trafficClass: 0x2e });
    bench.arrive(bytes);
    bytes.fill(0);
    bench.arrive(udpPacket({ payload: pattern(6) }));
    bench.turn();
    expect(messages.map(({ bytes: message, info }) => [message, info.ipOptions, info.ttl, info.trafficClass])).toEqual([
      [pattern(5), ALERT, 3, 0x2e],
      [pattern(6), undefined, 64, 0],
    ]);
  });

  it('[S-030] [S-032] [S-037] the application chooses those that are sent, with time to live and traffic class', () => {
    const bench = new UdpBench();
    const lent = ALERT.slice();
    const { socket } = bench.bind(7, { ipOptions: lent, ttl: 5, dscp: 46 });
    lent[0] = 131;
    const sent = (): unknown[] =>
      bench.sentPackets().map(({ ip, udp }) => [ip.options, ip.ttl, ip.trafficClass, udp!.payload]);
    socket.send(pattern(9), 7, PEER);
    expect(sent()).toEqual([[ALERT, 5, 46 << 2, pattern(9)]]);
    socket.set('ipOptions', UNKNOWN);
    socket.send([pattern(3), pattern(2)], 7, PEER);
    expect(sent()).toEqual([
      [Uint8Array.of(...UNKNOWN, 0, 0), 5, 46 << 2, Uint8Array.of(...pattern(3), ...pattern(2))],
    ]);
    expect(socket.get('ipOptions')).toEqual(UNKNOWN);
    socket.set('ipOptions', undefined);
    socket.set('ttl', 1);
    socket.send(pattern(9), 7, PEER);
    expect(sent()).toEqual([[new Uint8Array(0), 1, 46 << 2, pattern(9)]]);
  });

  it('[S-037] empty messages have options, too, and the largest leave room for them', () => {
    const bench = new UdpBench();
    const { socket } = bench.bind(7, { ipOptions: UNKNOWN });
    socket.send(new Uint8Array(0), 7, PEER);
    socket.send(pattern(1500 - 36), 7, PEER);
    expect(bench.sent().map(({ length }) => length)).toEqual([36, 1500]);
    expect(() => socket.send(pattern(1500 - 35), 7, PEER)).toThrow(code('EMSGSIZE'));
    expect(bench.sent()).toEqual([]);
  });

  it.each<[string, unknown, string]>([
    ['a loose source route', Uint8Array.of(131, 7, 4, 10, 0, 0, 1), 'ERR_INVALID_ARG_VALUE'],
    ['a strict source route', Uint8Array.of(1, 137, 7, 4, 10, 0, 0, 1), 'ERR_INVALID_ARG_VALUE'],
    ['an option longer than the rest', Uint8Array.of(7, 7, 4), 'ERR_INVALID_ARG_VALUE'],
    ['41 bytes', new Uint8Array(41), 'ERR_OUT_OF_RANGE'],
    ['text', 'LSRR', 'ERR_INVALID_ARG_TYPE'],
  ])('[S-011] [MUST-51] refuses %s', (_what, ipOptions, wanted) => {
    const bench = new UdpBench();
    expect(() => bench.bind(7, { ipOptions } as UdpOptions)).toThrow(code(wanted));
    const { socket } = bench.bind(7);
    expect(() => socket.set('ipOptions', ipOptions as Uint8Array)).toThrow(code(wanted));
    expect(socket.get('ipOptions')).toBeUndefined();
  });

  it('are of IPv4: an IPv6 peer gets none, nor has any', () => {
    const bench = new UdpBench({ addresses: ['10.0.0.2/24', 'fd00::2/64'] });
    const { socket, messages } = bench.bind(7, { address: '::', ipOptions: ALERT });
    socket.send(pattern(9), 7, 'fd00::1');
    const [sent] = bench.sent();
    expect(sent).toHaveLength(40 + 8 + 9);
    bench.arrive(udp6Packet({ payload: pattern(1) }));
    bench.turn();
    expect(messages.map(({ info }) => info.ipOptions)).toEqual([undefined]);
  });
});
