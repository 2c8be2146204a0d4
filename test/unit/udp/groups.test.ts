import { describe, expect, it } from 'vitest';
import { Groups } from '../../../src/udp/groups.ts';
import { address, LOCAL, PEER, udpPacket } from '../ip/fixture.ts';
import { bytesOf, texts, UdpBench } from './fixture.ts';

const GROUP = address('239.1.2.3');
const SOURCE = address('10.0.0.9');
const OTHER = address('10.0.0.8');

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
});
