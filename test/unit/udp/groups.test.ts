import { describe, expect, it } from 'vitest';
import { Groups } from '../../../src/udp/groups.ts';
import { Address } from '../../../src/wire/address.ts';
import { address, LOCAL, PEER, udpPacket } from '../ip/fixture.ts';
import { bytesOf, texts, UdpBench } from './fixture.ts';

const GROUP = address('239.1.2.3');
const SOURCE = address('10.0.0.9');
const OTHER = address('10.0.0.8');
const PEER_ADDRESS = address(PEER);

describe('Groups', () => {
  it('hears a group from its first member to its last, on one interface', () => {
    const groups = new Groups<string>(() => {});
    expect(groups.heard(GROUP, 1, SOURCE)).toBe(false);
    expect([groups.join('a', GROUP, 1), groups.join('b', GROUP, 1)]).toEqual([undefined, undefined]);
    expect(groups.join('a', GROUP, 1)).toBe('EADDRINUSE');
    expect([groups.heard(GROUP, 1, SOURCE), groups.heard(GROUP, 2, SOURCE)]).toEqual([true, false]);
    expect(groups.leave('a', GROUP, 1)).toBeUndefined();
    expect(groups.leave('a', GROUP, 1)).toBe('EADDRNOTAVAIL');
    expect(groups.heard(GROUP, 1, SOURCE)).toBe(true);
    groups.forget('b');
    expect(groups.heard(GROUP, 1, SOURCE)).toBe(false);
  });

  it('hears the group of all hosts always', () => {
    expect(new Groups<string>(() => {}).heard(address('224.0.0.1'), 1, SOURCE)).toBe(true);
  });

  it('keeps to the sources that a member chose', () => {
    const groups = new Groups<string>(() => {});
    expect(groups.leaveSource('a', GROUP, 1, SOURCE)).toBe('EINVAL');
    groups.join('a', GROUP, 1);
    expect(groups.leaveSource('a', GROUP, 1, SOURCE)).toBe('EADDRNOTAVAIL');
    expect(groups.joinSource('a', GROUP, 1, SOURCE)).toBeUndefined();
    expect(groups.joinSource('a', GROUP, 1, SOURCE)).toBe('EADDRNOTAVAIL');
    expect([groups.heard(GROUP, 1, SOURCE), groups.heard(GROUP, 1, OTHER)]).toEqual([true, false]);
    expect([groups.admits('a', GROUP, 1, OTHER), groups.admits('b', GROUP, 1, OTHER)]).toEqual([false, true]);
    expect(groups.leaveSource('a', GROUP, 1, OTHER)).toBe('EADDRNOTAVAIL');
    expect(groups.leaveSource('a', GROUP, 1, SOURCE)).toBeUndefined();
    expect(groups.leaveSource('a', GROUP, 1, SOURCE)).toBe('EINVAL');
  });
});

describe('Groups tell what an interface is to hear', () => {
  function told(): { groups: Groups<string>; states: string[] } {
    const states: string[] = [];
    const groups = new Groups<string>((index, group, { exclude, sources }) =>
      states.push(`${index} ${group} ${exclude ? 'EXCLUDE' : 'INCLUDE'} (${sources.join(', ')})`),
    );
    return { groups, states };
  }

  it('[S-022] RFC 3376 §3.2: of all members together, whenever one changes', () => {
    const { groups, states } = told();
    groups.joinSource('a', GROUP, 1, SOURCE);
    groups.joinSource('b', GROUP, 1, OTHER);
    groups.join('c', GROUP, 1);
    groups.blockSource('c', GROUP, 1, SOURCE);
    groups.blockSource('c', GROUP, 1, PEER_ADDRESS);
    groups.leave('a', GROUP, 1);
    groups.forget('c');
    groups.leaveSource('b', GROUP, 1, OTHER);
    expect(states).toEqual([
      `1 ${GROUP} INCLUDE (${SOURCE})`,
      `1 ${GROUP} INCLUDE (${SOURCE}, ${OTHER})`,
      `1 ${GROUP} EXCLUDE ()`,
      // One excludes the source, another includes it.
      `1 ${GROUP} EXCLUDE ()`,
      `1 ${GROUP} EXCLUDE (${PEER})`,
      `1 ${GROUP} EXCLUDE (${SOURCE}, ${PEER})`,
      `1 ${GROUP} INCLUDE (${OTHER})`,
      `1 ${GROUP} INCLUDE ()`,
    ]);
  });

  it('blocks sources of whoever hears all', () => {
    const { groups } = told();
    expect([groups.blockSource('a', GROUP, 1, SOURCE), groups.unblockSource('a', GROUP, 1, SOURCE)]).toEqual([
      'EINVAL',
      'EINVAL',
    ]);
    groups.join('a', GROUP, 1);
    expect(groups.unblockSource('a', GROUP, 1, SOURCE)).toBe('EADDRNOTAVAIL');
    expect(groups.blockSource('a', GROUP, 1, SOURCE)).toBeUndefined();
    expect(groups.blockSource('a', GROUP, 1, SOURCE)).toBe('EADDRNOTAVAIL');
    expect([groups.heard(GROUP, 1, SOURCE), groups.heard(GROUP, 1, OTHER)]).toEqual([false, true]);
    expect([groups.hears('a', GROUP, 1, SOURCE), groups.hears('a', GROUP, 1, OTHER)]).toEqual([false, true]);
    // As Linux: whoever excludes can't include.
    expect(groups.joinSource('a', GROUP, 1, OTHER)).toBe('EINVAL');
    expect(groups.leaveSource('a', GROUP, 1, OTHER)).toBe('EINVAL');
    expect(groups.unblockSource('a', GROUP, 1, SOURCE)).toBeUndefined();
    expect(groups.heard(GROUP, 1, SOURCE)).toBe(true);
    groups.joinSource('a', GROUP, 1, OTHER);
    expect(groups.blockSource('a', GROUP, 1, SOURCE)).toBe('EINVAL');
  });

  it('has the bounds of Linux: 20 groups and 10 sources of IPv4, 64 sources of IPv6', () => {
    const { groups } = told();
    const nth = (n: number): Address => Address.fromIpv4(0xef00_0100 + n);
    for (let n = 0; n < 20; n++) expect(groups.join('a', nth(n), 1)).toBeUndefined();
    expect([groups.join('a', nth(20), 1), groups.join('a', nth(20), 2)]).toEqual(['ENOBUFS', 'ENOBUFS']);
    expect([groups.joinSource('a', nth(20), 1, SOURCE), groups.join('a', nth(19), 1)]).toEqual([
      'ENOBUFS',
      'EADDRINUSE',
    ]);
    expect([groups.join('b', nth(20), 1), groups.join('a', address('ff05::1'), 1)]).toEqual([undefined, undefined]);
    for (let n = 0; n < 10; n++) expect(groups.joinSource('c', GROUP, 1, nth(n))).toBeUndefined();
    expect(groups.joinSource('c', GROUP, 1, nth(10))).toBe('ENOBUFS');
    const group6 = address('ff05::2');
    for (let n = 1; n <= 64; n++) expect(groups.joinSource('c', group6, 1, address(`fd00::${n}`))).toBeUndefined();
    expect(groups.joinSource('c', group6, 1, address('fd00::65'))).toBe('ENOBUFS');
    groups.leave('a', nth(3), 1);
    expect(groups.join('a', nth(20), 1)).toBeUndefined();
  });

  it('an interface that is gone takes its groups along', () => {
    const { groups, states } = told();
    groups.join('a', GROUP, 1);
    groups.join('a', GROUP, 2);
    states.length = 0;
    groups.forgetInterface(1);
    expect([groups.heard(GROUP, 1, SOURCE), groups.heard(GROUP, 2, SOURCE)]).toEqual([false, true]);
    expect(groups.leave('a', GROUP, 1)).toBe('EADDRNOTAVAIL');
    expect(states).toEqual([]);
  });
});

describe('a socket and its groups', () => {
  const arriving = udpPacket({ payload: bytesOf('x') }, { destination: String(GROUP) });

  it('hears a group while it is joined', () => {
    const bench = new UdpBench();
    const listened = bench.bind(7);
    const { socket } = listened;
    bench.arrive(arriving);
    socket.join(GROUP, LOCAL);
    bench.arrive(arriving);
    socket.leave(GROUP, LOCAL);
    bench.arrive(arriving);
    socket.join(GROUP, LOCAL, PEER);
    bench.arrive(arriving);
    socket.leave(GROUP, LOCAL, PEER);
    socket.join(GROUP, LOCAL, '10.0.0.77');
    bench.arrive(arriving);
    bench.turn();
    expect(texts(listened)).toEqual(['x', 'x']);
  });

  it('refuses what is no group and what is no interface', () => {
    const { socket } = new UdpBench().bind(7);
    expect(() => socket.join(PEER, LOCAL)).toThrow(expect.objectContaining({ code: 'EINVAL' }));
    expect(() => socket.join(GROUP, PEER)).toThrow(expect.objectContaining({ code: 'ENODEV' }));
    expect(() => socket.leave(GROUP, LOCAL)).toThrow(expect.objectContaining({ code: 'EADDRNOTAVAIL' }));
    expect(() => socket.multicastFrom(PEER)).toThrow(expect.objectContaining({ code: 'EADDRNOTAVAIL' }));
    socket.close();
    expect(() => socket.join(GROUP, LOCAL)).toThrow(expect.objectContaining({ code: 'EBADF' }));
  });

  it('sends by the interface chosen, and with a TTL of 0 nothing that leaves the host', () => {
    const bench = new UdpBench();
    const { socket } = bench.bind(7);
    socket.multicastFrom(LOCAL);
    socket.set('multicastTtl', 0);
    expect(socket.send(bytesOf('stays'), 53, GROUP)).toBe(true);
    socket.set('multicastTtl', 2);
    socket.send(bytesOf('goes'), 53, GROUP);
    expect(bench.sentPackets().map(({ ip }) => [String(ip.source), ip.ttl])).toEqual([[LOCAL, 2]]);
  });

  it('blocks a source and hears it again', () => {
    const bench = new UdpBench();
    const listened = bench.bind(7);
    const { socket } = listened;
    expect(() => socket.block(GROUP, PEER, LOCAL)).toThrow(
      expect.objectContaining({ code: 'EINVAL', syscall: 'block' }),
    );
    socket.join(GROUP, LOCAL);
    socket.block(GROUP, PEER, LOCAL);
    bench.arrive(arriving);
    socket.unblock(GROUP, PEER, LOCAL);
    expect(() => socket.unblock(GROUP, PEER, LOCAL)).toThrow(expect.objectContaining({ code: 'EADDRNOTAVAIL' }));
    bench.arrive(arriving);
    bench.turn();
    expect(texts(listened)).toEqual(['x']);
  });
});

describe('what a socket sends to a group', () => {
  it('reaches members on the interface that it leaves by, once, also in pieces', () => {
    const bench = new UdpBench();
    const receiver = bench.bind(7);
    const { socket } = bench.bind(9);
    socket.multicastFrom(LOCAL);
    socket.set('dscp', 10);
    socket.set('multicastTtl', 3);
    socket.send(bytesOf('nobody'), 7, GROUP);
    receiver.socket.join(GROUP, LOCAL);
    socket.send([bytesOf('in '), bytesOf('pieces')], 7, GROUP);
    socket.send(bytesOf('whole'), 7, GROUP);
    socket.send(bytesOf('elsewhere'), 8, GROUP);
    bench.turn();
    expect(texts(receiver)).toEqual(['in pieces', 'whole']);
    const { remoteAddress, remotePort, localAddress, size, ttl, trafficClass } = receiver.messages[0]!.info;
    expect([String(remoteAddress), remotePort, String(localAddress), size, ttl, trafficClass]).toEqual([
      LOCAL,
      9,
      String(GROUP),
      9,
      3,
      40,
    ]);
    // It leaves, too, behind the report.
    expect(bench.sentPackets().filter(({ udp }) => udp !== undefined)).toHaveLength(4);
    expect(bench.counters.snapshot()).toEqual({});
  });

  it('reaches the sender itself where it is a member, not members on another interface', () => {
    const bench = new UdpBench();
    const self = bench.bind(7);
    const other = bench.bind(7);
    self.socket.join(GROUP, LOCAL);
    other.socket.join('239.9.9.9', '127.0.0.1');
    self.socket.multicastFrom(LOCAL);
    self.socket.send(bytesOf('to myself'), 7, GROUP);
    self.socket.send(bytesOf('to lo’s members'), 7, '239.9.9.9');
    bench.turn();
    // As Linux (IP_MULTICAST_ALL): who has not joined hears what the host hears.
    expect([texts(self), texts(other)]).toEqual([['to myself'], ['to myself']]);
  });

  it('is heard by its source, as by others', () => {
    const bench = new UdpBench();
    const receiver = bench.bind(7);
    receiver.socket.join(GROUP, LOCAL, PEER);
    const { socket } = bench.bind(9);
    socket.multicastFrom(LOCAL);
    socket.send(bytesOf('not asked for'), 7, GROUP);
    receiver.socket.join(GROUP, LOCAL, LOCAL);
    socket.send(bytesOf('asked for'), 7, GROUP);
    bench.turn();
    expect(texts(receiver)).toEqual(['asked for']);
  });

  it('does not where multicastLoopback is false', () => {
    const bench = new UdpBench();
    const receiver = bench.bind(7);
    receiver.socket.join(GROUP, LOCAL);
    const { socket } = bench.bind(9, { multicastLoopback: false });
    socket.multicastFrom(LOCAL);
    socket.send(bytesOf('away'), 7, GROUP);
    bench.turn();
    expect(texts(receiver)).toEqual([]);
    expect(bench.sentPackets().filter(({ udp }) => udp !== undefined)).toHaveLength(1);
  });

  it('[S-022] RFC 1112 §6.1: with a TTL of 0, and of interface-local scope, reaches these alone', () => {
    const bench = new UdpBench({ addresses: [`${LOCAL}/24`, 'fe80::2/64'] });
    const receiver = bench.bind(7);
    const receiver6 = bench.bind(8, { address: '::' });
    receiver.socket.join(GROUP, LOCAL);
    receiver6.socket.join('ff01::5', '::%eth0');
    const { socket } = bench.bind(9, { multicastTtl: 0 });
    socket.multicastFrom(LOCAL);
    socket.send(bytesOf('inside'), 7, GROUP);
    const sender6 = bench.bind(9, { address: '::' }).socket;
    sender6.multicastFrom('::%eth0');
    sender6.send(bytesOf('inside, too'), 8, 'ff01::5');
    bench.turn();
    expect([texts(receiver), texts(receiver6)]).toEqual([['inside'], ['inside, too']]);
    expect(bench.sentPackets().filter(({ udp }) => udp !== undefined)).toEqual([]);
  });

  it('to a broadcast address reaches the sockets of this host (Linux: ip_mc_output)', () => {
    const bench = new UdpBench();
    const receiver = bench.bind(7);
    const { socket } = bench.bind(9, { broadcast: true, multicastLoopback: false });
    socket.send(bytesOf('all'), 7, '10.0.0.255');
    bench.turn();
    expect(texts(receiver)).toEqual(['all']);
    expect(bench.sent()).toHaveLength(1);
  });
});
