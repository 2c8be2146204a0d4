import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { PingError, PingOptions, PingResult } from '../../../src/index.ts';
import { Address, cable, impair, Stack } from '../../../src/index.ts';
import { seededRandom } from '../../../src/sim/index.ts';
import type { IcmpMessage } from '../../../src/wire/icmp.ts';
import { formatIcmp, parseIcmp } from '../../../src/wire/icmp.ts';
import { formatIcmpv6, parseIcmpv6 } from '../../../src/wire/icmpv6.ts';
import type { Ipv4Packet } from '../../../src/wire/ipv4.ts';
import { formatIpv4, parseIpv4 } from '../../../src/wire/ipv4.ts';
import type { Ipv6Packet } from '../../../src/wire/ipv6.ts';
import { formatIpv6, parseIpv6 } from '../../../src/wire/ipv6.ts';
import { Alone, codeOf, MS, openPing, Pair } from '../raw/world.ts';

/** What became of a promise. */
interface Outcome {
  result?: PingResult;
  error?: PingError;
}

/** Pings in virtual time for so long, and tells what became of it. */
async function outcome(world: Pair | Alone, promise: Promise<PingResult>, ms: number = 0): Promise<Outcome> {
  const seen: Outcome = {};
  promise.then(
    (result) => (seen.result = result),
    (error: PingError) => (seen.error = error),
  );
  await world.clock.run({ for: ms });
  return seen;
}

/** The same of several. */
async function outcomes(world: Pair | Alone, promises: readonly Promise<PingResult>[]): Promise<Outcome[]> {
  const all: Outcome[] = [];
  for (const promise of promises) promise.catch(() => {});
  for (const promise of promises) all.push(await outcome(world, promise));
  return all;
}

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

/** The echo requests that have left. */
function requests(): (IcmpMessage & { from: string; to: string; hops: number; bytes: Uint8Array })[] {
  return alone.sent().map((bytes) => {
    if (bytes[0]! >>> 4 === 4) {
      const { source, destination, ttl, payload } = parseIpv4(bytes) as Ipv4Packet;
      const message = parseIcmp(payload) as IcmpMessage;
      return { ...message, from: String(source), to: String(destination), hops: ttl, bytes };
    }
    const { source, destination, hopLimit, payload } = parseIpv6(bytes) as Ipv6Packet;
    const message = parseIcmpv6(payload, source, destination) as IcmpMessage;
    return { ...message, from: String(source), to: String(destination), hops: hopLimit, bytes };
  });
}

/** A message of ICMP or ICMPv6 arrives. */
function arrive(source: string, destination: string, message: IcmpMessage): void {
  const [from, to] = [Address.parse(source), Address.parse(destination)];
  if (from.family === 6) {
    const payload = formatIcmpv6(message, from, to);
    const rest = {
      trafficClass: 0,
      flowLabel: 0,
      nextHeader: 58,
      hopLimit: 60,
      extensions: new Uint8Array(0),
      protocol: 58,
    };
    return alone.arrive(formatIpv6({ ...rest, source: from, destination: to, payload }));
  }
  alone.arrive(
    formatIpv4({
      trafficClass: 0,
      identification: 0,
      reservedFlag: false,
      dontFragment: true,
      moreFragments: false,
      fragmentOffset: 0,
      ttl: 60,
      protocol: 1,
      source: from,
      destination: to,
      options: new Uint8Array(0),
      payload: formatIcmp(message),
    }),
  );
}

describe('stack.ping', () => {
  it.each(['10.0.0.2', 'fd00::2', 'fe80::2%tun0', '10.0.0.1', '127.0.0.1', '::1', 'fd00::1', '0.0.0.0'])(
    'asks %s',
    async (address) => {
      const { result } = await outcome(pair, pair.alice.ping(address));
      const family = address.includes(':') ? 6 : 4;
      expect(result).toMatchObject({ size: 56, ttl: 64, trafficClass: 0, sequence: 1, time: 0 });
      expect(result).toMatchObject({ sent: 1, received: 1, duplicates: 0, errors: [], address: { family } });
      if (address !== '0.0.0.0') expect(String(result!.address)).toBe(address);
      expect(pair.drops()).toEqual({});
      pair.alice.assertQuiescent();
      pair.bob.assertQuiescent();
    },
  );

  it.each(['10.0.0.2', 'fd00::2', '::1'])('[S-007] asks %s with up to 65,507 bytes, in fragments', async (address) => {
    for (const size of [1473, 9000, 65_507]) {
      const { result } = await outcome(pair, pair.alice.ping(address, { size }));
      expect(result).toMatchObject({ size, received: 1 });
    }
    expect(pair.drops()).toEqual({});
    pair.alice.assertQuiescent();
  });

  it.each([
    ['10.0.0.1', 65_507],
    ['fd00::1', 65_527],
  ])('to %s %i bytes of data are the most', (remoteAddress, most) => {
    const { socket } = openPing(alone.stack, { remoteAddress });
    expect(codeOf(() => socket.send(new Uint8Array(most + 1)))).toBe('EMSGSIZE');
    expect(socket.send(new Uint8Array(most))).toBe(1);
    expect(Math.max(...alone.sent().map((bytes) => bytes.length))).toBe(remoteAddress.includes(':') ? 1496 : 1500);
    socket.close();
  });

  it('measures the round trip, to fractions of a millisecond', async () => {
    const [a, b] = cable();
    const [near, far] = [1, 2].map((seed) => new Stack({ clock: pair.clock, random: seededRandom(seed) }));
    near!.attach(a, { addresses: ['10.0.0.1/24'] });
    far!.attach(impair(b, { delay: 12.25 }), { addresses: ['10.0.0.2/24'] });
    const { result } = await outcome(pair, near!.ping('10.0.0.2', { count: 3, interval: 100 }), 225);
    expect(result!.time).toBe(24.5);
    expect(result!.replies.map(({ sequence, time }) => [sequence, time])).toEqual([
      [1, 24.5],
      [2, 24.5],
      [3, 24.5],
    ]);
    near!.assertQuiescent();
    const ends = [near!.destroy(), far!.destroy()];
    pair.clock.advance(0);
    await Promise.all(ends);
  });

  it.each([
    ['10.0.0.1', { size: 0 }],
    ['10.0.0.1', { size: 1472 }],
    ['fd00::1', { size: 1452, ttl: 9, trafficClass: 0xb8 }],
    ['10.0.0.1', { data: Uint8Array.of(9, 8, 7), address: '10.0.0.2', device: 'tun0' }],
  ] as [string, PingOptions][])('%s: sends %o, and has it back', async (to, options) => {
    const promise = alone.stack.ping(to, options);
    const [request] = requests();
    const size = options.data?.length ?? options.size!;
    expect(request).toMatchObject({ code: 0, to, hops: options.ttl ?? 64 });
    expect(request!.type).toBe(to.includes(':') ? 128 : 8);
    expect(request!.payload).toEqual(options.data ?? new Uint8Array(size).map((_, i) => i));
    const { rest, payload } = request!;
    arrive(to, request!.from, { type: to.includes(':') ? 129 : 0, code: 0, rest, payload });
    expect((await outcome(alone, promise)).result).toMatchObject({ size, ttl: 60, address: Address.parse(to) });
  });

  it('gives up after the time-out, one second unless told; what comes later is ignored', async () => {
    const promise = alone.stack.ping('10.0.0.1');
    const [request] = requests();
    expect(() => alone.stack.assertQuiescent()).toThrow(
      'a raw socket is open, 10.0.0.2 → 10.0.0.1; 1 timers are armed',
    );
    expect((await outcome(alone, promise, 999.999)).error).toBeUndefined();
    const { error } = await outcome(alone, promise, 0.001);
    expect(error).toMatchObject({
      code: 'ETIMEDOUT',
      syscall: 'ping',
      address: '10.0.0.1',
      message: 'ping ETIMEDOUT 10.0.0.1',
    });
    alone.stack.assertQuiescent();
    arrive('10.0.0.1', '10.0.0.2', { ...request!, type: 0 });
    expect(alone.stack.statistics().drops).toEqual({ 'icmp-echo-reply-unexpected': 1 });
    expect((await outcome(alone, alone.stack.ping('10.0.0.1', { timeout: 20 }), 20)).error!.code).toBe('ETIMEDOUT');
  });

  it('hears its own answers only: of the host that was asked, with its identifier, to what it has sent', async () => {
    const promise = alone.stack.ping('10.0.0.1');
    const [request] = requests();
    const reply = { ...request!, type: 0 };
    arrive('10.0.0.7', '10.0.0.2', reply);
    arrive('10.0.0.1', '10.0.0.2', { ...reply, rest: reply.rest ^ 1 });
    arrive('10.0.0.1', '10.0.0.2', { ...reply, rest: reply.rest ^ 0x1_0000 });
    arrive('fd00::1', 'fd00::2', { ...reply, type: 129 });
    expect((await outcome(alone, promise)).result).toBeUndefined();
    expect(alone.stack.statistics().drops).toEqual({
      'icmp-echo-reply-unexpected': 3,
      'icmpv6-echo-reply-unexpected': 1,
    });
    arrive('10.0.0.1', '10.0.0.2', reply);
    expect((await outcome(alone, promise)).result).toMatchObject({ received: 1 });
  });

  it('several at once are kept apart, and nobody can predict their identifiers', async () => {
    const promises = Array.from({ length: 50 }, () => alone.stack.ping('10.0.0.1'));
    const sent = requests();
    const identifiers = sent.map(({ rest }) => rest >>> 16);
    expect(new Set(identifiers).size).toBe(50);
    expect(identifiers.filter((id, i) => i > 0 && id === identifiers[i - 1]! + 1).length).toBeLessThan(3);
    const other = new Alone();
    expect(sent.every(({ rest }) => (rest & 0xffff) === 1)).toBe(true);
    await other.end();
    // The last is answered first.
    for (const request of sent.toReversed()) arrive('10.0.0.1', '10.0.0.2', { ...request, type: 0 });
    const ends = await outcomes(alone, promises);
    expect(ends.every(({ result }) => result?.received === 1)).toBe(true);
  });

  it('counts what comes twice, and tells what was lost', async () => {
    const promise = alone.stack.ping('10.0.0.1', { count: 3, interval: 10, timeout: 50 });
    const answer = (): void => {
      for (const request of requests()) arrive('10.0.0.1', '10.0.0.2', { ...request, type: 0 });
    };
    const [first] = requests();
    alone.clock.advance(2.5 * MS);
    for (let times = 0; times < 3; times++) arrive('10.0.0.1', '10.0.0.2', { ...first!, type: 0 });
    alone.clock.advance(7.5 * MS);
    // The second is lost.
    expect(requests().length).toBe(1);
    alone.clock.advance(10 * MS);
    answer();
    const { result } = await outcome(alone, promise, 50);
    expect(result).toMatchObject({ time: 2.5, sent: 3, received: 2, duplicates: 2 });
    expect(result!.replies.map(({ sequence }) => sequence)).toEqual([1, 3]);
    expect(result!.errors.map(({ code }) => code)).toEqual(['ETIMEDOUT']);
    alone.stack.assertQuiescent();
  });

  it.each([
    ['10.0.0.1', '10.0.0.9', { type: 11, code: 0 }, { code: 'EHOSTUNREACH', timeExceeded: true, icmpType: 11 }],
    ['10.0.0.1', '10.0.0.9', { type: 3, code: 1 }, { code: 'EHOSTUNREACH', timeExceeded: false, icmpCode: 1 }],
    ['10.0.0.1', '10.0.0.9', { type: 3, code: 0 }, { code: 'ENETUNREACH' }],
    ['10.0.0.1', '10.0.0.9', { type: 3, code: 4, rest: 1400 }, { code: 'EMSGSIZE', mtu: 1400 }],
    ['fd00::1', 'fe80::9', { type: 3, code: 0 }, { code: 'EHOSTUNREACH', timeExceeded: true, icmpType: 3 }],
    ['fd00::1', 'fd00::9', { type: 1, code: 0 }, { code: 'ENETUNREACH', timeExceeded: false }],
    ['fd00::1', 'fd00::9', { type: 2, code: 0, rest: 1300 }, { code: 'EMSGSIZE', mtu: 1300 }],
  ])('to %s: %s reports %o', async (to, reporter, message, expected) => {
    const promises = [alone.stack.ping(to), alone.stack.ping(to)];
    const [first] = requests();
    alone.clock.advance(1500);
    const local = to.includes(':') ? 'fd00::2' : '10.0.0.2';
    arrive(reporter, reporter.startsWith('fe80') ? 'fd00::2' : local, { rest: 0, ...message, payload: first!.bytes });
    const [one, two] = await outcomes(alone, promises);
    expect(one!.error).toMatchObject({ ...expected, syscall: 'ping', address: to, sequence: 1, time: 1.5 });
    expect(String(one!.error!.reporter)).toBe(reporter.startsWith('fe80') ? `${reporter}%tun0` : reporter);
    expect(two).toEqual({});
  });

  it('[S-040] believes no error about what it has not sent', async () => {
    const promise = alone.stack.ping('10.0.0.1');
    const [{ bytes } = { bytes: new Uint8Array(0) }] = requests();
    const forged = [
      [19, 7], // the destination
      [24, bytes[24]! ^ 1], // the identifier
      [27, 2], // the sequence number
      [20, 0], // the type
    ] as const;
    for (const [at, value] of forged) {
      const payload = bytes.slice();
      payload[at] = value;
      arrive('10.0.0.9', '10.0.0.2', { type: 3, code: 1, rest: 0, payload });
    }
    expect(await outcome(alone, promise)).toEqual({});
    expect(alone.stack.statistics().drops).toEqual({ 'icmp-error-other-protocol': 4 });
  });

  it('asks groups and, where that is wished, broadcast addresses: the fastest host is the answer', async () => {
    expect((await outcome(alone, alone.stack.ping('10.0.0.255'))).error).toMatchObject({ code: 'EACCES' });
    const promises = [alone.stack.ping('10.0.0.255', { broadcast: true }), alone.stack.ping('ff02::1%tun0')];
    const [four, six] = requests();
    expect([four!.hops, six!.hops]).toEqual([64, 1]);
    arrive('10.0.0.7', '10.0.0.2', { ...four!, type: 0 });
    arrive('fe80::7', 'fe80::2', { ...six!, type: 129 });
    const ends = await outcomes(alone, promises);
    expect(ends.map(({ result }) => String(result?.address))).toEqual(['10.0.0.7', 'fe80::7%tun0']);
  });

  it.each([
    ['192.0.2.1', {}, 'ENETUNREACH'],
    ['fe80::1', {}, 'EINVAL'],
    ['10.0.0.1', { address: '10.0.0.7' }, 'EADDRNOTAVAIL'],
    ['10.0.0.1', { device: 'eth7' }, 'ENODEV'],
    ['10.0.0.1', { size: 1473, dontFragment: true }, 'EMSGSIZE'],
    ['fd00::1', { size: 1453, dontFragment: true }, 'EMSGSIZE'],
  ] as [string, PingOptions, string][])('%s with %o rejects with %s', async (address, options, code) => {
    if (code === 'ENETUNREACH') alone.stack.routes.remove('0.0.0.0/0', { via: '10.0.0.1' });
    const { error } = await outcome(alone, alone.stack.ping(address, options));
    expect(error).toMatchObject({ code, syscall: 'ping' });
    alone.stack.assertQuiescent();
  });

  it('rejects while the link is down, waits for a full queue, and gives up there too', async () => {
    alone.link.setUp(false);
    expect((await outcome(alone, alone.stack.ping('10.0.0.1'))).error!.code).toBe('ENETDOWN');
    alone.link.setUp(true);
    alone.link.room = 0;
    const udp = alone.stack.udp.bind({}, { onMessage: () => {} });
    while (udp.send(new Uint8Array(1400), 9, '10.0.0.1'));
    while (udp.send(new Uint8Array(0), 9, '10.0.0.1'));
    udp.close();
    const lost = alone.stack.ping('10.0.0.1', { timeout: 300 });
    const late = alone.stack.ping('10.0.0.1');
    expect((await outcome(alone, lost, 300)).error!.code).toBe('ETIMEDOUT');
    alone.link.unblock();
    const request = requests().find(({ bytes }) => bytes[9] === 1)!;
    arrive('10.0.0.1', '10.0.0.2', { ...request, type: 0 });
    expect((await outcome(alone, late)).result).toMatchObject({ sent: 1, received: 1, time: 0 });
  });

  it('ends with its signal, and with the stack', async () => {
    const controller = new AbortController();
    const reason = new Error('enough');
    const promise = alone.stack.ping('10.0.0.1', { signal: controller.signal, count: 9 });
    alone.clock.advance(1500 * MS);
    controller.abort(reason);
    expect((await outcome(alone, promise)).error).toBe(reason);
    expect((await outcome(alone, alone.stack.ping('10.0.0.1', { signal: controller.signal }))).error).toBe(reason);
    alone.stack.assertQuiescent();
    const open = alone.stack.ping('10.0.0.1');
    open.catch(() => {});
    await alone.end();
    alone.clock.advance(0);
    expect((await outcome(alone, open)).error).toMatchObject({ code: 'ECONNABORTED' });
    expect(codeOf(() => alone.stack.ping('10.0.0.1'))).toBe('ERR_INVALID_STATE');
  });

  it('throws at once for a misuse', () => {
    const wrong: [unknown, unknown, string][] = [
      ['10.0.0', {}, 'ERR_INVALID_ARG_VALUE'],
      [7, {}, 'ERR_INVALID_ARG_TYPE'],
      ['10.0.0.1', { size: 65_508 }, 'ERR_OUT_OF_RANGE'],
      ['10.0.0.1', { data: 'x' }, 'ERR_INVALID_ARG_TYPE'],
      ['10.0.0.1', { data: new Uint8Array(65_508) }, 'ERR_OUT_OF_RANGE'],
      ['10.0.0.1', { ttl: 0 }, 'ERR_OUT_OF_RANGE'],
      ['10.0.0.1', { trafficClass: 256 }, 'ERR_OUT_OF_RANGE'],
      ['10.0.0.1', { broadcast: 1 }, 'ERR_INVALID_ARG_TYPE'],
      ['10.0.0.1', { dontFragment: 1 }, 'ERR_INVALID_ARG_TYPE'],
      ['10.0.0.1', { timeout: 0 }, 'ERR_OUT_OF_RANGE'],
      ['10.0.0.1', { count: 0 }, 'ERR_OUT_OF_RANGE'],
      ['10.0.0.1', { interval: -1 }, 'ERR_OUT_OF_RANGE'],
      ['10.0.0.1', { signal: {} }, 'ERR_INVALID_ARG_TYPE'],
      ['10.0.0.1', { hops: 1 }, 'ERR_INVALID_ARG_VALUE'],
    ];
    for (const [address, options, code] of wrong) {
      expect([options, codeOf(() => alone.stack.ping(address as never, options as never))]).toEqual([options, code]);
    }
    alone.stack.assertQuiescent();
  });
});

describe('stack.raw.openPing', () => {
  it('hears all hosts of a group, and what they send twice', () => {
    const pinging = openPing(alone.stack, { remoteAddress: 'ff02::1%tun0', ttl: 3 });
    expect(pinging.socket.send(Uint8Array.of(1))).toBe(1);
    const [request] = requests();
    expect(request).toMatchObject({ hops: 3, from: 'fe80::2' });
    for (const from of ['fe80::7', 'fe80::8']) arrive(from, 'fe80::2', { ...request!, type: 129 });
    expect(pinging.replies.map(({ remoteAddress, duplicate }) => `${remoteAddress} ${duplicate}`)).toEqual([
      'fe80::7%tun0 false',
      'fe80::8%tun0 true',
    ]);
    expect(pinging.data).toEqual([Uint8Array.of(1), Uint8Array.of(1)]);
    pinging.socket.forget(1);
    arrive('fe80::9', 'fe80::2', { ...request!, type: 129 });
    expect(pinging.socket.counters).toEqual({ sent: 1, received: 1, duplicates: 1, late: 1, dropped: 0, errors: 0 });
  });

  it('numbers go round, and only so many wait for an answer', () => {
    const { socket, replies } = openPing(alone.stack, { remoteAddress: '10.0.0.1' });
    const numbers: (number | undefined)[] = [];
    for (let i = 0; i < 65_537; i++) {
      numbers.push(socket.send([]));
      if (i % 100 === 0) alone.sent();
    }
    expect([numbers[0], numbers[65_534], numbers[65_535], numbers[65_536]]).toEqual([1, 65_535, 0, 1]);
    const [last] = requests().slice(-1);
    const answer = (sequence: number): void =>
      arrive('10.0.0.1', '10.0.0.2', { ...last!, type: 0, rest: ((last!.rest & 0xffff_0000) | sequence) >>> 0 });
    for (const sequence of [1, 0, 65_535, 64_514, 64_513]) answer(sequence);
    expect(replies.map(({ sequence }) => sequence)).toEqual([1, 0, 65_535, 64_514]);
  });

  it('holds so much, and counts what it could not', () => {
    const pinging = openPing(alone.stack, { remoteAddress: '10.0.0.1', receiveBuffer: 700 });
    for (let i = 0; i < 3; i++) pinging.socket.send(new Uint8Array(50));
    const sent = requests();
    alone.link.inject(
      ...sent.map(({ bytes }) => {
        const packet = parseIpv4(bytes) as Ipv4Packet;
        const payload = formatIcmp({ ...(parseIcmp(packet.payload) as IcmpMessage), type: 0 });
        return formatIpv4({ ...packet, source: packet.destination, destination: packet.source, payload });
      }),
    );
    alone.clock.advance(0);
    expect([pinging.replies.length, pinging.socket.counters.dropped]).toEqual([2, 1]);
    expect(alone.stack.statistics().drops).toEqual({ 'ping-receive-buffer-full': 1 });
    expect(alone.stack.statistics().memory.used).toBe(0);
  });

  it('says when there is room again, and when the stack has closed it', async () => {
    alone.link.room = 0;
    const pinging = openPing(alone.stack, { remoteAddress: '10.0.0.1' });
    while (pinging.socket.send(new Uint8Array(1400)) !== undefined);
    alone.link.unblock();
    alone.clock.advance(0);
    expect(pinging.writable).toBe(1);
    await alone.end();
    expect(pinging.closed).toBe(1);
    expect(codeOf(() => pinging.socket.send([]))).toBe('EBADF');
  });
});

describe('an address that is taken away', () => {
  it.each([
    ['10.0.0.2', '10.0.0.1', 3, 1],
    ['fd00::2', 'fd00::1', 1, 3],
  ])(
    'ends what was asked from %s at once; what is asked next leaves from another',
    async (own, peer, icmpType, icmpCode) => {
      const tun0 = alone.stack.interfaces.find(({ name }) => name === 'tun0')!;
      const { socket, errors } = openPing(alone.stack, { remoteAddress: peer });
      socket.send([]);
      socket.send([]);
      alone.clock.advance(30 * MS);
      tun0.addAddress(own === '10.0.0.2' ? '10.0.0.3/24' : 'fd00::3/64');
      tun0.removeAddress(own);
      alone.clock.advance(0);
      const error = { code: 'EADDRNOTAVAIL', syscall: 'ping', address: peer, timeExceeded: false, mtu: 0, time: 30 };
      expect(errors).toMatchObject([1, 2].map((sequence) => ({ ...error, sequence, icmpType, icmpCode })));
      expect(errors.map(({ reporter }) => String(reporter))).toEqual([own, own]);
      expect(socket.counters.errors).toBe(2);
      requests();
      socket.send([]);
      expect(requests().map(({ from }) => from)).toEqual([own.replace('2', '3')]);
      // That one waits.
      tun0.addAddress(own === '10.0.0.2' ? '10.0.0.4/24' : 'fd00::4/64');
      tun0.removeAddress(own === '10.0.0.2' ? '10.0.0.4' : 'fd00::4');
      alone.clock.advance(0);
      expect(errors).toHaveLength(2);
      socket.close();
    },
  );

  it('ends `stack.ping` before its time-out', async () => {
    const promise = alone.stack.ping('10.0.0.1', { address: '10.0.0.2', timeout: 10_000 });
    await outcome(alone, promise, 10);
    alone.stack.interfaces.find(({ name }) => name === 'tun0')!.removeAddress('10.0.0.2');
    const { error } = await outcome(alone, promise, 0);
    expect(error).toMatchObject({ code: 'EADDRNOTAVAIL', message: expect.stringContaining('taken away') as string });
    expect(String(error!.reporter)).toBe('10.0.0.2');
    alone.stack.assertQuiescent();
  });

  it('an answered request has nothing to lose; a later one of several goes on by the next address', async () => {
    const promise = alone.stack.ping('10.0.0.1', { count: 3, interval: 100 });
    const tun0 = alone.stack.interfaces.find(({ name }) => name === 'tun0')!;
    const answer = (): void => {
      for (const { from, rest, payload } of requests()) arrive('10.0.0.1', from, { type: 0, code: 0, rest, payload });
    };
    await outcome(alone, promise, 1);
    answer();
    await outcome(alone, promise, 100);
    tun0.addAddress('10.0.0.3/24');
    tun0.removeAddress('10.0.0.2');
    await outcome(alone, promise, 100);
    answer();
    const { result } = await outcome(alone, promise, 1000);
    expect(result).toMatchObject({ sent: 3, received: 2, errors: [{ code: 'EADDRNOTAVAIL' }] });
  });

  it('so does a device that goes, where the socket is bound to it', async () => {
    const { socket, errors } = openPing(alone.stack, { remoteAddress: '10.0.0.1', device: 'tun0' });
    socket.send([]);
    await alone.stack.interfaces.find(({ name }) => name === 'tun0')!.detach();
    alone.clock.advance(0);
    expect(errors.map(({ code }) => code)).toEqual(['EADDRNOTAVAIL']);
    socket.close();
    alone.stack.assertQuiescent();
  });
});
