import { describe, expect, it } from 'vitest';
import type { Link, SystemError } from '../../../src/index.ts';
import { Batch, Stack, cable, capture, impair, loopback, tap } from '../../../src/index.ts';
import {
  Ladder,
  ScriptWorld,
  VirtualClock,
  established,
  handshake,
  runScript,
  seededRandom,
} from '../../../src/sim/index.ts';
import { RawLink } from '../../support/raw-link.ts';

const ignore = (): void => {};
const handler = { onMessage: ignore };

/** A stack with 10.0.0.1/24 on a link whose other side is the test. */
function alone() {
  const clock = new VirtualClock();
  const stack = new Stack({ clock, random: seededRandom(1) });
  const link = new RawLink();
  const near = stack.attach(link, { addresses: ['10.0.0.1/24'] });
  return { clock, link, near, stack };
}

/** What a call throws, by code and message. */
function thrown(fn: () => unknown): { code: string; message: string } {
  try {
    fn();
  } catch (error) {
    const { code, message } = error as SystemError;
    return { code, message };
  }
  return { code: 'nothing was thrown', message: '' };
}

/** A call that a JavaScript program may make, whatever the types say. */
type Call = (stack: Stack, options: never) => unknown;

const ENTRANCES: [name: string, call: Call][] = [
  ['new Stack', (_stack, options) => new Stack(options)],
  ['new Stack, tcp', (_stack, tcp) => new Stack({ tcp })],
  ['stack.attach', (stack, options) => stack.attach(new RawLink(), options)],
  ['stack.tcp.connect', (stack, options) => stack.tcp.connect(options, {})],
  ['stack.tcp.listen', (stack, options) => stack.tcp.listen(options, ignore)],
  ['stack.udp.bind', (stack, options) => stack.udp.bind(options, handler)],
  ['stack.close', (stack, options) => stack.close(options)],
  ['stack.assertQuiescent', (stack, options) => stack.assertQuiescent(options)],
  ['routes.add', (stack, options) => stack.routes.add('10.1.0.0/16', options)],
  ['routes.remove', (stack, options) => stack.routes.remove('10.0.0.0/24', options)],
  ['cable', (_stack, options) => cable(options)],
  ['capture', (_stack, options) => capture(new RawLink(), ignore, options)],
  ['impair', (_stack, options) => impair(new RawLink(), options)],
  ['impair: send', (_stack, send) => impair(new RawLink(), { send })],
  ['impair, set', (_stack, options) => impair(new RawLink()).set(options)],
  ['new VirtualClock', (_stack, options) => new VirtualClock(options)],
  ['new Ladder', (_stack, options) => new Ladder(options)],
  ['runScript', (_stack, options) => runScript(new ScriptWorld(), '', options)],
  ['new ScriptWorld', (_stack, options) => new ScriptWorld(options)],
  ['established', (_stack, options) => established(options)],
  ['handshake', (_stack, options) => handshake(new ScriptWorld(), options)],
  ['world.peer', (_stack, options) => new ScriptWorld().peer(options)],
  ['peer.send', (_stack, options) => new ScriptWorld().client().send(options)],
  ['peer.expect', (_stack, options) => new ScriptWorld().client().expect(options)],
];

describe('options', () => {
  it.each(ENTRANCES)('of %s: an unknown name is refused, and the known ones are listed', (where, call) => {
    const { stack } = alone();
    const { code, message } = thrown(() => call(stack, { nodelay: true } as never));
    expect(code).toBe('ERR_INVALID_ARG_VALUE');
    expect(message).toMatch(new RegExp(`^${where}: there is no option 'nodelay'; there are [a-z]+`));
    expect(stack.closing).toBe(false);
    stack.assertQuiescent();
  });

  it.each(ENTRANCES)('of %s: what is no object is refused', (where, call) => {
    const { stack } = alone();
    for (const options of [null, 'x', 80, ignore, ['x']]) {
      const { code, message } = thrown(() => call(stack, options as never));
      expect([code, message.startsWith(`${where}: the options must be an object`)]).toEqual([
        'ERR_INVALID_ARG_TYPE',
        true,
      ]);
    }
    stack.assertQuiescent();
  });

  it('that are undefined count as absent', () => {
    const { stack } = alone();
    const absent = undefined as never;
    stack.tcp.listen({ port: 80, ttl: absent, backlog: undefined }, ignore).close();
    stack.udp.bind({ port: 80, ttl: absent, address: undefined }, handler).close();
    stack.attach(cable({ mtu: absent })[0], { addresses: absent, name: absent });
    expect(stack.interfaces.map(({ name }) => name)).toEqual(['lo', 'eth0', 'eth1']);
    stack.assertQuiescent();
  });

  it('of a stack: a clock and a random source that are none', () => {
    expect(thrown(() => new Stack({ clock: {} as never }))).toEqual({
      code: 'ERR_INVALID_ARG_TYPE',
      message: 'clock has no now(): pass a Clock, such as a VirtualClock',
    });
    expect(thrown(() => new Stack({ random: Math.random as never }))).toEqual({
      code: 'ERR_INVALID_ARG_TYPE',
      message: 'random must be a Random, such as seededRandom(1), not a function',
    });
  });
});

describe('handlers', () => {
  const PEER = { remoteAddress: '10.0.0.2', remotePort: 80 };
  const PLACES: [name: string, give: (stack: Stack, callbacks: never) => unknown, one: string][] = [
    ['stack.tcp.connect', (stack, callbacks) => stack.tcp.connect(PEER, callbacks), 'onConnect'],
    [
      'connection.handler',
      (stack, callbacks) => {
        stack.tcp.connect(PEER, {}).handler = callbacks;
      },
      'onConnect',
    ],
    ['stack.udp.bind', (stack, callbacks) => stack.udp.bind({}, callbacks), 'onMessage'],
    ['tap', (_stack, callbacks) => tap(new RawLink(), callbacks), 'onOpen'],
  ];

  it.each(PLACES)('of %s: an unknown callback is refused, and the known ones are listed', (where, give, one) => {
    const { stack } = alone();
    class Own {
      onDta(): void {}
    }
    for (const callbacks of [{ [one]: ignore, onDta: ignore }, { [one]: ignore, onDta: undefined }, new Own()]) {
      const { code, message } = thrown(() => give(stack, callbacks as never));
      expect(code).toBe('ERR_INVALID_ARG_VALUE');
      expect(message).toMatch(new RegExp(`^${where}: there is no callback 'onDta'; there are on[A-Z]`));
    }
  });

  it.each(PLACES)('of %s: a known callback in another case is refused', (where, give, one) => {
    const { stack } = alone();
    const { code, message } = thrown(() => give(stack, { [one.toLowerCase()]: ignore } as never));
    expect(code).toBe('ERR_INVALID_ARG_VALUE');
    expect(message).toContain(`${where}: there is no callback '${one.toLowerCase()}'; there are`);
  });

  it.each(PLACES)('of %s: what is no object and what is no function is refused', (where, give, one) => {
    const { stack } = alone();
    for (const callbacks of [undefined, null, 'x', ignore, [ignore]]) {
      expect(thrown(() => give(stack, callbacks as never))).toEqual({
        code: 'ERR_INVALID_ARG_TYPE',
        message: expect.stringMatching(new RegExp(`^${where}: the callbacks must be an object \\(of on`)),
      });
    }
    expect(thrown(() => give(stack, { [one]: 5 } as never))).toEqual({
      code: 'ERR_INVALID_ARG_TYPE',
      message: `${where}: ${one} must be a function, not number`,
    });
  });

  it('may have more of their own, and leave out what they like', () => {
    const { stack } = alone();
    class Counting {
      once = true;
      count = 0;
      onReadable(): void {
        this.count++;
      }
    }
    const connection = stack.tcp.connect(PEER, { onClose: undefined as never, seen: 0 } as never);
    connection.handler = new Counting();
    expect(connection.handler).toBeInstanceOf(Counting);
    connection.abort();
  });
});

describe('scripts', () => {
  it('need a text, and somebody to play it', () => {
    expect(thrown(() => runScript(new ScriptWorld(), undefined as never))).toEqual({
      code: 'ERR_INVALID_ARG_TYPE',
      message: 'script must be a string, not undefined',
    });
    for (const wrong of [undefined, null, {}, 'listen', alone().stack]) {
      expect(thrown(() => runScript(wrong as never, ''))).toEqual({
        code: 'ERR_INVALID_ARG_TYPE',
        message: expect.stringMatching(/^runScript plays on a ScriptWorld, or on what established\(\) returns, not /),
      });
    }
  });

  it('established() takes the options of a world and of a handshake', () => {
    const { connection } = established({ sack: true, mtu: 1400, seed: 5, tcp: { noDelay: true }, windowScale: 2 });
    expect([connection.info().sack, connection.info().pathMtu, connection.get('noDelay')]).toEqual([true, 1400, true]);
    expect(thrown(() => established({ sak: true } as never)).message).toMatch(/no option 'sak'; there are .*sack/);
    expect(thrown(() => established({ open: 'actively' } as never)).code).toBe('ERR_INVALID_ARG_VALUE');
  });
});

it('impair takes a seed or a source of randomness, not both', () => {
  const both = { seed: 1, random: seededRandom(1) };
  expect(thrown(() => impair(new RawLink(), both))).toEqual({
    code: 'ERR_INVALID_ARG_VALUE',
    message: 'impair: give `seed` or `random`, not both',
  });
});

it('addAddress takes a text', () => {
  const { near } = alone();
  for (const wrong of [undefined, null, 5, true, {}, ['10.0.0.3/24']]) {
    expect(thrown(() => near.addAddress(wrong as never)).code).toBe('ERR_INVALID_ARG_TYPE');
  }
  expect(near.addresses.map(String)).toEqual(['10.0.0.1/24']);
});

it('get of UDP and raw sockets knows the options that there are', () => {
  const { stack } = alone();
  const udp = stack.udp.bind({}, handler);
  const raw = stack.raw.open({ protocol: 89 }, { onPacket: ignore });
  expect([udp.get('ttl'), raw.get('ttl')]).toEqual(['auto', 64]);
  for (const get of [() => udp.get('hops' as never), () => raw.get('hops' as never)]) {
    expect(thrown(get)).toMatchObject({
      code: 'ERR_INVALID_ARG_VALUE',
      message: expect.stringMatching(/'hops' is not an option/),
    });
  }
  udp.close();
  raw.close();
});

it('connection.get knows the options that there are', () => {
  const { stack } = alone();
  const connection = stack.tcp.connect({ remoteAddress: '10.0.0.2', remotePort: 80 }, {});
  expect(connection.get('ttl')).toBe('auto');
  expect(thrown(() => connection.get('nodelay' as never))).toEqual({
    code: 'ERR_INVALID_ARG_VALUE',
    message: expect.stringMatching(/^There is no connection option 'nodelay'; there are noDelay/),
  });
  connection.abort();
});

describe('texts that are no address', () => {
  it('have a hint', () => {
    const { stack } = alone();
    const { message: text } = thrown(() => stack.tcp.listen({ address: 'localhost' }, ignore));
    expect(text).toBe("'localhost' is not an IP address: write it like 10.0.0.1");
    const attach = (address: string) => thrown(() => stack.attach(new RawLink(), { addresses: [address] })).message;
    expect(attach('fd00::1')).toBe(
      "'fd00::1' is not a network: append the prefix length (/128 for this address alone)",
    );
    expect(attach('fd00::1/129')).toBe(
      "'fd00::1/129' is not a network: the prefix length of an IPv6 address is a whole number from 0 to 128",
    );
    expect(attach('fe80::1%tun0/64')).toBe(
      'fe80::1%tun0/64: leave the zone out, it is the interface that the address is given to',
    );
  });

  it('a socket of the other family says so', () => {
    const { stack } = alone();
    const socket = stack.udp.bind({}, handler);
    const hint = 'the socket is of the other family: bind one to :: for both';
    expect(thrown(() => socket.send(new Uint8Array(1), 9, '::1')).message).toBe(`send EAFNOSUPPORT ::1:9: ${hint}`);
    expect(thrown(() => socket.connect('::1', 9)).message).toBe(`connect EAFNOSUPPORT ::1:9: ${hint}`);
    socket.close();
    expect(thrown(() => stack.tcp.connect({ remoteAddress: 'fe80::1', remotePort: 9 }, {})).message).toBe(
      'connect EINVAL fe80::1:9: a link-local address takes the name of an interface: fe80::1%tun0',
    );
    stack.assertQuiescent();
  });

  it('a zone that there is not says which there are', async () => {
    const { stack } = alone();
    const hint = 'there is no interface eth9; there are lo, eth0';
    const remoteAddress = 'fe80::1%eth9';
    expect(thrown(() => stack.tcp.connect({ remoteAddress, remotePort: 9 }, {})).message).toBe(
      `connect EINVAL ${remoteAddress}:9: ${hint}`,
    );
    const socket = stack.udp.bind({ address: '::' }, handler);
    const send = thrown(() => socket.send(new Uint8Array(1), 9, remoteAddress));
    expect(send.message).toBe(`send EINVAL ${remoteAddress}:9: ${hint}`);
    expect(thrown(() => socket.connect(remoteAddress, 9)).message).toBe(`connect EINVAL ${remoteAddress}:9: ${hint}`);
    expect(thrown(() => socket.send(new Uint8Array(1), 9, 'ff02::1%eth9')).message).toContain(`: ${hint}`);
    expect(thrown(() => socket.send(new Uint8Array(1), 9, 'fe80::1')).message).toContain(
      ': a link-local address takes',
    );
    socket.close();
    await expect(stack.ping(remoteAddress)).rejects.toMatchObject({
      code: 'EINVAL',
      message: `ping EINVAL ${remoteAddress}: ${hint}`,
    });
    stack.assertQuiescent();
  });
});

describe('what attach refuses', () => {
  it('a link that is none', () => {
    const { stack } = alone();
    const attach = (link: unknown) => thrown(() => stack.attach(link as Link));
    expect(attach(cable())).toEqual({
      code: 'ERR_INVALID_ARG_TYPE',
      message: 'link must be one link, not an array: attach one end of a cable, const [a, b] = cable()',
    });
    for (const link of [undefined, null, 'tun0', {}, { open: ignore, send: ignore }] as unknown[]) {
      expect(attach(link).code).toBe('ERR_INVALID_ARG_TYPE');
      expect(thrown(() => tap(link as Link, {})).code).toBe('ERR_INVALID_ARG_TYPE');
    }
  });

  it('a link that was attached before, to whichever stack', () => {
    const { stack, link, near } = alone();
    const other = new Stack({ clock: new VirtualClock() });
    for (const next of [stack, other]) {
      expect(thrown(() => next.attach(link))).toMatchObject({
        code: 'ERR_INVALID_STATE',
        message: expect.stringContaining('attached before'),
      });
    }
    expect(stack.interfaces.map(({ name }) => name)).toEqual(['lo', 'eth0']);
    expect(near.up).toBe(true);
  });

  it('but not a link whose first try had wrong options', () => {
    const { stack } = alone();
    const [a] = cable();
    expect(thrown(() => stack.attach(a, { addresses: ['10.1.0.1/33'] })).code).toBe('ERR_INVALID_ARG_VALUE');
    expect(thrown(() => stack.attach(a, { addresses: ['10.0.0.1/24'] })).code).toBe('ERR_INVALID_ARG_VALUE');
    expect(stack.attach(a, { addresses: ['10.1.0.1/24'] }).name).toBe('eth1');
  });

  it('an Ethernet card whose address is not one', () => {
    const { stack } = alone();
    for (const address of [new Uint8Array(8), new Uint8Array(6), new Uint8Array(6).fill(255)]) {
      const link = Object.assign(new RawLink(), { medium: 'ethernet', address });
      expect(thrown(() => stack.attach(link)).code).toBe('ERR_INVALID_ARG_VALUE');
      expect(link.host).toBeUndefined();
    }
    expect(stack.interfaces).toHaveLength(2);
    expect(stack.ip.interfaces).toHaveLength(2);
  });

  it.each([
    ['vlan', -1, 'ERR_OUT_OF_RANGE'],
    ['vlan', 4095, 'ERR_OUT_OF_RANGE'],
    ['vlan', '7', 'ERR_INVALID_ARG_TYPE'],
    ['conflictDetection', 1, 'ERR_INVALID_ARG_TYPE'],
    ['autoconfiguration', 1, 'ERR_INVALID_ARG_TYPE'],
    ['autoconfiguration', null, 'ERR_INVALID_ARG_TYPE'],
    ['autoconfiguration', { router: true }, 'ERR_INVALID_ARG_VALUE'],
    ['autoconfiguration', { routers: 1 }, 'ERR_INVALID_ARG_TYPE'],
    ['autoconfiguration', { linkLocal: 'yes' }, 'ERR_INVALID_ARG_TYPE'],
    ['autoconfiguration', { redirects: 0 }, 'ERR_INVALID_ARG_TYPE'],
    ['autoconfiguration', { identifiers: 'random' }, 'ERR_INVALID_ARG_VALUE'],
    ['autoconfiguration', { secret: 'secret' }, 'ERR_INVALID_ARG_VALUE'],
    ['autoconfiguration', { secret: new Uint8Array(15) }, 'ERR_INVALID_ARG_VALUE'],
    ['autoconfiguration', { temporary: 1 }, 'ERR_INVALID_ARG_TYPE'],
    ['autoconfiguration', { temporary: { valid: 1 } }, 'ERR_INVALID_ARG_VALUE'],
    ['autoconfiguration', { temporary: { validLifetime: 1000, preferredLifetime: 1000 } }, 'ERR_OUT_OF_RANGE'],
    ['autoconfiguration', { duplicateProbes: 11 }, 'ERR_OUT_OF_RANGE'],
    ['autoconfiguration', { duplicateProbes: -1 }, 'ERR_OUT_OF_RANGE'],
  ])('%s %j', (name, value, code) => {
    const { stack } = alone();
    const [a] = cable({ medium: 'ethernet' });
    expect(thrown(() => stack.attach(a, { [name]: value })).code).toBe(code);
  });

  it.each([{ vlan: 7 }, { conflictDetection: true }])('%j of links that carry IP packets', (options) => {
    const { stack } = alone();
    const [a] = cable();
    expect(thrown(() => stack.attach(a, options))).toMatchObject({
      code: 'ERR_INVALID_ARG_VALUE',
      message: expect.stringContaining(`${Object.keys(options)[0]} is for Ethernet links`),
    });
    expect(stack.attach(a, { vlan: 0, conflictDetection: false }).name).toBe('eth1');
  });

  it('autoconfiguration of links that carry IP packets', () => {
    const { stack } = alone();
    const [a] = cable();
    for (const autoconfiguration of [true, {}, { routers: false }]) {
      expect(thrown(() => stack.attach(a, { autoconfiguration })).message).toMatch(/for Ethernet links/);
    }
    const iface = stack.attach(a, { autoconfiguration: false });
    expect([iface.ipv6Addresses, iface.dns]).toEqual([[], { servers: [], searchDomains: [] }]);
  });

  it.each([
    ['10.1.0.1/24', 'ERR_INVALID_ARG_TYPE', /array of strings/],
    [[1], 'ERR_INVALID_ARG_TYPE', /array of strings/],
    [null, 'ERR_INVALID_ARG_TYPE', /array of strings/],
    [['127.0.0.2/8'], 'ERR_INVALID_ARG_VALUE', /loopback address/],
    [['10.1.0.0/24'], 'ERR_INVALID_ARG_VALUE', /network's own address/],
    [['10.1.0.255/24'], 'ERR_INVALID_ARG_VALUE', /broadcast address/],
    [['10.0.0.1/16'], 'ERR_INVALID_ARG_VALUE', /the interface eth0 has the address 10\.0\.0\.1 already/],
    [['10.1.0.1/33'], 'ERR_INVALID_ARG_VALUE', /from 0 to 32/],
    [['10.1.0.1'], 'ERR_INVALID_ARG_VALUE', /append the prefix length/],
    [['10.1/16/2'], 'ERR_INVALID_ARG_VALUE', /like 10\.0\.0\.2\/24/],
  ])('the addresses %j', (addresses, code, message) => {
    const { stack } = alone();
    const refusal = thrown(() => stack.attach(new RawLink(), { addresses: addresses as never }));
    expect(refusal).toEqual({ code, message: expect.stringMatching(message) });
    expect(stack.interfaces.map(({ name }) => name)).toEqual(['lo', 'eth0']);
  });

  it('but not the first address of a network of two or one: RFC 3021', () => {
    const { stack } = alone();
    const { addresses } = stack.attach(new RawLink(), { addresses: ['10.1.0.0/31', '10.2.0.0/32'] });
    expect(addresses.map(String)).toEqual(['10.1.0.0/31', '10.2.0.0/32']);
  });
});

describe('routes', () => {
  it('take an interface by its name or as attach returned it', () => {
    const { stack, near } = alone();
    const via = '10.0.0.9';
    stack.routes.add('10.1.0.0/16', { via, interface: near });
    stack.routes.add('10.2.0.0/16', { via, interface: 'eth0' });
    expect(stack.routes.list().filter(({ origin }) => origin === 'static')).toMatchObject([
      { interface: { name: 'eth0' } },
      { interface: { name: 'eth0' } },
    ]);
    const lo = stack.interfaces[0]!;
    expect(thrown(() => stack.routes.remove('10.1.0.0/16', { interface: lo })).code).toBe('ERR_INVALID_ARG_VALUE');
    stack.routes.remove('10.1.0.0/16', { interface: near });
    stack.routes.remove('10.2.0.0/16', { interface: near });
    expect(stack.routes.list().every(({ origin }) => origin === 'connected')).toBe(true);
  });

  it('need options, and an interface that there is', () => {
    const { stack } = alone();
    const add = (...options: unknown[]) => thrown(() => stack.routes.add('10.1.0.0/16', ...(options as [never])));
    expect(add()).toEqual({
      code: 'ERR_MISSING_ARGS',
      message: 'a route to 10.1.0.0/16 needs via (a gateway) or interface',
    });
    expect(add({}).code).toBe('ERR_MISSING_ARGS');
    expect(add({ interface: 'eth9' }).message).toMatch(/there is no interface eth9; there are: lo, eth0/);
    for (const wrong of [5, null, {}]) expect(add({ interface: wrong }).code).toBe('ERR_INVALID_ARG_TYPE');
    expect(add({ via: '10.0.0.9', metric: '1' }).code).toBe('ERR_INVALID_ARG_TYPE');
  });
});

describe('calls', () => {
  it('on() takes an event that there is, and a function', () => {
    const { stack } = alone();
    const on = stack.on.bind(stack) as (name: string, listener: unknown) => unknown;
    expect(thrown(() => on('close', ignore))).toEqual({
      code: 'ERR_INVALID_ARG_VALUE',
      message: "there is no event 'close'; there are tcp-state, tcp-recovery, link, address-conflict, address, dns",
    });
    expect(thrown(() => on('toString', ignore)).code).toBe('ERR_INVALID_ARG_VALUE');
    expect(thrown(() => on('link', undefined)).code).toBe('ERR_INVALID_ARG_TYPE');
  });

  it('capture() needs a link and a sink', () => {
    const say = 'a function or an object with write(bytes)';
    const sink = (value?: unknown) => thrown(() => capture(loopback(), value as never));
    expect(sink()).toEqual({ code: 'ERR_INVALID_ARG_TYPE', message: `sink must be ${say}, not undefined` });
    expect(sink('x.pcap').message).toBe(`sink must be ${say}, not the string 'x.pcap'`);
    expect(sink({}).message).toBe(`sink has no write(): pass ${say}`);
    expect(thrown(() => capture(cable() as never, ignore)).message).toMatch(/attach one end/);
  });

  it('a wrong time-out and a wrong port are shown with what they may be', () => {
    const { stack } = alone();
    expect(thrown(() => stack.close({ timeout: -1 })).message).toBe(
      'timeout must be a number of milliseconds from 0 on, not -1',
    );
    const connect = (remotePort: unknown) =>
      thrown(() => stack.tcp.connect({ remoteAddress: '10.0.0.2', remotePort: remotePort as number }, {}));
    expect(connect('80')).toEqual({
      code: 'ERR_SOCKET_BAD_PORT',
      message: "remotePort must be a number, not the string '80'",
    });
    expect(connect(0).message).toBe('remotePort must be a whole number from 1 to 65535, not 0');
    expect(connect(undefined).message).toBe('remotePort must be a number, not undefined');
  });

  it('what finds no way says what to do', () => {
    const { stack } = alone();
    const socket = stack.udp.bind({ broadcast: true }, handler);
    const noRoute = 'ENETUNREACH 192.0.2.1:9: no route: add one with stack.routes.add';
    const away = { remoteAddress: '192.0.2.1', remotePort: 9 };
    expect(thrown(() => stack.tcp.connect(away, {})).message).toBe(`connect ${noRoute}`);
    expect(thrown(() => socket.send(new Uint8Array(1), 9, '192.0.2.1')).message).toBe(`send ${noRoute}`);
    expect(thrown(() => socket.connect('192.0.2.1', 9)).message).toBe(`connect ${noRoute}`);
    const group = thrown(() => stack.tcp.connect({ ...away, remoteAddress: '10.0.0.255' }, {}));
    expect(group.message).toBe('connect ENETUNREACH 10.0.0.255:9: a broadcast address is no TCP peer');
    // 1500 bytes less the headers of IP and UDP.
    socket.set('dontFragment', true);
    expect(thrown(() => socket.send(new Uint8Array(1473), 9, '10.0.0.2')).message).toMatch(/at most 1472 bytes/);
    expect(socket.send(new Uint8Array(1472), 9, '10.0.0.2')).toBe(true);
    socket.close();
  });

  it('run() takes an `until` that is truthy, and none that is a promise', async () => {
    const { clock } = alone();
    const words: string[] = [];
    clock.timer(() => words.push('there')).at(5000);
    await clock.run({ until: () => words[0] });
    expect(clock.now()).toBe(5000);
    const wrong = [undefined, null, {}, { until: true }, { until: () => Promise.resolve(false) }, { til: ignore }];
    for (const options of wrong) {
      await expect(clock.run(options as never)).rejects.toMatchObject({ code: expect.stringMatching(/^ERR_/) });
    }
    await clock.run({ for: 1 });
    expect(clock.now()).toBe(6000);
  });
});

describe('Batch', () => {
  it('append copies one row, with its marks, and shares the bytes', () => {
    const from = new Batch();
    const bytes = Uint8Array.of(1, 2, 3, 4);
    const memory = { bytes, view: new DataView(bytes.buffer) };
    from.push(memory, 0, 1);
    from.push(memory, 1, 3, 2, 1000);
    const to = new Batch();
    to.append(from, 1);
    to.push(memory, 0, 2, from.checksum[1]);
    expect([...to].map((packet) => [...packet])).toEqual([
      [2, 3, 4],
      [1, 2],
    ]);
    expect([to.memory[0], to.checksum[0], to.segmentSize[0], to.checksum[1]]).toEqual([memory, 2, 1000, 2]);
    for (const row of [-1, 2, 64]) expect(() => to.append(from, row)).toThrow(RangeError);
  });
});
