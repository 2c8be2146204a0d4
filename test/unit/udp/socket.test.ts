import { describe, expect, it } from 'vitest';
import { Checksum } from '../../../src/buffer/batch.ts';
import { TransmitQueue } from '../../../src/buffer/transmit-queue.ts';
import { resolveUdpOptions } from '../../../src/udp/options.ts';
import { UdpSocket } from '../../../src/udp/socket.ts';
import { transportChecksum } from '../../../src/wire/checksum.ts';
import { viewOf } from '../../support/wire.ts';
import { address, FAR, LOCAL, pattern, PEER, udpPacket } from '../ip/fixture.ts';
import { bytesOf, texts, UdpBench } from './fixture.ts';

const coded = (code: string): object => expect.objectContaining({ code });

describe('UdpSocket.send', () => {
  it('sends to the address and port it is told', () => {
    const bench = new UdpBench();
    const { socket } = bench.bind(7000, { ttl: 9, dscp: 46 });
    expect(socket.send(bytesOf('hello'), 53, FAR)).toBe(true);
    const { ip, udp } = bench.sentPackets()[0]!;
    expect([String(ip.source), String(ip.destination), ip.ttl, ip.trafficClass]).toEqual([LOCAL, FAR, 9, 184]);
    expect(udp).toEqual({ sourcePort: 7000, destinationPort: 53, payload: bytesOf('hello') });
    expect(socket.counters.sent).toBe(1);
    expect(String(socket.localAddress)).toBe('0.0.0.0');
  });

  it('copies: the buffer may be reused at once; pieces become one message', () => {
    const bench = new UdpBench();
    const { socket } = bench.bind(7000);
    const pieces = [pattern(100), bytesOf(''), pattern(57)];
    socket.send(pieces, 53, address(PEER));
    pieces[0]!.fill(0);
    expect(bench.sentPackets()[0]!.udp!.payload).toEqual(Uint8Array.from([...pattern(100), ...pattern(57)]));
  });

  it('leaves the checksum to a link that completes it', () => {
    const bench = new UdpBench({ offload: { checksum: true, tso: 0, uso: 0 } });
    bench.bind(7000).socket.send(bytesOf('abc'), 53, PEER);
    expect(bench.eth0.queue.batch.checksum[0]).toBe(Checksum.partial);
    const field = new DataView(bench.sent()[0]!.buffer).getUint16(26);
    expect(field).toBe(0x0a00 + 2 + 0x0a00 + 1 + 17 + 11);
  });

  it('returns false on a full queue and tells when there is room', () => {
    const bench = new UdpBench({ queue: new TransmitQueue({ limit: 2000 }) });
    const listened = bench.bind(7000);
    expect(listened.socket.send(pattern(1400), 53, PEER)).toBe(true);
    expect(listened.socket.send(pattern(1400), 53, PEER)).toBe(false);
    expect(listened.socket.counters.sent).toBe(1);
    expect([...bench.waiting]).toEqual([listened.socket]);
    expect(bench.sent()).toHaveLength(1);
    listened.socket.writable();
    bench.turn();
    expect(listened.writable).toBe(1);
    expect(listened.socket.send(pattern(1400), 53, PEER)).toBe(true);
  });

  it('knows the largest message', () => {
    const bench = new UdpBench();
    const { socket } = bench.bind(7000);
    expect(socket.send(pattern(65_507), 53, LOCAL)).toBe(true);
    expect(() => socket.send(pattern(65_508), 53, LOCAL)).toThrow(coded('EMSGSIZE'));
    expect(bench.sent(bench.lo)[0]).toHaveLength(65_535);
    expect(socket.send(pattern(65_507), 53, PEER)).toBe(true);
    expect(() => socket.send(pattern(65_508), 53, PEER)).toThrow(coded('EMSGSIZE'));
    expect(bench.sent()).toHaveLength(Math.ceil(65_515 / 1480));
  });

  it('[S-030] dontFragment holds messages to one packet, also after a path MTU was learnt', () => {
    const bench = new UdpBench();
    const { socket } = bench.bind(7000, { dontFragment: true });
    expect(socket.send(pattern(1472), 53, PEER)).toBe(true);
    expect(() => socket.send(pattern(1473), 53, PEER)).toThrow(coded('EMSGSIZE'));
    socket.set('dontFragment', false);
    expect(socket.send(pattern(1473), 53, PEER)).toBe(true);
    expect(bench.sentPackets().map(({ ip }) => [ip.dontFragment, ip.moreFragments])).toEqual([
      [true, false],
      [false, true],
      [false, false],
    ]);
    socket.set('dontFragment', true);
    const path = bench.path(undefined, address(PEER));
    if (typeof path === 'string') throw new Error(path);
    path.limitMtu(1000);
    expect(socket.send(pattern(972), 53, PEER)).toBe(true);
    expect(() => socket.send(pattern(973), 53, PEER)).toThrow(coded('EMSGSIZE'));
  });

  it('a long message finds room for all its fragments, or none is sent', () => {
    const bench = new UdpBench({ queue: new TransmitQueue({ limit: 8000 }) });
    const { socket } = bench.bind(7000);
    expect(socket.send(pattern(1400), 53, PEER)).toBe(true);
    expect(socket.send(pattern(6000), 53, PEER)).toBe(false);
    expect([...bench.waiting]).toEqual([socket]);
    expect(bench.sent()).toHaveLength(1);
    expect(socket.send(pattern(6000), 53, PEER)).toBe(true);
    expect(bench.sent()).toHaveLength(5);
    expect(socket.counters.sent).toBe(2);
  });

  it('completes the checksum of what goes in fragments, whatever the link does for others', () => {
    const bench = new UdpBench({ offload: { checksum: true, tso: 0, uso: 0 } });
    const { socket } = bench.bind(7000);
    socket.send(pattern(3000), 53, PEER);
    expect([...bench.eth0.queue.batch.checksum.subarray(0, 3)]).toEqual([Checksum.none, Checksum.none, Checksum.none]);
    const datagram = Uint8Array.from(bench.sent().flatMap((bytes) => [...bytes.subarray(20)]));
    expect(transportChecksum(viewOf(datagram), 0, datagram.length, address(LOCAL), address(PEER), 17)).toBe(0);
  });

  it("says why it cannot send, in Node's words", () => {
    const bench = new UdpBench();
    const { socket } = bench.bind(7000);
    expect(() => socket.send(bytesOf('x'))).toThrow(coded('EDESTADDRREQ'));
    expect(() => socket.send(bytesOf('x'), 53)).toThrow(coded('EDESTADDRREQ'));
    expect(() => socket.send(bytesOf('x'), 0, PEER)).toThrow(coded('ERR_SOCKET_BAD_PORT'));
    expect(() => socket.send(bytesOf('x'), 65_536, PEER)).toThrow(coded('ERR_SOCKET_BAD_PORT'));
    expect(() => socket.send(bytesOf('x'), 53, 'nowhere')).toThrow(coded('ERR_INVALID_ARG_VALUE'));
    expect(() => socket.send(bytesOf('x'), 53, 'fd00::1')).toThrow(coded('EAFNOSUPPORT'));
    expect(() => socket.send(bytesOf('x'), 53, '10.0.0.255')).toThrow(coded('EACCES'));
    expect(() => socket.send(bytesOf('x'), 53, '255.255.255.255')).toThrow(coded('EACCES'));
    bench.eth0.update({ up: false });
    expect(() => socket.send(bytesOf('x'), 53, PEER)).toThrow(coded('ENETDOWN'));
    bench.ip.routes.remove('0.0.0.0/0');
    expect(() => socket.send(bytesOf('x'), 53, FAR)).toThrow(
      expect.objectContaining({ code: 'ENETUNREACH', syscall: 'send', address: FAR, port: 53, errno: -101 }),
    );
    expect(bench.sent()).toEqual([]);
    expect(socket.counters.sent).toBe(0);
  });

  it('sends to broadcast addresses with the option', () => {
    const bench = new UdpBench();
    const { socket } = bench.bind(7000, { broadcast: true });
    socket.send(bytesOf('x'), 53, '10.0.0.255');
    socket.send(bytesOf('x'), 53, '255.255.255.255');
    expect(bench.sentPackets().map(({ ip }) => String(ip.destination))).toEqual(['10.0.0.255', '255.255.255.255']);
  });

  it('sends to groups with a TTL of their own', () => {
    const bench = new UdpBench();
    const { socket } = bench.bind(7000, { ttl: 99 });
    socket.send(bytesOf('x'), 53, '239.1.2.3');
    socket.set('multicastTtl', 5);
    socket.send(bytesOf('x'), 53, '239.1.2.3');
    expect(bench.sentPackets().map(({ ip }) => ip.ttl)).toEqual([1, 5]);
  });

  it('bound to a group or broadcast address sends from an address of its own', () => {
    const bench = new UdpBench();
    bench.bind(7000, { address: '239.1.2.3' }).socket.send(bytesOf('x'), 53, PEER);
    bench.bind(7001, { address: '10.0.0.255' }).socket.send(bytesOf('x'), 53, PEER);
    expect(bench.sentPackets().map(({ ip }) => String(ip.source))).toEqual([LOCAL, LOCAL]);
  });

  it('keeps the paths of its last destinations, and follows changed routes', () => {
    const bench = new UdpBench();
    const { socket } = bench.bind(7000);
    for (let i = 0; i < 30; i++) socket.send(bytesOf('x'), 53, i % 2 === 0 ? PEER : FAR);
    expect(bench.pathsMade).toBe(2);
    bench.ip.routes.remove('0.0.0.0/0');
    expect(() => socket.send(bytesOf('x'), 53, FAR)).toThrow(coded('ENETUNREACH'));
    bench.ip.routes.add('0.0.0.0/0', { via: PEER });
    expect(socket.send(bytesOf('x'), 53, FAR)).toBe(true);
    expect(bench.pathsMade).toBe(2);
  });

  it('reaches each of many destinations', () => {
    const bench = new UdpBench();
    const { socket } = bench.bind(7000);
    const remotes = Array.from({ length: 300 }, (_, i) => `192.0.2.${i % 250}`);
    for (const remote of remotes) socket.send(bytesOf('x'), 53, remote);
    expect(bench.sentPackets().map(({ ip }) => String(ip.destination))).toEqual(remotes);
  });
});

describe('UdpSocket.connect', () => {
  it('fixes the peer and the source address', () => {
    const bench = new UdpBench();
    const { socket } = bench.bind(7000);
    socket.connect(FAR, 53);
    expect(socket).toMatchObject({ connected: true, remotePort: 53, localPort: 7000 });
    expect([String(socket.localAddress), String(socket.remoteAddress)]).toEqual([LOCAL, FAR]);
    socket.send(bytesOf('x'));
    expect(bench.sentPackets()[0]!.udp).toMatchObject({ sourcePort: 7000, destinationPort: 53 });
    expect(() => socket.send(bytesOf('x'), 53, FAR)).toThrow(coded('EISCONN'));
    expect(() => socket.connect(FAR, 54)).toThrow(coded('EISCONN'));
  });

  it('receives from the peer alone until disconnected', () => {
    const bench = new UdpBench();
    const listened = bench.bind(7000);
    listened.socket.connect(PEER, 4000);
    bench.arrive(udpPacket({ destinationPort: 7000, payload: bytesOf('a') }));
    bench.arrive(udpPacket({ destinationPort: 7000, sourcePort: 4001, payload: bytesOf('b') }));
    bench.arrive(udpPacket({ destinationPort: 7000, payload: bytesOf('c') }, { source: '10.0.0.9' }));
    listened.socket.disconnect();
    expect(String(listened.socket.localAddress)).toBe('0.0.0.0');
    bench.arrive(udpPacket({ destinationPort: 7000, sourcePort: 4001, payload: bytesOf('d') }));
    bench.turn();
    expect(texts(listened)).toEqual(['a', 'd']);
    expect(() => listened.socket.disconnect()).toThrow(coded('ENOTCONN'));
  });

  it('gives its port back once disconnected, and takes one again to send or connect', () => {
    const bench = new UdpBench();
    const { socket } = bench.bind(7000);
    socket.connect(PEER, 53);
    expect(() => socket.releasePort()).toThrow(coded('EISCONN'));
    socket.disconnect();
    socket.releasePort();
    expect(socket.localPort).toBe(0);
    bench.nextPort = undefined;
    expect(() => socket.send(bytesOf('x'), 53, PEER)).toThrow(coded('EAGAIN'));
    expect(() => socket.connect(PEER, 53)).toThrow(coded('EAGAIN'));
    expect([socket.connected, socket.localPort, bench.sent().length]).toEqual([false, 0, 0]);
    bench.nextPort = 50_001;
    socket.send(bytesOf('x'), 53, PEER);
    expect(bench.sentPackets()[0]!.udp).toMatchObject({ sourcePort: 50_001 });
    socket.releasePort();
    bench.nextPort = 50_002;
    socket.connect(PEER, 53);
    expect(socket.localPort).toBe(50_002);
    socket.close();
    expect(() => socket.releasePort()).toThrow(coded('EBADF'));
  });

  it('says why it cannot connect', () => {
    const bench = new UdpBench();
    const { socket } = bench.bind(7000);
    expect(() => socket.connect('10.0.0.255', 53)).toThrow(coded('EACCES'));
    expect(() => socket.connect('fd00::1', 53)).toThrow(coded('EAFNOSUPPORT'));
    expect(() => socket.connect(PEER, 0)).toThrow(coded('ERR_SOCKET_BAD_PORT'));
    bench.ip.routes.remove('0.0.0.0/0');
    expect(() => socket.connect(FAR, 53)).toThrow(expect.objectContaining({ code: 'ENETUNREACH', syscall: 'connect' }));
    expect(socket.connected).toBe(false);
    expect(bench.sockets.has(socket)).toBe(true);
  });
});

describe('UdpSocket.deliver', () => {
  it('hands messages over in order, only in its turn, in memory of their own', () => {
    const bench = new UdpBench();
    const listened = bench.bind(7);
    bench.arrive(udpPacket({ payload: bytesOf('one') }, { ttl: 33, trafficClass: 0x2f }));
    bench.arrive(udpPacket({ payload: bytesOf('two') }));
    expect(listened.messages).toEqual([]);
    expect(listened.socket.pending).toBe(2);
    expect(listened.socket.due).toBe(true);
    bench.turn();
    expect(listened.socket.due).toBe(false);
    expect(texts(listened)).toEqual(['one', 'two']);
    const { bytes, info } = listened.messages[0]!;
    expect(bytes.buffer.byteLength).toBe(3);
    expect(info).toEqual({
      remoteAddress: address(PEER),
      remotePort: 4000,
      localAddress: address(LOCAL),
      size: 3,
      ttl: 33,
      trafficClass: 0x2f,
    });
    expect(listened.socket.counters).toMatchObject({ received: 2, dropped: 0 });
    expect(bench.budget.used).toBe(0);
  });

  it('bounds what waits and counts what that dropped', () => {
    const bench = new UdpBench();
    const listened = bench.bind(7, { receiveBuffer: 1000 });
    for (const text of ['a', 'b', 'c', 'd']) bench.arrive(udpPacket({ payload: bytesOf(text) }));
    expect(listened.socket.counters).toMatchObject({ received: 3, dropped: 1 });
    expect(bench.counters.get('udp-receive-buffer-full')).toBe(1);
    listened.socket.set('receiveBuffer', 2000);
    bench.arrive(udpPacket({ payload: bytesOf('e') }));
    bench.turn();
    expect(texts(listened)).toEqual(['a', 'b', 'c', 'e']);
  });

  it('bounds empty messages too, and takes one that is larger than the buffer', () => {
    const bench = new UdpBench();
    const listened = bench.bind(7, { receiveBuffer: 1000 });
    for (let i = 0; i < 100; i++) bench.arrive(udpPacket({}));
    expect(listened.socket.pending).toBeLessThan(10);
    bench.turn();
    bench.arrive(udpPacket({ payload: pattern(1400) }));
    bench.turn();
    expect(listened.messages.at(-1)!.bytes).toEqual(pattern(1400));
  });

  it('takes from the stack-wide memory budget, and gives back', () => {
    const bench = new UdpBench();
    const listened = bench.bind(7);
    bench.budget.take(bench.budget.limit - 300);
    bench.arrive(udpPacket({ payload: pattern(44) }));
    bench.arrive(udpPacket({ payload: pattern(44) }));
    expect(listened.socket.counters).toMatchObject({ received: 1, dropped: 1 });
    bench.turn();
    expect(bench.budget.used).toBe(bench.budget.limit - 300);
  });

  it('stays consistent when a callback throws: that message is consumed, the others keep their turn', () => {
    const bench = new UdpBench();
    const seen: string[] = [];
    const socket = new UdpSocket({
      host: bench,
      localAddress: address('0.0.0.0'),
      localPort: 7,
      options: resolveUdpOptions(),
      handler: {
        onMessage: (bytes) => {
          seen.push(new TextDecoder().decode(bytes));
          if (seen.at(-1) === 'b') throw new Error('boom');
        },
      },
    });
    bench.sockets.add(socket);
    for (const text of ['a', 'b', 'c']) bench.arrive(udpPacket({ payload: bytesOf(text) }));
    expect(() => bench.turn()).toThrow('boom');
    expect(bench.touched.has(socket)).toBe(true);
    bench.turn();
    expect(seen).toEqual(['a', 'b', 'c']);
    expect(bench.touched.size).toBe(0);
  });

  it('lets the owner do anything inside a callback', () => {
    const bench = new UdpBench();
    const seen: number[] = [];
    const socket: UdpSocket = new UdpSocket({
      host: bench,
      localAddress: address('0.0.0.0'),
      localPort: 7,
      options: resolveUdpOptions(),
      handler: {
        onMessage: (bytes, { remotePort, remoteAddress }) => {
          seen.push(bytes.length);
          socket.send(bytes, remotePort, remoteAddress);
          if (seen.length === 2) socket.close();
        },
      },
    });
    bench.sockets.add(socket);
    for (let i = 1; i < 5; i++) bench.arrive(udpPacket({ payload: pattern(i) }));
    bench.turn();
    expect(seen).toEqual([1, 2]);
    expect(bench.sentPackets().map(({ udp }) => udp!.payload)).toEqual([pattern(1), pattern(2)]);
    expect(bench.budget.used).toBe(0);
  });
});

describe('UdpSocket.close', () => {
  it('ends all callbacks, gives memory back, and may be called twice', () => {
    const bench = new UdpBench();
    const listened = bench.bind(7);
    bench.arrive(udpPacket({ payload: bytesOf('x') }));
    listened.socket.close();
    listened.socket.close();
    bench.turn();
    listened.socket.writable();
    expect(listened).toMatchObject({ messages: [], errors: [], writable: 0 });
    expect(bench.closedSockets).toEqual([listened.socket]);
    expect(bench.budget.used).toBe(0);
    expect(listened.socket.closed).toBe(true);
    expect(() => listened.socket.send(bytesOf('x'), 53, PEER)).toThrow(coded('EBADF'));
    expect(() => listened.socket.connect(PEER, 53)).toThrow(coded('EBADF'));
    expect(() => listened.socket.disconnect()).toThrow(coded('EBADF'));
  });
});

describe('UdpSocket.ref', () => {
  it('keeps the process alive while the socket is open, unless told otherwise', () => {
    const bench = new UdpBench();
    const { socket } = bench.bind(7);
    socket.ref();
    expect(bench.alive).toBe(1);
    socket.unref();
    socket.unref();
    expect(bench.alive).toBe(0);
    socket.ref();
    socket.close();
    socket.ref();
    expect(bench.alive).toBe(0);
  });
});

describe('UdpSocket options', () => {
  it('have defaults and can be changed', () => {
    const { socket } = new UdpBench().bind(7);
    expect(socket.options).toEqual({
      reuseAddress: false,
      reusePort: false,
      ipv6Only: false,
      broadcast: false,
      ttl: 'auto',
      multicastTtl: 1,
      multicastLoopback: true,
      dscp: 0,
      dontFragment: false,
      receiveBuffer: 212_992,
    });
    socket.set('ttl', 3);
    expect(socket.get('ttl')).toBe(3);
  });

  it('refuse what they cannot be', () => {
    const { socket } = new UdpBench().bind(7);
    expect(() => socket.set('ttl', 0)).toThrow(coded('ERR_OUT_OF_RANGE'));
    expect(() => socket.set('dscp', 64)).toThrow(coded('ERR_OUT_OF_RANGE'));
    expect(() => socket.set('broadcast', 1 as never)).toThrow(coded('ERR_INVALID_ARG_TYPE'));
    expect(() => socket.set('reusePort' as never, true as never)).toThrow(/when the socket is bound/);
    expect(() => socket.set('color' as never, 1 as never)).toThrow(/not an option/);
    expect(() => resolveUdpOptions({ receiveBuffer: 0 })).toThrow(coded('ERR_OUT_OF_RANGE'));
    expect(resolveUdpOptions({ ttl: 7 })).toMatchObject({ ttl: 7, dscp: 0 });
  });
});
