import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { RawOpenOptions } from '../../../src/index.ts';
import { Address } from '../../../src/index.ts';
import { formatIcmpv6 } from '../../../src/wire/icmpv6.ts';
import { formatIcmp, parseIcmp } from '../../../src/wire/icmp.ts';
import { formatIpv4, parseIpv4 } from '../../../src/wire/ipv4.ts';
import type { Ipv4Packet } from '../../../src/wire/ipv4.ts';
import { formatIpv6, parseIpv6 } from '../../../src/wire/ipv6.ts';
import { formatUdp } from '../../../src/wire/udp.ts';
import { Alone, bytesOf, codeOf, MS, open, openPing, Pair } from '../raw/world.ts';

const NOTHING = new Uint8Array(0);
/** Experimental (RFC 3692). */
const PROTOCOL = 253;

let pair: Pair;
let alone: Alone;
beforeEach(() => {
  pair = new Pair();
  alone = new Alone();
});
afterEach(async () => {
  await pair.end();
  await alone.end();
});

function ipv4(
  payload: Uint8Array,
  fields: Partial<Omit<Ipv4Packet, 'source' | 'destination'>> = {},
  source = '10.0.0.1',
  destination = '10.0.0.2',
): Uint8Array {
  return formatIpv4({
    trafficClass: 0,
    identification: 0,
    reservedFlag: false,
    dontFragment: true,
    moreFragments: false,
    fragmentOffset: 0,
    ttl: 64,
    protocol: PROTOCOL,
    source: Address.parse(source),
    destination: Address.parse(destination),
    options: NOTHING,
    payload,
    ...fields,
  });
}

function ipv6(payload: Uint8Array, protocol: number, source = 'fd00::1', destination = 'fd00::2'): Uint8Array {
  return formatIpv6({
    trafficClass: 0,
    flowLabel: 0,
    nextHeader: protocol,
    hopLimit: 64,
    source: Address.parse(source),
    destination: Address.parse(destination),
    extensions: NOTHING,
    protocol,
    payload,
  });
}

describe('raw sockets', () => {
  it.each([
    ['10.0.0.2', 4, 20],
    ['fd00::2', 6, 0],
    ['fe80::2%tun0', 6, 0],
  ] as const)('packets to %s', (to, family, offset) => {
    const bob = open(pair.bob, { protocol: PROTOCOL, family });
    const alice = open(pair.alice, { protocol: PROTOCOL, family });
    expect(alice.socket.send(bytesOf('hello'), to, { ttl: 9, trafficClass: 0xb8 })).toBe(true);
    expect(alice.socket.send([bytesOf('wor'), bytesOf('ld')], to)).toBe(true);
    pair.clock.advance(1 * MS);
    expect(bob.packets.map((packet) => packet.text)).toEqual(['hello', 'world']);
    expect(bob.packets[0]!.info).toMatchObject({
      protocol: PROTOCOL,
      offset,
      size: 5,
      ttl: 9,
      trafficClass: 0xb8,
      interface: 'tun1',
    });
    const { remoteAddress, localAddress } = bob.packets[0]!.info;
    bob.socket.send(bytesOf('back'), remoteAddress);
    pair.clock.advance(1 * MS);
    expect(alice.packets.map((packet) => packet.text)).toEqual(['back']);
    expect(localAddress.toString()).toBe(to.replace('tun0', 'tun1'));
    // Nobody is told that the protocol is unreachable.
    expect(pair.drops()).toEqual({});
    expect([alice.socket.counters, bob.socket.counters]).toEqual([
      { sent: 2, received: 1, dropped: 0, errors: 0 },
      { sent: 1, received: 2, dropped: 0, errors: 0 },
    ]);
  });

  it('[S-013] without one the protocol is unreachable: a socket with a remote address is told', () => {
    const alice = open(pair.alice, { protocol: PROTOCOL, remoteAddress: '10.0.0.2' });
    const other = open(pair.alice, { protocol: PROTOCOL });
    alice.socket.send(bytesOf('hello there'));
    pair.clock.advance(1 * MS);
    expect(alice.errors.map(({ message, code }) => [code, message])).toEqual([
      ['EPROTONOSUPPORT', 'recvmsg EPROTONOSUPPORT 10.0.0.2'],
    ]);
    expect(other.errors).toEqual([]);
    const bob = open(pair.bob, { protocol: PROTOCOL, address: '10.0.0.2' });
    alice.socket.send(bytesOf('again'));
    pair.clock.advance(1 * MS);
    expect([alice.errors.length, bob.packets.length]).toEqual([1, 1]);
  });

  it.each(['10.0.0.2', 'fd00::2'])(
    '[S-007] to %s what is longer than the MTU goes in fragments, and comes whole',
    (to) => {
      const family = to.includes(':') ? 6 : 4;
      const bob = open(pair.bob, { protocol: PROTOCOL, family });
      const alice = open(pair.alice, { protocol: PROTOCOL, family });
      for (const length of [1481, 9000, 65_515]) {
        const bytes = Uint8Array.from({ length }, (_, i) => i * 7);
        expect(alice.socket.send(bytes, to)).toBe(true);
        pair.clock.advance(1 * MS);
        expect(Buffer.compare(bob.packets.at(-1)!.bytes.subarray(family === 4 ? 20 : 0), bytes)).toBe(0);
      }
      expect(bob.packets).toHaveLength(3);
      expect(pair.drops()).toEqual({});
    },
  );

  it('have a copy of what the stack itself takes: UDP goes on, echoes are answered', () => {
    const heard: string[] = [];
    const udp = alone.stack.udp.bind({ port: 7 }, { onMessage: (bytes) => heard.push(`udp ${bytes.length}`) });
    const rawUdp = open(alone.stack, { protocol: 17 });
    const rawIcmp = open(alone.stack, { protocol: 1 });
    const [source, destination] = [Address.parse('10.0.0.1'), Address.parse('10.0.0.2')];
    const datagram = formatUdp({ sourcePort: 9, destinationPort: 7, payload: bytesOf('hi') }, source, destination);
    const echo = formatIcmp({ type: 8, code: 0, rest: 0x0001_0002, payload: bytesOf('ping') });
    const both = [ipv4(datagram, { protocol: 17 }), ipv4(echo, { protocol: 1 })];
    alone.arrive(...both);
    expect(heard).toEqual(['udp 2']);
    expect([rawUdp.packets[0]!.bytes, rawIcmp.packets[0]!.bytes]).toEqual(both);
    const [reply] = alone.sent().map((bytes) => parseIpv4(bytes) as Ipv4Packet);
    expect(parseIcmp(reply!.payload)).toMatchObject({ type: 0, rest: 0x0001_0002 });
    udp.close();
    // As before, nobody listens there.
    alone.arrive(both[0]!);
    expect(alone.stack.statistics().drops).toMatchObject({ 'udp-no-listener': 1, 'icmp-error-sent': 1 });
    expect(rawUdp.packets.length).toBe(2);
  });

  it('hear what is for their address, from their peer, by their device', () => {
    const all = open(alone.stack, { protocol: PROTOCOL });
    const bound = open(alone.stack, { protocol: PROTOCOL, address: '127.0.0.1' });
    const connected = open(alone.stack, { protocol: PROTOCOL, remoteAddress: '10.0.0.7' });
    const inside = open(alone.stack, { protocol: PROTOCOL, device: 'lo' });
    const outside = open(alone.stack, { protocol: PROTOCOL, device: 'tun0' });
    const other = open(alone.stack, { protocol: PROTOCOL, family: 6 });
    alone.arrive(ipv4(bytesOf('a')), ipv4(bytesOf('b'), {}, '10.0.0.7'), ipv6(bytesOf('6'), PROTOCOL));
    all.socket.send(bytesOf('c'), '127.0.0.1');
    alone.clock.advance(0);
    const heard = [all, bound, connected, inside, outside, other].map((opened) =>
      opened.packets.map((packet) => packet.text).join(''),
    );
    expect(heard).toEqual(['abc', 'c', 'b', 'c', 'ab', '6']);
  });

  it('hear the groups that the host has joined, and broadcasts', () => {
    const raw = open(alone.stack, { protocol: PROTOCOL });
    const toGroup = ipv4(bytesOf('g'), {}, '10.0.0.1', '239.1.2.3');
    alone.arrive(toGroup);
    const bound = open(alone.stack, { protocol: PROTOCOL, address: '239.1.2.3' });
    bound.socket.join('239.1.2.3', '10.0.0.2');
    expect(codeOf(() => bound.socket.join('239.1.2.3', '10.0.0.2'))).toBe('EADDRINUSE');
    alone.arrive(toGroup, ipv4(bytesOf('b'), {}, '10.0.0.1', '10.0.0.255'));
    expect(raw.packets.map((packet) => packet.text)).toEqual(['g', 'b']);
    expect(bound.packets.map((packet) => packet.text)).toEqual(['g']);
    expect(bound.packets[0]!.info.localAddress.toString()).toBe('239.1.2.3');
    bound.socket.leave('239.1.2.3', '10.0.0.2');
    alone.arrive(toGroup);
    expect(bound.packets.length).toBe(1);
    // That of a UDP socket does as well, until it is gone.
    const udp = alone.stack.udp.bind({ port: 7 }, { onMessage: () => {} });
    udp.join('239.1.2.3', '10.0.0.2');
    alone.arrive(toGroup);
    expect(bound.packets.length).toBe(2);
    udp.close();
    const six = open(alone.stack, { protocol: PROTOCOL, family: 6 });
    six.socket.join('ff02::5%tun0');
    alone.arrive(
      ipv6(bytesOf('6'), PROTOCOL, 'fe80::1', 'ff02::5'),
      ipv6(bytesOf('7'), PROTOCOL, 'fe80::1', 'ff02::6'),
    );
    six.socket.close();
    expect(six.packets.map((packet) => `${packet.text} ${packet.info.remoteAddress}`)).toEqual(['6 fe80::1%tun0']);
    const refused: [string, string | undefined, string][] = [
      ['10.0.0.1', undefined, 'EINVAL'],
      ['ff02::5%tun0', undefined, 'EINVAL'],
      ['239.1.2.3', '10.0.0.77', 'ENODEV'],
    ];
    for (const [group, own, code] of refused) {
      expect([group, codeOf(() => raw.socket.join(group, own))]).toEqual([group, code]);
    }
    expect(codeOf(() => raw.socket.leave('239.1.2.3', '10.0.0.2'))).toBe('EADDRNOTAVAIL');
    raw.socket.close();
    expect(codeOf(() => raw.socket.join('239.1.2.3', '10.0.0.2'))).toBe('EBADF');
  });

  it('send by their device and to groups with a TTL of 1; to broadcast addresses only on demand', () => {
    const { socket } = open(alone.stack, { protocol: PROTOCOL, device: 'tun0' });
    socket.send(bytesOf('x'), '239.1.2.3');
    socket.send(bytesOf('x'), '10.0.0.1');
    // What is the stack's own is inside.
    expect(codeOf(() => socket.send(bytesOf('x'), '10.0.0.2'))).toBe('ENETUNREACH');
    expect(codeOf(() => socket.send(bytesOf('x'), '10.0.0.255'))).toBe('EACCES');
    socket.set('broadcast', true);
    socket.set('multicastTtl', 0);
    socket.send(bytesOf('x'), '255.255.255.255');
    // RFC 1112 §6.1: stays inside.
    socket.send(bytesOf('x'), '239.1.2.3');
    expect(alone.sent().map((bytes) => parseIpv4(bytes))).toMatchObject([
      { ttl: 1, destination: { d: 0xef01_0203 | 0 } },
      { ttl: 64, destination: { d: 0x0a00_0001 } },
      { ttl: 64, destination: { d: -1 } },
    ]);
  });

  it('of ICMP may have the types that they want', () => {
    const errors = open(alone.stack, { protocol: 1, icmpTypes: [3, 11] });
    const message = (type: number): Uint8Array =>
      ipv4(formatIcmp({ type, code: 0, rest: 0, payload: bytesOf('12345678') }), { protocol: 1 });
    alone.arrive(message(8), message(11), message(13), ipv4(NOTHING, { protocol: 1 }));
    expect(errors.packets.map(({ payload }) => payload[0])).toEqual([11]);
    errors.socket.set('icmpTypes', undefined);
    alone.arrive(message(8));
    expect(errors.packets.map(({ payload }) => payload[0])).toEqual([11, 8]);
    expect(codeOf(() => open(alone.stack, { protocol: 17, icmpTypes: [3] }))).toBe('ERR_INVALID_ARG_VALUE');
  });

  it('RFC 3542 §3.1: the checksum of ICMPv6 is filled in and checked, those of others where they say', () => {
    const { socket, packets } = open(alone.stack, { protocol: 58 });
    expect(packets).toEqual([]);
    expect(socket.family).toBe(4);
    const icmp = open(alone.stack, { protocol: 58, family: 6 });
    const ospf = open(alone.stack, { protocol: 89, family: 6, checksumOffset: 12 });
    const [source, destination] = [Address.parse('fd00::2'), Address.parse('fd00::1')];
    const echo = formatIcmpv6({ type: 128, code: 0, rest: 7, payload: bytesOf('abc') }, source, destination);
    const blank = echo.slice();
    blank.fill(0xee, 2, 4);
    icmp.socket.send(blank, 'fd00::1');
    ospf.socket.send(new Uint8Array(14).fill(1), 'fd00::1');
    expect(codeOf(() => ospf.socket.send(new Uint8Array(13), 'fd00::1'))).toBe('EINVAL');
    const [first, second] = alone.sent().map((bytes) => parseIpv6(bytes) as { payload: Uint8Array });
    expect(first!.payload).toEqual(echo);
    // The answer goes the other way, so that the same checksum is right.
    alone.arrive(ipv6(second!.payload, 89), ipv6(new Uint8Array(14).fill(1), 89), ipv6(new Uint8Array(13), 89));
    expect(ospf.packets.map(({ payload }) => payload)).toEqual([second!.payload]);
    alone.arrive(ipv6(echo, 58), ipv6(blank, 58));
    expect(icmp.packets.map(({ payload }) => payload)).toEqual([echo]);
    const { drops } = alone.stack.statistics();
    expect(drops).toMatchObject({ 'raw-bad-checksum': 2, 'raw-truncated': 1, 'icmpv6-bad-checksum': 1 });
  });

  it('hold so much, and count what they could not', () => {
    const raw = open(alone.stack, { protocol: PROTOCOL, receiveBuffer: 3 * (256 + 120) });
    const packets = Array.from({ length: 5 }, () => ipv4(new Uint8Array(100)));
    alone.arrive(...packets);
    expect([raw.packets.length, raw.socket.counters.dropped]).toEqual([3, 2]);
    expect(alone.stack.statistics().drops).toEqual({ 'raw-receive-buffer-full': 2 });
    expect(alone.stack.statistics().memory.used).toBe(0);
    alone.arrive(...packets);
    expect(raw.packets.length).toBe(6);
  });

  it('say when the queue is full, and when there is room again', () => {
    alone.link.room = 0;
    const raw = open(alone.stack, { protocol: PROTOCOL });
    let sent = 0;
    while (raw.socket.send(new Uint8Array(1400), '10.0.0.1')) sent++;
    expect(sent).toBeGreaterThan(100);
    alone.clock.advance(0);
    expect(raw.writable).toBe(0);
    alone.link.unblock();
    alone.clock.advance(0);
    expect([raw.writable, alone.sent().length]).toEqual([1, sent]);
    expect(raw.socket.counters.sent).toBe(sent);
  });

  it('know what they cannot do', () => {
    const { socket } = open(alone.stack, { protocol: PROTOCOL });
    const bytes = bytesOf('x');
    expect(codeOf(() => socket.send(bytes))).toBe('EDESTADDRREQ');
    expect(codeOf(() => socket.send(bytes, 'fd00::1'))).toBe('EAFNOSUPPORT');
    expect(codeOf(() => socket.send(new Uint8Array(65_516), '10.0.0.1'))).toBe('EMSGSIZE');
    const dontFragment = true;
    expect(codeOf(() => socket.send(new Uint8Array(1481), '10.0.0.1', { dontFragment }))).toBe('EMSGSIZE');
    expect(codeOf(() => socket.send(new Uint8Array(1480), '10.0.0.1', { dontFragment }))).toBe('nothing');
    expect(codeOf(() => socket.send(bytes, '10.0.0.1', { dontFragment: 1 as never }))).toBe('ERR_INVALID_ARG_TYPE');
    socket.set('dontFragment', true);
    expect(codeOf(() => socket.send(new Uint8Array(1481), '10.0.0.1'))).toBe('EMSGSIZE');
    expect(codeOf(() => socket.send(bytes, '10.0.0.1', { ttl: 256 }))).toBe('ERR_OUT_OF_RANGE');
    // 0 is this host only: of a group.
    expect(codeOf(() => socket.send(bytes, '10.0.0.1', { ttl: 0 }))).toBe('ERR_OUT_OF_RANGE');
    expect(socket.send(bytes, '224.0.0.9', { ttl: 0 })).toBe(true);
    expect(codeOf(() => socket.send(bytes, '10.0.0.1', { hops: 3 } as never))).toBe('ERR_INVALID_ARG_VALUE');
    expect(codeOf(() => socket.send('x' as never, '10.0.0.1'))).toBe('ERR_INVALID_ARG_TYPE');
    expect(codeOf(() => socket.set('headerIncluded' as never, true as never))).toBe('ERR_INVALID_ARG_VALUE');
    const connected = open(alone.stack, { protocol: PROTOCOL, remoteAddress: '10.0.0.1' });
    expect(codeOf(() => connected.socket.send(bytes, '10.0.0.1'))).toBe('EISCONN');
    alone.link.setUp(false);
    expect(codeOf(() => connected.socket.send(bytes))).toBe('ENETDOWN');
    connected.socket.close();
    expect(codeOf(() => connected.socket.send(bytes))).toBe('EBADF');
    const refused: [RawOpenOptions, string][] = [
      [{ protocol: 0 }, 'ERR_OUT_OF_RANGE'],
      [{ protocol: 256 }, 'ERR_OUT_OF_RANGE'],
      [{ protocol: '1' as never }, 'ERR_INVALID_ARG_TYPE'],
      [{ protocol: 1, family: 5 as never }, 'ERR_INVALID_ARG_VALUE'],
      [{ protocol: 1, family: 6, address: '10.0.0.2' }, 'ERR_INVALID_ARG_VALUE'],
      [{ protocol: 1, address: '10.0.0.2', remoteAddress: 'fd00::1' }, 'ERR_INVALID_ARG_VALUE'],
      [{ protocol: 1, address: '10.0.0.3' }, 'EADDRNOTAVAIL'],
      [{ protocol: 1, address: 'fe80::2' }, 'EINVAL'],
      [{ protocol: 1, device: 'eth9' }, 'ENODEV'],
      [{ protocol: 1, remoteAddress: 'fd01::1' }, 'ENETUNREACH'],
      [{ protocol: 1, remoteAddress: '10.0.0.255' }, 'EACCES'],
      [{ protocol: 1, checksumOffset: 2 }, 'ERR_INVALID_ARG_VALUE'],
      [{ protocol: 58, family: 6, checksumOffset: 2 }, 'ERR_INVALID_ARG_VALUE'],
      [{ protocol: 89, family: 6, checksumOffset: 3 }, 'ERR_OUT_OF_RANGE'],
      [{ protocol: 89, family: 6, headerIncluded: true }, 'ERR_INVALID_ARG_VALUE'],
      [{ protocol: 89, transparent: true }, 'ERR_INVALID_ARG_VALUE'],
      [{ protocol: 89, headers: true } as never, 'ERR_INVALID_ARG_VALUE'],
    ];
    for (const [options, code] of refused)
      expect([options, codeOf(() => open(alone.stack, options))]).toEqual([options, code]);
    expect(codeOf(() => alone.stack.raw.open({ protocol: 1 }, {} as never))).toBe('ERR_INVALID_ARG_TYPE');
    expect(codeOf(() => alone.stack.raw.open({ protocol: 1 }, { onMessage: () => {} } as never))).toBe(
      'ERR_INVALID_ARG_VALUE',
    );
    expect(alone.stack.statistics().raw.sockets).toBe(1);
  });

  it('follow the stack’s addresses: what is taken away is no source any more', () => {
    const free = open(alone.stack, { protocol: PROTOCOL });
    const bound = open(alone.stack, { protocol: PROTOCOL, address: '10.0.0.2' });
    const pinging = openPing(alone.stack, { remoteAddress: '10.0.0.1' });
    const sources = (): string[] => alone.sent().map((bytes) => String((parseIpv4(bytes) as Ipv4Packet).source));
    const send = (): void => {
      free.socket.send(bytesOf('x'), '10.0.0.1');
      pinging.socket.send([]);
    };
    send();
    bound.socket.send(bytesOf('x'), '10.0.0.1');
    expect(sources()).toEqual(['10.0.0.2', '10.0.0.2', '10.0.0.2']);
    const { network } = alone.stack.interfaces.find(({ name }) => name === 'tun0')!;
    network.removeAddress('10.0.0.2');
    network.addAddress('10.0.0.3/24');
    send();
    expect(sources()).toEqual(['10.0.0.3', '10.0.0.3']);
    expect(pinging.socket.localAddress.toString()).toBe('10.0.0.3');
    expect(codeOf(() => bound.socket.send(bytesOf('x'), '10.0.0.1'))).toBe('EADDRNOTAVAIL');
  });

  it('are unrest while they are open, end with the stack, and count towards the life of the process as others do', async () => {
    const raw = open(alone.stack, { protocol: PROTOCOL });
    expect(() => alone.stack.assertQuiescent()).toThrow('a raw socket is open, 0.0.0.0 → anywhere');
    raw.socket.close();
    raw.socket.close();
    alone.stack.assertQuiescent();
    const other = open(alone.stack, { protocol: PROTOCOL });
    alone.arrive(ipv4(bytesOf('x')));
    await alone.end();
    expect([raw.closed, other.closed, other.socket.closed]).toEqual([0, 1, true]);
    expect(codeOf(() => open(alone.stack, { protocol: PROTOCOL }))).toBe('ERR_INVALID_STATE');
  });

  it('what a callback throws costs no other its packet', () => {
    const texts: string[] = [];
    alone.stack.raw.open(
      { protocol: PROTOCOL },
      {
        onPacket: (bytes, { offset }) => {
          texts.push(new TextDecoder().decode(bytes.subarray(offset)));
          if (texts.length === 1) throw new Error('mine');
        },
      },
    );
    const other = open(alone.stack, { protocol: PROTOCOL });
    expect(() => alone.arrive(ipv4(bytesOf('a')), ipv4(bytesOf('b')))).toThrow('mine');
    alone.clock.advance(0);
    expect([texts, other.packets.length]).toEqual([['a', 'b'], 2]);
  });
});

describe('headerIncluded', () => {
  it('sends what the program made: length, checksum, source and identification are filled in as raw(7) says', () => {
    const { socket } = open(alone.stack, { protocol: 255 });
    expect(socket.get('headerIncluded')).toBe(true);
    const made = ipv4(
      bytesOf('payload'),
      { protocol: 47, ttl: 3, dontFragment: false, checksum: 0xdead },
      '0.0.0.0',
      '10.0.0.1',
    );
    made.fill(0xee, 2, 4);
    socket.send([made.subarray(0, 10), made.subarray(10)]);
    const [sent] = alone.sent().map((bytes) => parseIpv4(bytes) as Ipv4Packet);
    expect(sent).toMatchObject({ protocol: 47, ttl: 3, payload: bytesOf('payload'), dontFragment: false });
    expect([sent!.source, sent!.destination].map(String)).toEqual(['10.0.0.2', '10.0.0.1']);
    expect(sent!.identification).not.toBe(0);
    // What is set stays, options too, and [S-043] the identification of what is never fragmented means nothing.
    const own = ipv4(
      bytesOf('x'),
      { identification: 7, dontFragment: false, options: Uint8Array.of(148, 4, 0, 0) },
      '10.0.0.2',
      '10.0.0.1',
    );
    const atomic = ipv4(bytesOf('y'), {}, '10.0.0.2', '10.0.0.1');
    socket.send(own);
    socket.send(atomic);
    expect(alone.sent()).toEqual([own, atomic]);
  });

  it('the address says which way it goes, the header where to', () => {
    const [first, second] = [
      open(alone.stack, { protocol: PROTOCOL, headerIncluded: true }),
      open(alone.stack, { protocol: PROTOCOL }),
    ];
    first.socket.send(ipv4(bytesOf('x'), {}, '10.0.0.2', '192.0.2.1'), '127.0.0.1');
    first.socket.send(ipv4(bytesOf('y'), {}, '10.0.0.2', '10.0.0.2'));
    alone.clock.advance(0);
    expect(second.packets.map((packet) => packet.text)).toEqual(['y']);
    expect(alone.stack.statistics().drops).toEqual({ 'ipv4-not-for-us': 1 });
  });

  it('the source is one of the stack’s, unless the socket is transparent', () => {
    const strange = ipv4(bytesOf('x'), {}, '192.0.2.9', '10.0.0.1');
    const { socket } = open(alone.stack, { protocol: PROTOCOL, headerIncluded: true });
    // What is said of one packet stands in its header.
    for (const options of [{ ttl: 5 }, { trafficClass: 0 }, { dontFragment: true }]) {
      expect(codeOf(() => socket.send(new Uint8Array(20), '10.0.0.1', options))).toBe('ERR_INVALID_ARG_VALUE');
    }
    expect(codeOf(() => socket.send(strange))).toBe('EADDRNOTAVAIL');
    expect(codeOf(() => socket.send(ipv4(bytesOf('x'), {}, '127.0.0.1', '10.0.0.1')))).toBe('EINVAL');
    const transparent = open(alone.stack, { protocol: PROTOCOL, headerIncluded: true, transparent: true });
    transparent.socket.send(strange);
    expect(alone.sent()).toEqual([strange]);
  });

  it('refuses what is no packet, is too long or broadcast', () => {
    const { socket } = open(alone.stack, { protocol: PROTOCOL, headerIncluded: true });
    const long = ipv4(bytesOf('x'), {}, '10.0.0.2', '10.0.0.1');
    long[0] = 0x4f;
    const six = long.slice();
    six[0] = 0x65;
    for (const bytes of [NOTHING, new Uint8Array(19), long, six])
      expect(codeOf(() => socket.send(bytes))).toBe('EINVAL');
    expect(codeOf(() => socket.send(ipv4(new Uint8Array(1481), {}, '10.0.0.2', '10.0.0.1')))).toBe('EMSGSIZE');
    expect(codeOf(() => socket.send(ipv4(bytesOf('x'), {}, '10.0.0.2', '10.0.0.255')))).toBe('EACCES');
    expect(alone.sent()).toEqual([]);
    alone.stack.raw.sockets[0]!.close();
    alone.stack.assertQuiescent();
  });
});
