import { describe, expect, it } from 'vitest';
import type { ConnectOptions, Connection, ConnectionHandler, ListenOptions, SystemError } from '../../../src/index.ts';
import { Stack, cable, impair } from '../../../src/index.ts';
import { VirtualClock, seededRandom } from '../../../src/sim/index.ts';
import { IcmpType, IcmpUnreachable } from '../../../src/wire/icmp.ts';
import { TcpFlag } from '../../../src/wire/tcp.ts';
import { RawLink } from '../../support/raw-link.ts';
import { RawPeer, icmpErrorAbout, rawPacket } from '../../support/raw-peer.ts';

const SECOND = 1_000_000;
const { ACK, FIN, RST, SYN } = TcpFlag;
const QUIET: ConnectionHandler = {};

/** A stack with 10.0.0.1 and 10.0.0.3 on a link whose other side is the test. */
function alone() {
  const clock = new VirtualClock();
  const link = new RawLink();
  const stack = new Stack({ clock, random: seededRandom(1) });
  stack.attach(link, { addresses: ['10.0.0.1/24', '10.0.0.3/24'] });
  return { clock, link, stack };
}

/** Two stacks, 10.0.0.1 and 10.0.0.2, on a line that may be cut. */
function pair() {
  const clock = new VirtualClock();
  const [left, right] = cable();
  const lines = [left, right].map((end, i) => impair(end, { seed: i }));
  const [alice, bob] = lines.map((line, i) => {
    const stack = new Stack({ clock, random: seededRandom(10 + i) });
    stack.attach(line, { addresses: [`10.0.0.${i + 1}/24`] });
    return stack;
  });
  const cut = (): void => {
    for (const line of lines) line.set({ loss: 1 });
  };
  return { clock, alice: alice!, bob: bob!, cut };
}

/** A handler that writes down what it is told, and when. */
function diary(clock: VirtualClock) {
  const events: string[] = [];
  const at: Record<string, number> = {};
  const note = (event: string): void => {
    events.push(event);
    at[event] = clock.now();
  };
  const handler: ConnectionHandler = {
    onConnect: () => note('connect'),
    onReadable: () => note('readable'),
    onWritable: () => note('writable'),
    onEnd: () => note('end'),
    onFinished: () => note('finished'),
    onError: (error) => note(error.code),
    onClose: () => note('close'),
  };
  return { events, at, handler };
}

/** What `fn` throws, by its code. */
function codeOf(fn: () => unknown): string | undefined {
  try {
    fn();
  } catch (error) {
    return (error as SystemError).code;
  }
  return 'nothing was thrown';
}

const PEER = { remoteAddress: '10.0.0.9', remotePort: 80 };

describe('listening and binding', () => {
  it('on a used port is EADDRINUSE, at every address that overlaps', () => {
    const { stack } = alone();
    const listen = (options: ListenOptions) => stack.tcp.listen(options, () => {});
    const first = listen({ port: 80 });
    expect(codeOf(() => listen({ port: 80 }))).toBe('EADDRINUSE');
    expect(codeOf(() => listen({ port: 80, address: '10.0.0.1' }))).toBe('EADDRINUSE');
    first.close();
    const one = listen({ port: 80, address: '10.0.0.1' });
    const three = listen({ port: 80, address: '10.0.0.3' });
    expect(codeOf(() => listen({ port: 80, address: '10.0.0.3' }))).toBe('EADDRINUSE');
    expect(codeOf(() => listen({ port: 80 }))).toBe('EADDRINUSE');
    one.close();
    three.close();
    three.close();
    listen({ port: 80 }).close();
    const bound = stack.udp.bind({ port: 80 }, { onMessage: () => {} });
    expect(codeOf(() => stack.udp.bind({ port: 80, address: '10.0.0.1' }, { onMessage: () => {} }))).toBe('EADDRINUSE');
    bound.close();
    stack.udp.bind({ port: 80 }, { onMessage: () => {} }).close();
    stack.assertQuiescent();
  });

  it('at a foreign address is EADDRNOTAVAIL, and says where', () => {
    const { stack } = alone();
    const listen = (address: string) => stack.tcp.listen({ address, port: 80 }, () => {});
    for (const address of ['10.0.0.2', '192.0.2.1']) {
      const error = { code: 'EADDRNOTAVAIL', syscall: 'listen', address, port: 80 };
      expect(() => listen(address)).toThrow(expect.objectContaining(error));
    }
    // As in Linux: nobody connects to them.
    for (const address of ['224.0.0.1', '10.0.0.255', '255.255.255.255']) listen(address).close();
    expect(codeOf(() => stack.udp.bind({ address: '10.0.0.2' }, { onMessage: () => {} }))).toBe('EADDRNOTAVAIL');
    stack.assertQuiescent();
  });

  it('refuses what no option can be', () => {
    const { stack } = alone();
    const bad: [ListenOptions, string][] = [
      [{ port: -1 }, 'ERR_SOCKET_BAD_PORT'],
      [{ port: 65_536 }, 'ERR_SOCKET_BAD_PORT'],
      [{ port: 1.5 }, 'ERR_SOCKET_BAD_PORT'],
      [{ port: '80' as never }, 'ERR_SOCKET_BAD_PORT'],
      [{ backlog: -1 }, 'ERR_OUT_OF_RANGE'],
      [{ backlog: 'x' as never }, 'ERR_INVALID_ARG_TYPE'],
      [{ address: 5 as never }, 'ERR_INVALID_ARG_TYPE'],
      [{ address: 'localhost' }, 'ERR_INVALID_ARG_VALUE'],
      [{ ttl: 0 }, 'ERR_OUT_OF_RANGE'],
      [{ ttl: 256 }, 'ERR_OUT_OF_RANGE'],
      [{ dscp: 64 }, 'ERR_OUT_OF_RANGE'],
      [{ mss: 1 }, 'ERR_OUT_OF_RANGE'],
      [{ sendBuffer: 0 }, 'ERR_OUT_OF_RANGE'],
      [{ receiveBuffer: NaN }, 'ERR_OUT_OF_RANGE'],
      [{ userTimeout: -5 }, 'ERR_OUT_OF_RANGE'],
      [{ noDelay: 1 as never }, 'ERR_INVALID_ARG_TYPE'],
      [{ keepAliveCount: '3' as never }, 'ERR_INVALID_ARG_TYPE'],
      [{ congestion: 'warp' }, 'ERR_INVALID_ARG_VALUE'],
    ];
    for (const [options, code] of bad) {
      expect(
        codeOf(() => stack.tcp.listen(options, () => {})),
        `with ${JSON.stringify(options)}`,
      ).toBe(code);
    }
    expect(codeOf(() => stack.tcp.listen({}, undefined as never))).toBe('ERR_INVALID_ARG_TYPE');
    expect(codeOf(() => stack.udp.bind({ port: -1 }, { onMessage: () => {} }))).toBe('ERR_SOCKET_BAD_PORT');
    expect(codeOf(() => stack.udp.bind({}, undefined as never))).toBe('ERR_INVALID_ARG_TYPE');
    expect(codeOf(() => stack.udp.bind({}, {} as never))).toBe('ERR_INVALID_ARG_TYPE');
    expect(codeOf(() => stack.udp.bind({ address: 5 as never }, { onMessage: () => {} }))).toBe('ERR_INVALID_ARG_TYPE');
    stack.assertQuiescent();
  });
});

describe('connecting', () => {
  it('refuses what no option can be, and leaves nothing behind', () => {
    const { stack } = alone();
    const bad: [ConnectOptions, string][] = [
      [{ ...PEER, remotePort: 0 }, 'ERR_SOCKET_BAD_PORT'],
      [{ ...PEER, remotePort: '80' as never }, 'ERR_SOCKET_BAD_PORT'],
      [{ ...PEER, localPort: -1 }, 'ERR_SOCKET_BAD_PORT'],
      [{ ...PEER, remoteAddress: 5 as never }, 'ERR_INVALID_ARG_TYPE'],
      [{ ...PEER, remoteAddress: 'x' }, 'ERR_INVALID_ARG_VALUE'],
      [{ ...PEER, localAddress: {} as never }, 'ERR_INVALID_ARG_TYPE'],
      [{ ...PEER, connectTimeout: 0 }, 'ERR_OUT_OF_RANGE'],
      [{ ...PEER, localAddress: '10.0.0.77' }, 'EADDRNOTAVAIL'],
      [{ ...PEER, localAddress: '127.0.0.1' }, 'EINVAL'],
      [{ ...PEER, localAddress: '::1' }, 'EAFNOSUPPORT'],
      [{ ...PEER, remoteAddress: '2001:db8::1' }, 'ENETUNREACH'],
      [{ ...PEER, remoteAddress: '192.0.2.1' }, 'ENETUNREACH'],
      [{ ...PEER, remoteAddress: '224.0.0.1' }, 'ENETUNREACH'],
      [{ ...PEER, remoteAddress: '10.0.0.255' }, 'ENETUNREACH'],
      [{ ...PEER, remoteAddress: '255.255.255.255' }, 'ENETUNREACH'],
    ];
    for (const [options, code] of bad) {
      expect(
        codeOf(() => stack.tcp.connect(options, QUIET)),
        `with ${JSON.stringify(options)}`,
      ).toBe(code);
    }
    for (const handler of [undefined, null, 5, () => {}]) {
      expect(codeOf(() => stack.tcp.connect(PEER, handler as never))).toBe('ERR_INVALID_ARG_TYPE');
    }
    stack.assertQuiescent();
  });

  it('twice from one port to one peer is EADDRINUSE', () => {
    const { clock, stack } = alone();
    const first = stack.tcp.connect({ ...PEER, localPort: 5000 }, QUIET);
    expect(codeOf(() => stack.tcp.connect({ ...PEER, localPort: 5000 }, QUIET))).toBe('EADDRINUSE');
    const other = stack.tcp.connect({ ...PEER, remotePort: 81, localPort: 5000 }, QUIET);
    first.abort();
    stack.tcp.connect({ ...PEER, localPort: 5000 }, QUIET).abort();
    other.abort();
    clock.advance(0);
    stack.assertQuiescent();
  });

  it('[MUST-20] [MUST-23] to a host that is silent ends with ETIMEDOUT after 180 s', () => {
    const { clock, link, stack } = alone();
    const { events, at, handler } = diary(clock);
    stack.tcp.connect(PEER, handler);
    clock.advance(400 * SECOND);
    expect(events).toEqual(['ETIMEDOUT', 'close']);
    expect(at['ETIMEDOUT']).toBe(180 * SECOND);
    expect(link.take().length).toBeGreaterThan(4);
    stack.assertQuiescent();
  });

  it('gives up earlier with connectTimeout', () => {
    const { clock, stack } = alone();
    const { events, at, handler } = diary(clock);
    stack.tcp.connect({ ...PEER, connectTimeout: 1500 }, handler);
    clock.advance(400 * SECOND);
    expect(events).toEqual(['ETIMEDOUT', 'close']);
    expect(at['close']).toBe(1500_000);
    stack.assertQuiescent();
  });

  it('[MUST-47] [MUST-56] a soft ICMP error is reported in place of ETIMEDOUT, no sooner', () => {
    const soft: [type: number, code: number, reported: string][] = [
      [IcmpType.DESTINATION_UNREACHABLE, IcmpUnreachable.HOST, 'EHOSTUNREACH'],
      [IcmpType.DESTINATION_UNREACHABLE, IcmpUnreachable.NETWORK, 'ENETUNREACH'],
      [IcmpType.DESTINATION_UNREACHABLE, IcmpUnreachable.SOURCE_ROUTE_FAILED, 'EHOSTUNREACH'],
      [IcmpType.TIME_EXCEEDED, 0, 'EHOSTUNREACH'],
      [IcmpType.PARAMETER_PROBLEM, 0, 'EINVAL'],
      // No error at all: it tells of the path's MTU.
      [IcmpType.DESTINATION_UNREACHABLE, IcmpUnreachable.FRAGMENTATION_NEEDED, 'ETIMEDOUT'],
    ];
    for (const [type, code, reported] of soft) {
      const { clock, link, stack } = alone();
      const { events, at, handler } = diary(clock);
      stack.tcp.connect(PEER, handler);
      clock.advance(10);
      link.inject(icmpErrorAbout(link.take()[0]!, '10.0.0.254', code, type));
      clock.advance(400 * SECOND);
      expect(events, `type ${type} code ${code}`).toEqual([reported, 'close']);
      expect(at['close']).toBe(180 * SECOND);
      stack.assertQuiescent();
    }
  });

  it('ends at once with ECONNREFUSED on a port unreachable or a RST that fits', () => {
    const icmp = alone();
    const first = diary(icmp.clock);
    icmp.stack.tcp.connect(PEER, first.handler);
    icmp.clock.advance(10);
    icmp.link.inject(icmpErrorAbout(icmp.link.take()[0]!, '10.0.0.9', IcmpUnreachable.PORT));
    icmp.clock.advance(0);
    expect(first.events).toEqual(['ECONNREFUSED', 'close']);
    expect(first.at['close']).toBe(10);
    icmp.stack.assertQuiescent();

    const { clock, link, stack } = alone();
    const { events, handler } = diary(clock);
    const connection = stack.tcp.connect(PEER, handler);
    clock.advance(10);
    const peer = new RawPeer(link, ['10.0.0.9', 80], ['10.0.0.1', connection.localPort]);
    peer.absorb(link.take());
    peer.send(RST | ACK, { acknowledgment: peer.ack + 1 });
    peer.send(RST);
    clock.advance(0);
    expect(events, 'a RST that fits not').toEqual([]);
    peer.send(RST | ACK);
    clock.advance(0);
    expect(events).toEqual(['ECONNREFUSED', 'close']);
    expect(link.take(), 'a RST is never answered').toEqual([]);
    stack.assertQuiescent();
  });
});

describe('a peer that vanishes', () => {
  /** Connects, cuts the line, writes; returns what the client was told after `seconds`. */
  function vanish(options: Partial<ConnectOptions>, seconds: number) {
    const { clock, alice, bob, cut } = pair();
    bob.tcp.listen({ port: 7 }, () => {});
    const { events, at, handler } = diary(clock);
    const connection = alice.tcp.connect({ remoteAddress: '10.0.0.2', remotePort: 7, ...options }, handler);
    clock.advance(SECOND);
    cut();
    connection.write(new Uint8Array(100));
    const start = clock.now();
    clock.advance(seconds * SECOND);
    alice.assertQuiescent();
    return { events, after: (at['ETIMEDOUT'] ?? Infinity) - start, info: connection.info() };
  }

  it('[MUST-20] [MUST-21] under unacknowledged data is ETIMEDOUT after 924.6 s (R2)', () => {
    const { events, after, info } = vanish({}, 1100);
    expect(events).toEqual(['connect', 'ETIMEDOUT', 'close']);
    expect(after).toBeGreaterThanOrEqual(924.6 * SECOND);
    expect(after).toBeLessThan(925 * SECOND);
    expect(info.timeouts).toBe(15);
  });

  it('[MUST-21] userTimeout shortens that, and no back-off overshoots it', () => {
    for (const userTimeout of [1000, 5000, 60_000, 300_000]) {
      const { events, after } = vanish({ userTimeout }, 400);
      expect(events).toEqual(['connect', 'ETIMEDOUT', 'close']);
      expect(after).toBe(userTimeout * 1000);
    }
  });

  it('is found out by keep-alive when nothing is on its way', () => {
    const { clock, alice, bob, cut } = pair();
    bob.tcp.listen({ port: 7 }, () => {});
    const { events, at, handler } = diary(clock);
    const timing = { keepAlive: true, keepAliveIdle: 10_000, keepAliveInterval: 1000, keepAliveCount: 3 };
    alice.tcp.connect({ remoteAddress: '10.0.0.2', remotePort: 7, ...timing }, handler);
    clock.advance(60 * SECOND);
    cut();
    clock.advance(60 * SECOND);
    expect(events).toEqual(['connect', 'ETIMEDOUT', 'close']);
    expect(at['close']).toBeLessThanOrEqual(60 * SECOND + 13 * SECOND);
    alice.assertQuiescent();
  });

  it('resets with ECONNRESET when it is back and knows nothing', () => {
    const { clock, link, stack } = alone();
    const { events, handler } = diary(clock);
    const connection = stack.tcp.connect(PEER, handler);
    clock.advance(0);
    const peer = new RawPeer(link, ['10.0.0.9', 80], ['10.0.0.1', connection.localPort]);
    peer.accept(link.take(), clock);
    peer.send(RST, { sequence: peer.nxt + 1 });
    clock.advance(0);
    expect(events, 'a RST inside the window is challenged, RFC 5961 §3.2').toEqual(['connect']);
    expect(peer.absorb(link.take()).map(({ flags }) => flags)).toEqual([ACK]);
    peer.send(RST);
    clock.advance(0);
    expect(events).toEqual(['connect', 'ECONNRESET', 'close']);
    expect(link.take()).toEqual([]);
    expect(connection.write(new Uint8Array(1))).toBe(0);
    stack.assertQuiescent();
  });
});

describe('calls at the wrong time', () => {
  it('write takes nothing after shutdown', () => {
    const { clock, alice, bob } = pair();
    bob.tcp.listen({ port: 7 }, (c) => {
      c.handler = { onReadable: () => void c.read(), onEnd: () => c.shutdown() };
    });
    const { events, handler } = diary(clock);
    const c = alice.tcp.connect({ remoteAddress: '10.0.0.2', remotePort: 7 }, handler);
    expect(c.write(new Uint8Array(5)), 'before the handshake it is queued').toBe(5);
    c.shutdown();
    c.shutdown();
    expect(c.write(new Uint8Array(5))).toBe(0);
    clock.advance(SECOND);
    expect(c.write(new Uint8Array(5))).toBe(0);
    expect(events).toEqual(['connect', 'end', 'finished', 'close']);
    clock.advance(61 * SECOND);
    expect(c.state).toBe('CLOSED');
    expect(events).toHaveLength(4);
    alice.assertQuiescent();
  });

  it('refuses what is no bytes and what is no length', () => {
    const { clock, link, stack } = alone();
    stack.tcp.listen({ port: 7 }, () => {});
    const peer = new RawPeer(link, ['10.0.0.9', 5000], ['10.0.0.1', 7]);
    peer.connect(clock);
    const [c] = stack.tcp.connections as [Connection];
    for (const bad of ['abc', 5, null, undefined, {}, ['a'], [1], new ArrayBuffer(2), new Uint16Array(2)]) {
      expect(
        codeOf(() => c.write(bad as never)),
        `with ${JSON.stringify(bad)}`,
      ).toBe('ERR_INVALID_ARG_TYPE');
    }
    expect(c.write([])).toBe(0);
    expect(c.write(new Uint8Array(0))).toBe(0);
    peer.send(ACK, { payload: new Uint8Array(10).fill(1) });
    for (const bad of [-1, 1.5, NaN]) {
      expect(codeOf(() => c.read(bad))).toBe('ERR_OUT_OF_RANGE');
      expect(codeOf(() => c.peek(bad))).toBe('ERR_OUT_OF_RANGE');
    }
    expect(codeOf(() => c.read('5' as never))).toBe('ERR_INVALID_ARG_TYPE');
    expect(c.read(0)).toBe(undefined);
    expect(c.read(4)).toHaveLength(4);
    expect(c.read()).toHaveLength(6);
    expect(codeOf(() => c.set('ttl', 0))).toBe('ERR_OUT_OF_RANGE');
    expect(codeOf(() => c.set('noDelay', 'yes' as never))).toBe('ERR_INVALID_ARG_TYPE');
    expect(codeOf(() => c.set('mss', 500))).toBe('ERR_INVALID_ARG_VALUE');
    expect(codeOf(() => c.set('speed' as never, 1 as never))).toBe('ERR_INVALID_ARG_VALUE');
    c.abort();
    clock.advance(0);
  });

  it('a UDP send that is refused takes no room from the next one', () => {
    const { clock, link, stack } = alone();
    const socket = stack.udp.bind({ port: 5 }, { onMessage: () => {} });
    for (const bad of ['abc', 5, null, undefined, [1], ['x'], new ArrayBuffer(2)]) {
      expect(
        codeOf(() => socket.send(bad as never, 7, '10.0.0.9')),
        `with ${JSON.stringify(bad)}`,
      ).toBe('ERR_INVALID_ARG_TYPE');
    }
    expect(codeOf(() => socket.send(new Uint8Array(1), 0, '10.0.0.9'))).toBe('ERR_SOCKET_BAD_PORT');
    expect(codeOf(() => socket.send(new Uint8Array(1), 7, 5 as never))).toBe('ERR_INVALID_ARG_TYPE');
    expect(codeOf(() => socket.send(new Uint8Array(1)))).toBe('EDESTADDRREQ');
    expect(codeOf(() => socket.send(new Uint8Array(65_508), 7, '10.0.0.9'))).toBe('EMSGSIZE');
    expect(codeOf(() => socket.send(new Uint8Array(1), 7, '10.0.0.255'))).toBe('EACCES');
    expect(codeOf(() => socket.send(new Uint8Array(1), 7, '192.0.2.1'))).toBe('ENETUNREACH');
    expect(socket.send(new Uint8Array(1), 7, '10.0.0.9')).toBe(true);
    clock.advance(0);
    expect(link.take()).toHaveLength(1);
    socket.close();
    socket.close();
    expect(codeOf(() => socket.send(new Uint8Array(1), 7, '10.0.0.9'))).toBe('EBADF');
    stack.assertQuiescent();
  });

  it('everything on a closed connection is harmless, and told once', () => {
    for (const end of ['close', 'abort'] as const) {
      const { clock, link, stack } = alone();
      const { events, handler } = diary(clock);
      const c = stack.tcp.connect(PEER, handler);
      clock.advance(0);
      const peer = new RawPeer(link, ['10.0.0.9', 80], ['10.0.0.1', c.localPort]);
      peer.accept(link.take(), clock);
      c[end]();
      c[end]();
      clock.advance(0);
      peer.send(RST);
      clock.advance(0);
      expect(c.state).toBe('CLOSED');
      for (let i = 0; i < 2; i++) {
        c.close();
        c.abort();
        c.shutdown();
        c.ref();
        c.unref();
        c.set('noDelay', true);
        c.set('keepAlive', true);
        expect(c.write(new Uint8Array(5))).toBe(0);
        expect(c.read()).toBe(undefined);
        expect(c.peek()).toBe(undefined);
        expect(c.info().state).toBe('CLOSED');
        expect(c.remotePort).toBe(80);
        clock.advance(SECOND);
      }
      expect(events).toEqual(['connect', 'close']);
      stack.assertQuiescent();
    }
  });

  it('an abort with unread bytes and FIN at hand is still told', () => {
    const { clock, link, stack } = alone();
    const { events, handler } = diary(clock);
    stack.tcp.listen({ port: 7 }, (c) => {
      c.handler = handler;
    });
    const peer = new RawPeer(link, ['10.0.0.9', 5000], ['10.0.0.1', 7]);
    peer.connect(clock);
    peer.send(ACK | FIN, { payload: new Uint8Array(10) });
    clock.advance(0);
    expect(events).toEqual(['readable']);
    stack.tcp.connections[0]!.abort();
    clock.advance(0);
    expect(events).toEqual(['readable', 'close']);
    for (const listener of stack.tcp.listeners) listener.close();
    stack.assertQuiescent();
  });

  it('a connection that has ended before its owner read it all can still be read, or closed', () => {
    for (const how of ['read', 'close', 'abort'] as const) {
      const { clock, link, stack } = alone();
      const { events, handler } = diary(clock);
      const c = stack.tcp.connect(PEER, handler);
      clock.advance(0);
      const peer = new RawPeer(link, ['10.0.0.9', 80], ['10.0.0.1', c.localPort]);
      peer.accept(link.take(), clock);
      c.shutdown();
      clock.advance(0);
      peer.absorb(link.take());
      peer.send(ACK | FIN, { payload: new Uint8Array(10) });
      clock.advance(100 * SECOND);
      expect(c.state).toBe('CLOSED');
      expect(events).toEqual(['connect', 'readable', 'finished']);
      expect(c[how]()).toEqual(how === 'read' ? new Uint8Array(10) : undefined);
      clock.advance(0);
      expect(events.slice(3)).toEqual(how === 'read' ? ['end', 'close'] : ['close']);
      c.close();
      c.abort();
      clock.advance(0);
      expect(events.at(-2)).not.toBe('close');
      stack.assertQuiescent();
    }
  });

  it('bytes that nobody reads are let go when an error ends the connection', () => {
    const { clock, link, stack } = alone();
    const { events, handler } = diary(clock);
    stack.tcp.listen({ port: 7 }, (c) => {
      c.handler = handler;
    });
    const peer = new RawPeer(link, ['10.0.0.9', 5000], ['10.0.0.1', 7]);
    peer.connect(clock);
    peer.send(ACK, { payload: new Uint8Array(1000) });
    peer.send(ACK, { payload: new Uint8Array(1000), sequence: peer.nxt + 5000 });
    clock.advance(0);
    expect(stack.statistics().memory.used).toBeGreaterThan(2000);
    peer.send(RST);
    clock.advance(0);
    expect(events).toEqual(['readable', 'ECONNRESET', 'close']);
    for (const listener of stack.tcp.listeners) listener.close();
    stack.assertQuiescent();
  });
});

type Callback = keyof ConnectionHandler | 'onConnection';

/** In which order a client and its server run through every callback there is. */
function everyCallback(act: (callback: Callback, connection: Connection, stack: Stack) => void) {
  const { clock, alice, bob } = pair();
  const calls: string[] = [];
  const watched = (name: string, stack: Stack, more: ConnectionHandler): ConnectionHandler => {
    const call = (callback: Callback, c: Connection): void => {
      calls.push(`${name} ${callback}`);
      act(callback, c, stack);
    };
    return {
      onConnect: (c) => {
        more.onConnect?.(c);
        call('onConnect', c);
      },
      onReadable: (c) => {
        more.onReadable?.(c);
        call('onReadable', c);
      },
      onWritable: (c) => {
        more.onWritable?.(c);
        call('onWritable', c);
      },
      onEnd: (c) => {
        more.onEnd?.(c);
        call('onEnd', c);
      },
      onFinished: (c) => call('onFinished', c),
      onError: (_, c) => call('onError', c),
      onClose: (c) => call('onClose', c),
    };
  };
  const drain = (c: Connection): void => {
    for (let bytes = c.read(); bytes !== undefined; bytes = c.read());
  };
  bob.tcp.listen({ port: 7 }, (c) => {
    c.handler = watched('server', bob, { onReadable: drain, onEnd: () => c.shutdown() });
    calls.push('server onConnection');
    c.write(new Uint8Array(1000));
    act('onConnection', c, bob);
  });
  const bulk = new Uint8Array(4096);
  const client = alice.tcp.connect(
    { remoteAddress: '10.0.0.2', remotePort: 7, sendBuffer: 2048 },
    watched('client', alice, {
      onConnect: (c) => void c.write(bulk),
      onWritable: (c) => {
        if (c.write(bulk.subarray(0, 10)) > 0) c.shutdown();
      },
      onReadable: drain,
    }),
  );
  return { clock, alice, bob, client, calls };
}

/** Lets everything happen; returns the errors that came out of the clock. */
function drive(clock: VirtualClock, us: number): unknown[] {
  const errors: unknown[] = [];
  const end = clock.now() + us;
  for (;;) {
    try {
      clock.advanceTo(end);
      return errors;
    } catch (error) {
      errors.push(error);
      if (errors.length > 100) throw error;
    }
  }
}

/** `onClose` came at most once for each end, and nothing after it. */
function expectClosedOnce(calls: readonly string[]): void {
  for (const name of ['client', 'server']) {
    const mine = calls.filter((call) => call.startsWith(name));
    const closes = mine.filter((call) => call.endsWith('onClose')).length;
    expect(closes, `after ${calls.join(', ')}`).toBeLessThanOrEqual(1);
    if (closes === 1) expect(mine.at(-1)).toBe(`${name} onClose`);
  }
}

describe('inside a callback', () => {
  const CALLBACKS: Callback[] = [
    'onConnect',
    'onReadable',
    'onWritable',
    'onEnd',
    'onFinished',
    'onClose',
    'onConnection',
  ];

  it('the scenario runs through all of them', () => {
    const seen = new Set<string>();
    const { clock, calls } = everyCallback((callback) => seen.add(callback));
    drive(clock, 100 * SECOND);
    expect([...seen].sort()).toEqual([...CALLBACKS].sort());
    expectClosedOnce(calls);
    expect(calls.filter((call) => call.endsWith('onClose'))).toHaveLength(2);
  });

  for (const method of ['close', 'abort', 'shutdown'] as const) {
    it(`${method}() may be called in each`, () => {
      for (const where of CALLBACKS) {
        const { clock, alice, bob, calls } = everyCallback((callback, c) => {
          if (callback === where) c[method]();
        });
        expect(drive(clock, 200 * SECOND), `in ${where}`).toEqual([]);
        expectClosedOnce(calls);
        expect(calls.at(-1), `${method} in ${where}: ${calls.join(', ')}`).toMatch(/onClose$/);
        for (const listener of bob.tcp.listeners) listener.close();
        drive(clock, 0);
        alice.assertQuiescent();
        bob.assertQuiescent();
      }
    });
  }

  it('the whole stack may be destroyed in each', async () => {
    for (const where of CALLBACKS) {
      const ends: Promise<void>[] = [];
      const { clock, alice, bob, calls } = everyCallback((callback, _, stack) => {
        if (callback === where) ends.push(stack.destroy());
      });
      expect(drive(clock, 10 * SECOND), `in ${where}`).toEqual([]);
      expect(ends.length, `in ${where}`).toBeGreaterThan(0);
      await Promise.all(ends);
      ends.push(alice.destroy(), bob.destroy());
      await Promise.all(ends);
      expect(drive(clock, 200 * SECOND)).toEqual([]);
      expectClosedOnce(calls);
      expect(calls.filter((call) => call === 'client onClose')).toHaveLength(1);
      alice.assertQuiescent();
      bob.assertQuiescent();
      expect(clock.pending, `in ${where}`).toBe(0);
    }
  });

  it('an error comes out of the clock and changes nothing else', () => {
    const plain = everyCallback(() => {});
    drive(plain.clock, 100 * SECOND);
    for (const where of CALLBACKS) {
      const { clock, alice, bob, calls } = everyCallback((callback) => {
        if (callback === where) throw new Error(where);
      });
      const errors = drive(clock, 100 * SECOND);
      const times = calls.filter((call) => call.endsWith(` ${where}`)).length;
      expect(errors.map(String)).toEqual(Array.from({ length: times }, () => `Error: ${where}`));
      expect(calls).toEqual(plain.calls);
      for (const listener of bob.tcp.listeners) listener.close();
      alice.assertQuiescent();
      bob.assertQuiescent();
    }
  });

  it('onError may do all that too', () => {
    for (const method of ['close', 'abort', 'shutdown', 'throw'] as const) {
      const { clock, link, stack } = alone();
      const calls: string[] = [];
      const c = stack.tcp.connect(PEER, {
        onError: () => {
          calls.push('error');
          if (method === 'throw') throw new Error('thrown');
          c[method]();
        },
        onClose: () => calls.push('close'),
      });
      clock.advance(0);
      link.inject(icmpErrorAbout(link.take()[0]!, '10.0.0.9', IcmpUnreachable.PORT));
      expect(drive(clock, SECOND).map(String)).toEqual(method === 'throw' ? ['Error: thrown'] : []);
      expect(calls).toEqual(['error', 'close']);
      stack.assertQuiescent();
    }
  });

  it('an error takes nothing from the other sockets of the batch', () => {
    const { clock, link, stack } = alone();
    const got: string[] = [];
    stack.tcp.listen({ port: 7 }, (c) => {
      c.handler = {
        onReadable: () => {
          got.push(`tcp ${c.remotePort}: ${c.read()?.length}`);
          throw new Error(`tcp ${c.remotePort}`);
        },
      };
    });
    stack.udp.bind(
      { port: 53 },
      {
        onMessage: (bytes) => {
          got.push(`udp: ${bytes.length}`);
          throw new Error('udp');
        },
      },
    );
    stack.on('tcp-state', () => {
      throw new Error('listener');
    });
    const peers = [5000, 5001, 5002].map((port) => new RawPeer(link, ['10.0.0.9', port], ['10.0.0.1', 7]));
    for (const peer of peers) {
      link.take();
      peer.send(SYN);
      drive(clock, 0);
      peer.absorb(link.take());
      peer.send(ACK);
    }
    drive(clock, 0);
    const message = { sourcePort: 9, destinationPort: 53, payload: new Uint8Array(3) };
    link.inject(
      peers[0]!.segment(ACK, { payload: new Uint8Array(10) }),
      rawPacket('10.0.0.9', '10.0.0.1', { udp: message }),
      peers[1]!.segment(ACK | FIN, { payload: new Uint8Array(20) }),
      rawPacket('10.0.0.9', '10.0.0.1', { udp: message }),
      peers[2]!.segment(ACK, { payload: new Uint8Array(30) }),
    );
    // The program hears of an error before anybody else is called back.
    expect(got).toEqual(['tcp 5000: 10']);
    expect(() => clock.advance(0)).toThrow('listener');
    expect(() => clock.advance(0)).toThrow('tcp 5000');
    expect(got).toEqual(['tcp 5000: 10']);
    expect(drive(clock, 0).map(String).sort()).toEqual(
      ['tcp 5001', 'tcp 5002', 'udp', 'udp'].map((name) => `Error: ${name}`),
    );
    expect(got.sort()).toEqual(['tcp 5000: 10', 'tcp 5001: 20', 'tcp 5002: 30', 'udp: 3', 'udp: 3']);
  });

  it('a listener closed in one hands out no further connection', () => {
    const { clock, link, stack } = alone();
    const taken: number[] = [];
    const listener = stack.tcp.listen({ port: 7 }, (c) => {
      taken.push(c.remotePort);
      listener.close();
    });
    const peers = [5000, 5001, 5002].map((port) => new RawPeer(link, ['10.0.0.9', port], ['10.0.0.1', 7]));
    for (const peer of peers) peer.send(SYN);
    clock.advance(0);
    const sent = link.take();
    for (const peer of peers) peer.absorb(sent);
    link.inject(...peers.map((peer) => peer.segment(ACK)));
    clock.advance(0);
    expect(taken).toEqual([5000]);
    const resets = link.take();
    expect(peers.map((peer) => peer.absorb(resets).map(({ flags }) => flags & RST))).toEqual([[], [RST], [RST]]);
    stack.tcp.connections[0]!.abort();
    clock.advance(0);
    stack.assertQuiescent();
  });
});

describe('a link in trouble', () => {
  /** A connection on which an ACK is delayed. */
  function owing() {
    const world = alone();
    const { clock, link, stack } = world;
    stack.tcp.listen({ port: 7 }, () => {});
    const peer = new RawPeer(link, ['10.0.0.9', 5000], ['10.0.0.1', 7]);
    peer.connect(clock);
    // The first ones are acknowledged at once.
    for (let i = 0; i < 17; i++) {
      peer.send(ACK, { payload: new Uint8Array(10) });
      clock.advance(1000);
    }
    clock.advance(50_000);
    link.take();
    peer.send(ACK, { payload: new Uint8Array(10) });
    clock.advance(0);
    expect(link.take()).toEqual([]);
    return { ...world, peer };
  }

  it('that goes down under a delayed ACK costs no time, and the ACK goes when it is back', () => {
    const { clock, link, peer, stack } = owing();
    link.setUp(false);
    clock.advance(10 * SECOND);
    expect(link.take()).toEqual([]);
    link.setUp(true);
    clock.advance(0);
    expect(peer.absorb(link.take()).map(({ acknowledgment }) => acknowledgment)).toEqual([peer.nxt]);
    stack.tcp.connections[0]!.abort();
    for (const listener of stack.tcp.listeners) listener.close();
    clock.advance(0);
    stack.assertQuiescent();
  });

  it('that takes nothing more costs no time, and what waits goes when it does', () => {
    const { clock, link, peer, stack } = owing();
    link.room = 0;
    const filler = stack.udp.bind({ port: 5 }, { onMessage: () => {} });
    while (filler.send(new Uint8Array(1400), 7, '10.0.0.9'));
    while (filler.send(new Uint8Array(0), 7, '10.0.0.9'));
    const [connection] = stack.tcp.connections as [Connection];
    connection.write(new Uint8Array(5000));
    clock.advance(10 * SECOND);
    expect(link.take()).toEqual([]);
    filler.close();
    link.unblock();
    clock.advance(0);
    const segments = peer.absorb(link.take());
    expect(segments[0]?.acknowledgment).toBe(peer.nxt);
    expect(segments.some(({ payload }) => payload.length > 0)).toBe(true);
    connection.abort();
    for (const listener of stack.tcp.listeners) listener.close();
    clock.advance(0);
    stack.assertQuiescent();
  });

  it('an onWritable that throws costs nobody else the news of room', () => {
    const { clock, link, stack } = alone();
    link.room = 0;
    const told: number[] = [];
    const sockets = [5, 6, 7].map((port) =>
      stack.udp.bind(
        { port },
        {
          onMessage: () => {},
          onWritable: () => {
            told.push(port);
            throw new Error(String(port));
          },
        },
      ),
    );
    for (const size of [1400, 0])
      for (const socket of sockets) while (socket.send(new Uint8Array(size), 9, '10.0.0.9'));
    expect(drive(clock, 0)).toEqual([]);
    link.unblock();
    expect(drive(clock, SECOND).map(String).sort()).toEqual(['Error: 5', 'Error: 6', 'Error: 7']);
    expect(new Set(told)).toEqual(new Set([5, 6, 7]));
    expect(told).toHaveLength(3);
    for (const socket of sockets) socket.close();
    stack.assertQuiescent();
  });

  it('that comes up late carries the SYN that waited', () => {
    const { clock, link, stack } = alone();
    link.setUp(false);
    const c = stack.tcp.connect(PEER, QUIET);
    clock.advance(20 * SECOND);
    expect(c.state).toBe('SYN_SENT');
    link.setUp(true);
    clock.advance(0);
    expect(link.take()).toHaveLength(1);
    c.abort();
    clock.advance(0);
    stack.assertQuiescent();
  });
});

describe('closing the stack', () => {
  it('is idempotent and sends what is queued first', async () => {
    const { clock, alice, bob } = pair();
    let received = 0;
    bob.tcp.listen({ port: 7 }, (c) => {
      c.handler = {
        onReadable: () => {
          for (let bytes = c.read(); bytes !== undefined; bytes = c.read()) received += bytes.length;
        },
        onEnd: () => c.shutdown(),
      };
    });
    const { events, handler } = diary(clock);
    const c = alice.tcp.connect({ remoteAddress: '10.0.0.2', remotePort: 7 }, handler);
    clock.advance(SECOND);
    c.write(new Uint8Array(300_000));
    const closing = alice.close();
    expect(alice.close()).toBe(closing);
    expect(alice.close({ timeout: 5 })).toBe(closing);
    clock.advance(SECOND);
    await closing;
    expect(received).toBe(300_000);
    expect(events).toEqual(['connect', 'end', 'finished', 'close']);
    expect(alice.destroy()).toBe(closing);
    alice.assertQuiescent();
  });

  it('resets a peer that never answers at the time-out: ECONNABORTED', async () => {
    const { clock, link, stack } = alone();
    const { events, at, handler } = diary(clock);
    const c = stack.tcp.connect(PEER, handler);
    clock.advance(0);
    const peer = new RawPeer(link, ['10.0.0.9', 80], ['10.0.0.1', c.localPort]);
    peer.accept(link.take(), clock);
    const syn = diary(clock);
    stack.tcp.connect({ ...PEER, remotePort: 81 }, syn.handler);
    c.write(new Uint8Array(100));
    const closing = stack.close({ timeout: 3000 });
    clock.advance(10 * SECOND);
    await closing;
    expect(events).toEqual(['connect', 'ECONNABORTED', 'close']);
    expect(syn.events).toEqual(['ECONNABORTED', 'close']);
    expect(at['close']).toBe(3 * SECOND);
    expect(peer.absorb(link.take()).at(-1)!.flags & RST).toBe(RST);
    stack.assertQuiescent();
    expect(clock.pending).toBe(0);
  });

  it('waits for an owner that is slow to read, and tells it when it is too slow', async () => {
    for (const slow of [false, true]) {
      const { clock, link, stack } = alone();
      const { events, handler } = diary(clock);
      const c = stack.tcp.connect(PEER, handler);
      clock.advance(0);
      const peer = new RawPeer(link, ['10.0.0.9', 80], ['10.0.0.1', c.localPort]);
      peer.accept(link.take(), clock);
      c.shutdown();
      clock.advance(0);
      peer.absorb(link.take());
      peer.send(ACK | FIN, { payload: new Uint8Array(10) });
      expect(c.state).toBe('TIME_WAIT');
      const closing = stack.close({ timeout: 5000 });
      clock.advance(SECOND);
      if (!slow) expect(c.read()).toHaveLength(10);
      clock.advance(10 * SECOND);
      await closing;
      expect(events.slice(2)).toEqual(slow ? ['finished', 'ECONNABORTED', 'close'] : ['finished', 'end', 'close']);
      c.close();
      clock.advance(0);
      stack.assertQuiescent();
    }
  });

  it('at once with destroy(), also while close() waits', async () => {
    for (const first of ['close', 'destroy'] as const) {
      const { clock, link, stack } = alone();
      stack.tcp.listen({ port: 7 }, () => {});
      stack.udp.bind({ port: 7 }, { onMessage: () => {} });
      const peer = new RawPeer(link, ['10.0.0.9', 5000], ['10.0.0.1', 7]);
      peer.connect(clock);
      const half = new RawPeer(link, ['10.0.0.9', 5001], ['10.0.0.1', 7]);
      half.send(SYN);
      const closing = stack[first]();
      expect(stack.destroy()).toBe(closing);
      clock.advance(0);
      await closing;
      stack.assertQuiescent();
      expect(peer.absorb(link.take()).at(-1)!.flags & RST).toBe(RST);
      expect(drive(clock, 100 * SECOND)).toEqual([]);
      expect(clock.pending).toBe(0);
    }
  });

  it('refuses a time-out that is none, and can still be closed', async () => {
    const { clock, stack } = alone();
    expect(codeOf(() => stack.close({ timeout: NaN }))).toBe('ERR_OUT_OF_RANGE');
    expect(codeOf(() => stack.close({ timeout: -1 }))).toBe('ERR_OUT_OF_RANGE');
    expect(codeOf(() => stack.close({ timeout: '5' as never }))).toBe('ERR_INVALID_ARG_TYPE');
    expect(stack.closing).toBe(false);
    const closing = stack.close();
    clock.advance(0);
    await closing;
    stack.assertQuiescent();
  });

  it('takes nothing new afterwards', async () => {
    const { clock, stack } = alone();
    const closing = stack.close();
    const attempts = (): void => {
      expect(codeOf(() => stack.attach(new RawLink()))).toBe('ERR_INVALID_STATE');
      expect(codeOf(() => stack.tcp.listen({ port: 7 }, () => {}))).toBe('ERR_INVALID_STATE');
      expect(codeOf(() => stack.tcp.connect(PEER, QUIET))).toBe('ERR_INVALID_STATE');
      expect(codeOf(() => stack.udp.bind({ port: 7 }, { onMessage: () => {} }))).toBe('ERR_INVALID_STATE');
    };
    attempts();
    clock.advance(0);
    await closing;
    attempts();
    stack.assertQuiescent();
  });

  it('refuses what no option can be', () => {
    const clock = new VirtualClock();
    const random = seededRandom(1);
    expect(codeOf(() => new Stack({ clock, random, memory: -1 }))).toBe('ERR_OUT_OF_RANGE');
    expect(codeOf(() => new Stack({ clock, random, memory: '1' as never }))).toBe('ERR_INVALID_ARG_TYPE');
    expect(codeOf(() => new Stack({ clock, random, tcp: { ttl: 0 } }))).toBe('ERR_OUT_OF_RANGE');
    const { stack } = alone();
    const names = stack.interfaces.map(({ name }) => name);
    const bad: [Parameters<Stack['attach']>[1], string][] = [
      [{ addresses: ['10.0.0.5'] }, 'ERR_INVALID_ARG_VALUE'],
      [{ addresses: ['10.0.0.255/24'] }, 'ERR_INVALID_ARG_VALUE'],
      [{ addresses: ['224.0.0.1/4'] }, 'ERR_INVALID_ARG_VALUE'],
      [{ addresses: ['10.1.0.1/24', '10.1.0.1/16'] }, 'ERR_INVALID_ARG_VALUE'],
      [{ name: 'lo' }, 'ERR_INVALID_ARG_VALUE'],
    ];
    for (const [options, code] of bad) expect(codeOf(() => stack.attach(new RawLink(), options))).toBe(code);
    expect(codeOf(() => stack.attach(new RawLink(10)))).toBe('ERR_OUT_OF_RANGE');
    expect(stack.interfaces.map(({ name }) => name)).toEqual(names);
  });
});

describe('what a peer may say of itself', () => {
  it('[MUST-15] no MSS option means 536, no window scale none', () => {
    const { clock, link, stack } = alone();
    stack.tcp.listen({ port: 7 }, (c) => {
      c.write(new Uint8Array(3000));
    });
    const peer = new RawPeer(link, ['10.0.0.9', 5000], ['10.0.0.1', 7]);
    peer.window = 1000;
    peer.connect(clock);
    const sizes = peer.absorb(link.take()).map(({ payload }) => payload.length);
    const [connection] = stack.tcp.connections as [Connection];
    expect(connection.info()).toMatchObject({ mss: 536, sendWindow: 1000, sendScale: 0, receiveScale: 0 });
    expect(Math.max(...sizes)).toBe(536);
    connection.abort();
    clock.advance(0);
  });

  it('[S-063] a small buffer agrees on scaling with a shift of 0', () => {
    for (const [client, server] of [
      [8192, 1 << 20],
      [1 << 20, 8192],
      [8192, 8192],
    ] as const) {
      const { clock, alice, bob } = pair();
      bob.tcp.listen({ port: 7, receiveBuffer: server }, () => {});
      const c = alice.tcp.connect({ remoteAddress: '10.0.0.2', remotePort: 7, receiveBuffer: client }, QUIET);
      clock.advance(SECOND);
      const s = bob.tcp.connections[0]!;
      expect([c.info().sendScale, c.info().receiveScale]).toEqual([s.info().receiveScale, s.info().sendScale]);
      expect(c.info().sendWindow).toBeGreaterThan(server / 2 > 65_535 ? 32_767 : server / 2);
      c.abort();
      clock.advance(0);
    }
  });
});
