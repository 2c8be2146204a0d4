import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Connection, UdpMessageInfo, UdpSocket } from '../../../src/index.ts';
import { Stack, cable } from '../../../src/index.ts';
import { VirtualClock, seededRandom } from '../../../src/sim/index.ts';
import { RawLink } from '../../support/raw-link.ts';

const MS = 1000;

/** Two stacks on a cable, both families and link-local addresses. */
class Pair {
  readonly clock: VirtualClock = new VirtualClock();
  readonly alice: Stack = new Stack({ clock: this.clock, random: seededRandom(1) });
  readonly bob: Stack = new Stack({ clock: this.clock, random: seededRandom(2) });

  constructor(mtu: number = 1500) {
    const [a, b] = cable({ mtu });
    this.alice.attach(a, { name: 'tun0', addresses: ['10.0.0.1/24', 'fd00::1/64', 'fe80::1/64'] });
    this.bob.attach(b, { name: 'tun1', addresses: ['10.0.0.2/24', 'fd00::2/64', 'fe80::2/64'] });
    this.clock.advance(0);
  }

  /** What has been dropped by either, reasons of no interest left out. */
  drops(): Record<string, number> {
    return { ...this.alice.statistics().drops, ...this.bob.statistics().drops };
  }
}

let pair: Pair;
beforeEach(() => {
  pair = new Pair();
});
afterEach(async () => {
  const ends = [pair.alice.destroy(), pair.bob.destroy()];
  pair.clock.advance(0);
  await Promise.all(ends);
});

function codeOf(fn: () => unknown): string {
  try {
    fn();
  } catch (error) {
    return (error as { code: string }).code;
  }
  return 'nothing';
}

/** Sends what it is given to whoever connects; the client collects. Returns both connections and the bytes. */
function transfer(
  server: Stack,
  client: Stack,
  clock: VirtualClock,
  listenOn: string | undefined,
  remoteAddress: string,
): { accepted: Connection; connection: Connection; bytes: number[] } {
  let accepted: Connection | undefined;
  const sent = new Uint8Array(200_000).map((_, i) => (i * 7 + (i >> 9)) & 255);
  const listener = server.tcp.listen({ address: listenOn, port: 7 }, (c) => {
    accepted = c;
    let at = 0;
    const push = (): void => {
      at += c.write(sent.subarray(at));
      if (at === sent.length) c.shutdown();
    };
    c.handler = { onWritable: push };
    push();
  });
  const bytes: number[] = [];
  const connection = client.tcp.connect(
    { remoteAddress, remotePort: 7 },
    {
      onReadable: (c) => {
        for (let piece = c.read(); piece !== undefined; piece = c.read()) bytes.push(...piece);
      },
      onEnd: (c) => c.shutdown(),
    },
  );
  clock.advance(5000 * MS);
  listener.close();
  if (accepted === undefined) throw new Error('nothing was accepted');
  expect(bytes).toEqual([...sent]);
  return { accepted, connection, bytes };
}

const ends = (c: Connection): string => `${c.family} ${c.localAddress} ${c.remoteAddress}`;

describe('TCP over IPv6', () => {
  it.each([
    ['::', 'fd00::1', '6 fd00::1 fd00::2', '6 fd00::2 fd00::1'],
    ['fd00::1', 'fd00::1', '6 fd00::1 fd00::2', '6 fd00::2 fd00::1'],
    ['::', 'fe80::1%tun1', '6 fe80::1%tun0 fe80::2%tun0', '6 fe80::2%tun1 fe80::1%tun1'],
    ['fe80::1%tun0', 'fe80::1%tun1', '6 fe80::1%tun0 fe80::2%tun0', '6 fe80::2%tun1 fe80::1%tun1'],
    // [S-048] an IPv6 socket speaks IPv4 as well.
    ['::', '10.0.0.1', '6 10.0.0.1 10.0.0.2', '4 10.0.0.2 10.0.0.1'],
    ['::', '::ffff:10.0.0.1', '6 10.0.0.1 10.0.0.2', '6 10.0.0.2 10.0.0.1'],
    ['::ffff:10.0.0.1', '10.0.0.1', '6 10.0.0.1 10.0.0.2', '4 10.0.0.2 10.0.0.1'],
    ['::ffff:0.0.0.0', '10.0.0.1', '6 10.0.0.1 10.0.0.2', '4 10.0.0.2 10.0.0.1'],
    [undefined, '::ffff:10.0.0.1', '4 10.0.0.1 10.0.0.2', '6 10.0.0.2 10.0.0.1'],
  ])('listening on %s, connecting to %s', (listenOn, remote, server, client) => {
    const { accepted, connection } = transfer(pair.alice, pair.bob, pair.clock, listenOn, remote);
    expect([ends(accepted), ends(connection)]).toEqual([server, client]);
    expect(pair.drops()).toEqual({});
  });

  it.each(['::1', '::', 'fd00::1', 'fe80::1%tun0'])('inside one stack: %s', (remote) => {
    const { accepted, connection } = transfer(pair.alice, pair.alice, pair.clock, '::', remote);
    expect(accepted.remoteAddress.equals(connection.localAddress)).toBe(true);
    expect(accepted.remoteAddress.zone).toBe(connection.localAddress.zone);
    expect(pair.drops()).toEqual({});
  });

  it('a port that nobody listens on refuses', () => {
    const errors: string[] = [];
    const onError = (error: Error): void => void errors.push(error.message);
    pair.bob.tcp.connect({ remoteAddress: 'fd00::1', remotePort: 8 }, { onError });
    // The listener is for IPv6 alone.
    pair.alice.tcp.listen({ address: '::', port: 9, ipv6Only: true }, () => {});
    pair.bob.tcp.connect({ remoteAddress: '10.0.0.1', remotePort: 9 }, { onError });
    pair.clock.advance(10 * MS);
    expect(errors).toEqual(['connect ECONNREFUSED fd00::1:8', 'connect ECONNREFUSED 10.0.0.1:9']);
  });

  it('SYN cookies, Fast Open and TIME-WAIT work as over IPv4', () => {
    let accepted = 0;
    pair.alice.tcp.listen({ address: '::', port: 7, synCookies: 'always' }, () => accepted++);
    const first = pair.bob.tcp.connect({ remoteAddress: 'fd00::1', remotePort: 7 }, {});
    pair.clock.advance(10 * MS);
    expect([first.state, accepted]).toEqual(['ESTABLISHED', 1]);
    expect(pair.alice.statistics().drops['tcp-syn-cookies-received']).toBe(1);
    // What the cookie remembers of the MSS is 1440 of 1440.
    expect(pair.alice.tcp.connections[0]!.info().mss).toBe(1440 - 12);

    const heard: string[] = [];
    pair.alice.tcp.listen({ address: '::', port: 8, fastOpen: true }, (c) => {
      heard.push(c.state);
      c.handler = { onReadable: () => void c.read(), onEnd: () => c.close() };
    });
    for (let i = 0; i < 2; i++) {
      const c = pair.bob.tcp.connect({ remoteAddress: 'fd00::1', remotePort: 8, fastOpen: true }, {});
      c.write(new Uint8Array(10));
      c.shutdown();
      pair.clock.advance(100 * MS);
    }
    // Without a cookie all comes with the handshake's end; with one, before that.
    expect(heard).toEqual(['CLOSE_WAIT', 'SYN_RECV']);
    expect(pair.bob.statistics().tcp.timeWait).toBe(2);
  });

  it('the same peer by another link is another host', () => {
    const { alice, clock } = pair;
    const [c, d] = cable();
    const carol = new Stack({ clock, random: seededRandom(3) });
    alice.attach(c, { name: 'tun9', addresses: ['fe80::9/64'] });
    carol.attach(d, { name: 'tun0', addresses: ['fe80::2/64'] });
    const seen: string[] = [];
    alice.tcp.listen({ address: '::', port: 7 }, (connection) => seen.push(String(connection.remoteAddress)));
    pair.bob.tcp.connect({ remoteAddress: 'fe80::1%tun1', remotePort: 7 }, {});
    carol.tcp.connect({ remoteAddress: 'fe80::9%tun0', remotePort: 7 }, {});
    clock.advance(10 * MS);
    expect(seen.toSorted()).toEqual(['fe80::2%tun0', 'fe80::2%tun9']);
    void carol.destroy();
    clock.advance(0);
  });
});

describe('ports of both families', () => {
  const anywhere = ['0.0.0.0', '::', ':: only', '127.0.0.1', '::1', '::ffff:127.0.0.1', '::ffff:0.0.0.0'];
  /**
   * Which pairs meet, as Linux 6.18 answers a second bind (EADDRINUSE), for TCP listeners and for UDP; the second of a row
   * is each of those that meet the first.
   */
  const MEETS: Readonly<Record<string, readonly string[]>> = {
    '0.0.0.0': ['0.0.0.0', '::', '127.0.0.1', '::ffff:127.0.0.1', '::ffff:0.0.0.0'],
    '::': anywhere,
    ':: only': ['::', ':: only', '::1'],
    '127.0.0.1': ['0.0.0.0', '::', '127.0.0.1', '::ffff:127.0.0.1', '::ffff:0.0.0.0'],
    '::1': ['::', ':: only', '::1'],
    '::ffff:127.0.0.1': ['0.0.0.0', '::', '127.0.0.1', '::ffff:127.0.0.1', '::ffff:0.0.0.0'],
    '::ffff:0.0.0.0': ['0.0.0.0', '::', '127.0.0.1', '::ffff:127.0.0.1', '::ffff:0.0.0.0'],
  };
  const place = (text: string): { address: string; ipv6Only: boolean; port: number } => {
    const [address = '', only] = text.split(' ');
    return { address, ipv6Only: only !== undefined, port: 99 };
  };
  const pairs = anywhere.flatMap((first) => anywhere.map((second) => [first, second] as const));

  it.each(pairs)('%s, then %s', (first, second) => {
    const { tcp, udp } = pair.alice;
    const expected = MEETS[first]!.includes(second) ? 'EADDRINUSE' : 'nothing';
    tcp.listen(place(first), () => {});
    expect(codeOf(() => tcp.listen(place(second), () => {}))).toBe(expected);
    udp.bind(place(first), { onMessage: () => {} });
    expect(codeOf(() => udp.bind(place(second), { onMessage: () => {} }))).toBe(expected);
  });

  it('the one that fits best takes the connection', () => {
    const { tcp } = pair.alice;
    const taken: string[] = [];
    tcp.listen({ address: '::', ipv6Only: true, port: 7 }, () => taken.push('::'));
    tcp.listen({ address: '0.0.0.0', port: 7 }, () => taken.push('0.0.0.0'));
    for (const remoteAddress of ['fd00::1', '10.0.0.1', 'fe80::1%tun1']) {
      pair.bob.tcp.connect({ remoteAddress, remotePort: 7 }, {});
      pair.clock.advance(10 * MS);
    }
    expect(taken).toEqual(['::', '0.0.0.0', '::']);
  });
});

describe('UDP over IPv6', () => {
  interface Heard {
    socket: UdpSocket;
    from: string[];
  }
  function bound(stack: Stack, options: Parameters<Stack['udp']['bind']>[0]): Heard {
    const from: string[] = [];
    const heard = (bytes: Uint8Array, info: UdpMessageInfo): void =>
      void from.push(`${bytes.length} ${info.remoteAddress} → ${info.localAddress}`);
    return { socket: stack.udp.bind(options, { onMessage: heard, onError: (e) => from.push(e.message) }), from };
  }

  it('a socket on :: speaks both', () => {
    const server = bound(pair.alice, { address: '::', port: 9 });
    const client = bound(pair.bob, { address: '::' });
    for (const to of ['fd00::1', 'fe80::1%tun1', '::ffff:10.0.0.1', '10.0.0.1']) {
      client.socket.send(new Uint8Array(to.length), 9, to);
    }
    pair.clock.advance(MS);
    expect(server.from).toEqual([
      '7 fd00::2 → fd00::1',
      '12 fe80::2%tun0 → fe80::1%tun0',
      '15 10.0.0.2 → 10.0.0.1',
      '8 10.0.0.2 → 10.0.0.1',
    ]);
    server.socket.send(new Uint8Array(3), client.socket.localPort, '::ffff:10.0.0.2');
    server.socket.send(new Uint8Array(3), client.socket.localPort, 'fe80::2%tun0');
    pair.clock.advance(MS);
    expect(client.from).toEqual(['3 10.0.0.1 → 10.0.0.2', '3 fe80::1%tun1 → fe80::2%tun1']);
    expect(pair.drops()).toEqual({});
  });

  it('one that is connected hears its peer, and that nobody listens', () => {
    const server = bound(pair.alice, { address: 'fd00::1', port: 9 });
    const client = bound(pair.bob, { address: '::' });
    client.socket.connect('fd00::1', 9);
    expect([client.socket.localAddress, client.socket.remoteAddress].map(String)).toEqual(['fd00::2', 'fd00::1']);
    client.socket.send(new Uint8Array(1));
    pair.clock.advance(MS);
    server.socket.send(new Uint8Array(2), client.socket.localPort, 'fd00::2');
    pair.clock.advance(MS);
    server.socket.close();
    client.socket.send(new Uint8Array(1));
    pair.clock.advance(MS);
    expect(client.from).toEqual(['2 fd00::1 → fd00::2', 'recvmsg ECONNREFUSED fd00::1:9']);
    client.socket.disconnect();
    client.socket.connect('::ffff:10.0.0.1', 9);
    expect([client.socket.localAddress, client.socket.remoteAddress].map(String)).toEqual(['10.0.0.2', '10.0.0.1']);
  });

  it.each([
    ['0.0.0.0', false, 'fd00::1', 'EAFNOSUPPORT'],
    ['0.0.0.0', false, '::ffff:10.0.0.1', 'EAFNOSUPPORT'],
    ['fd00::2', false, '::ffff:10.0.0.1', 'ENETUNREACH'],
    ['::', true, '::ffff:10.0.0.1', 'ENETUNREACH'],
    ['::', true, '10.0.0.1', 'ENETUNREACH'],
    ['::ffff:10.0.0.2', false, 'fd00::1', 'EAFNOSUPPORT'],
    ['::ffff:10.0.0.2', false, '::ffff:10.0.0.1', 'nothing'],
    ['::', false, '2001:db8::1', 'ENETUNREACH'],
    ['::', false, 'fe80::1', 'EINVAL'],
    ['::', false, 'fe80::1%tun7', 'EINVAL'],
    ['::1', false, 'fd00::1', 'EINVAL'],
  ])('bound to %s (only IPv6: %s), to %s: %s', (address, ipv6Only, to, code) => {
    const { socket } = bound(pair.bob, { address, ipv6Only });
    expect(codeOf(() => socket.send(new Uint8Array(1), 9, to))).toBe(code);
    expect(codeOf(() => socket.connect(to, 9))).toBe(code);
  });

  it('[S-046] no datagram is longer than the MTU, and none comes without a checksum', () => {
    const { socket } = bound(pair.bob, { address: '::' });
    expect(socket.send(new Uint8Array(1452), 9, 'fd00::1')).toBe(true);
    socket.set('dontFragment', true);
    expect(() => socket.send(new Uint8Array(1453), 9, 'fd00::1')).toThrow(/at most 1452 bytes on this path/);
  });

  it('the groups of lo: joined by interface, with and without a zone', () => {
    const { alice } = pair;
    const a = bound(alice, { address: '::', port: 9, reuseAddress: true });
    const b = bound(alice, { address: '::', port: 9, reuseAddress: true });
    const sender = bound(alice, { address: '::' });
    a.socket.join('ff02::fb%lo');
    b.socket.join('ff01::77', '::%lo');
    sender.socket.send(new Uint8Array(1), 9, 'ff02::fb%lo');
    sender.socket.send(new Uint8Array(2), 9, 'ff01::77');
    sender.socket.send(new Uint8Array(3), 9, 'ff02::99%lo');
    sender.socket.send(new Uint8Array(4), 9, 'ff02::1%lo');
    pair.clock.advance(MS);
    // Linux (IPV6_MULTICAST_ALL): what one socket of the host has joined, all that are bound so hear.
    const all = ['1 ::1 → ff02::fb', '2 ::1 → ff01::77', '4 ::1 → ff02::1'];
    expect([a.from, b.from]).toEqual([all, all]);
    a.socket.leave('ff02::fb%lo');
    sender.socket.send(new Uint8Array(1), 9, 'ff02::fb%lo');
    pair.clock.advance(MS);
    expect(a.from).toEqual(all);
    expect(codeOf(() => a.socket.leave('ff02::fb%lo'))).toBe('EADDRNOTAVAIL');
  });

  it('groups over a link: hops, and the interface to send by', () => {
    const server = bound(pair.alice, { address: '::', port: 9, reuseAddress: true });
    server.socket.join('ff02::fb', 'fd00::1');
    const hops: number[] = [];
    pair.alice.udp
      .bind({ address: 'ff05::1', port: 9, reuseAddress: true }, { onMessage: (_, { ttl }) => hops.push(ttl) })
      .join('ff05::1', '::%tun0');
    const client = bound(pair.bob, { address: '::' });
    client.socket.send(new Uint8Array(1), 9, 'ff02::fb');
    client.socket.send(new Uint8Array(2), 9, 'ff02::fb%tun1');
    client.socket.multicastFrom('::%lo');
    client.socket.send(new Uint8Array(3), 9, 'ff02::fb');
    client.socket.multicastFrom('fd00::2');
    client.socket.send(new Uint8Array(4), 9, 'ff02::fb');
    client.socket.multicastFrom('::');
    client.socket.set('multicastTtl', 7);
    client.socket.send(new Uint8Array(5), 9, 'ff05::1');
    // Interface-local ones never leave the interface.
    client.socket.send(new Uint8Array(6), 9, 'ff01::1%tun1');
    pair.clock.advance(MS);
    expect(server.from).toEqual([
      '1 fe80::2%tun0 → ff02::fb',
      '2 fe80::2%tun0 → ff02::fb',
      '4 fd00::2 → ff02::fb',
      '5 fd00::2 → ff05::1',
    ]);
    expect(hops).toEqual([7]);
    expect(codeOf(() => client.socket.multicastFrom('::%tun7'))).toBe('EADDRNOTAVAIL');
    expect(codeOf(() => client.socket.join('ff02::fb%tun7'))).toBe('ENODEV');
    expect(codeOf(() => client.socket.join('fd00::1'))).toBe('EINVAL');
    expect(codeOf(() => bound(pair.bob, {}).socket.join('ff02::fb'))).toBe('EINVAL');
  });
});

describe('what cannot be bound or connected', () => {
  const listen = (address: string, ipv6Only = false): string =>
    codeOf(() => pair.alice.tcp.listen({ address, ipv6Only, port: 99 }, () => {}).close());
  const bind = (address: string, ipv6Only = false): string =>
    codeOf(() => pair.alice.udp.bind({ address, ipv6Only, port: 99 }, { onMessage: () => {} }).close());

  it.each([
    ['2001:db8::1', 'EADDRNOTAVAIL'],
    ['fe80::1', 'EINVAL'],
    ['fe80::1%tun7', 'EINVAL'],
    ['fe80::7%tun0', 'EADDRNOTAVAIL'],
    ['fe80::1%lo', 'EADDRNOTAVAIL'],
    ['::ffff:10.0.0.9', 'EADDRNOTAVAIL'],
    ['::1', 'nothing'],
    ['fe80::1%2', 'nothing'],
  ])('%s: %s', (address, code) => {
    expect([listen(address), bind(address)]).toEqual([code, code]);
  });

  it('a mapped address for IPv6 only is EINVAL; groups are for UDP', () => {
    expect([listen('::ffff:10.0.0.1', true), bind('::ffff:10.0.0.1', true)]).toEqual(['EINVAL', 'EINVAL']);
    expect([listen('ff02::fb%tun0'), listen('ff05::1')]).toEqual(['EINVAL', 'EINVAL']);
    expect([bind('ff02::fb%tun0'), bind('ff05::1'), bind('ff02::fb')]).toEqual(['nothing', 'nothing', 'EINVAL']);
  });

  it.each([
    [{ remoteAddress: 'fd00::2', localAddress: '10.0.0.1' }, 'EAFNOSUPPORT'],
    [{ remoteAddress: '10.0.0.2', localAddress: 'fd00::1' }, 'EAFNOSUPPORT'],
    [{ remoteAddress: '10.0.0.2', localAddress: '::ffff:10.0.0.1' }, 'EAFNOSUPPORT'],
    [{ remoteAddress: '::ffff:10.0.0.2', localAddress: '10.0.0.1' }, 'EAFNOSUPPORT'],
    [{ remoteAddress: '::ffff:10.0.0.2', localAddress: 'fd00::1' }, 'EAFNOSUPPORT'],
    [{ remoteAddress: '::ffff:10.0.0.2', localAddress: '::ffff:10.0.0.1' }, 'nothing'],
    [{ remoteAddress: '::ffff:10.0.0.2', localAddress: '::' }, 'nothing'],
    [{ remoteAddress: 'fd00::2', localAddress: 'fd00::9' }, 'EADDRNOTAVAIL'],
    [{ remoteAddress: 'fd00::2', localAddress: '::1' }, 'EINVAL'],
    [{ remoteAddress: 'fe80::2' }, 'EINVAL'],
    [{ remoteAddress: 'fe80::2%tun7' }, 'EINVAL'],
    [{ remoteAddress: 'fe80::2', localAddress: 'fe80::1%tun0' }, 'nothing'],
    [{ remoteAddress: '2001:db8::1' }, 'ENETUNREACH'],
    [{ remoteAddress: 'ff02::1%tun0' }, 'ENETUNREACH'],
  ])('connecting with %o: %s', (options, code) => {
    expect(codeOf(() => pair.alice.tcp.connect({ ...options, remotePort: 9 }, {}))).toBe(code);
  });

  it('ipv6Only is true or false', () => {
    expect(codeOf(() => pair.alice.tcp.listen({ address: '::', ipv6Only: 1 as never }, () => {}))).toBe(
      'ERR_INVALID_ARG_TYPE',
    );
    expect(codeOf(() => pair.alice.udp.bind({ ipv6Only: 'yes' as never }, { onMessage: () => {} }))).toBe(
      'ERR_INVALID_ARG_TYPE',
    );
  });
});

describe('attaching a link with IPv6 addresses', () => {
  it('[S-046] needs an MTU of 1280', () => {
    const { alice } = pair;
    const attach = (mtu: number): unknown => alice.attach(cable({ mtu })[0], { addresses: ['fd05::1/64'] });
    expect(() => attach(1279)).toThrow('IPv6 needs an MTU of 1280 at least');
    attach(1280);
    expect(codeOf(() => alice.attach(new RawLink(), { addresses: ['fd00::1/64'] }))).toBe('ERR_INVALID_ARG_VALUE');
  });

  it('lo has ::1 from the beginning', () => {
    expect(new Stack({ clock: pair.clock }).interfaces.map(({ addresses }) => addresses.map(String))).toEqual([
      ['127.0.0.1/8', '::1/128'],
    ]);
  });
});
