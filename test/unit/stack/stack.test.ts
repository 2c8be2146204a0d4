import { describe, expect, it } from 'vitest';
import { Stack, cable } from '../../../src/index.ts';
import type { Connection, ConnectionHandler } from '../../../src/index.ts';
import { VirtualClock, seededRandom } from '../../../src/sim/index.ts';

/** Two stacks on a cable in virtual time. */
function pair(options: { mtu?: number; offload?: boolean } = {}): { clock: VirtualClock; alice: Stack; bob: Stack } {
  const clock = new VirtualClock();
  const [a, b] = cable({ mtu: 1500, ...options });
  const alice = new Stack({ clock, random: seededRandom(1) });
  const bob = new Stack({ clock, random: seededRandom(2) });
  alice.attach(a, { addresses: ['10.0.0.1/24'] });
  bob.attach(b, { addresses: ['10.0.0.2/24'] });
  return { clock, alice, bob };
}

/** Sends back what comes. */
const echo: ConnectionHandler = {
  onReadable: (c) => {
    while (c.readableLength > 0 && c.writableLength > 0) c.write(c.read(c.writableLength)!);
  },
  onWritable: (c) => echo.onReadable!(c),
  onEnd: (c) => c.shutdown(),
};

/** Writes `data`, half-closes, and collects what comes back. */
function exchange(stack: Stack, remoteAddress: string, data: Uint8Array): { received: Uint8Array[]; events: string[] } {
  const received: Uint8Array[] = [];
  const events: string[] = [];
  let sent = 0;
  const push = (c: Connection): void => {
    sent += c.write(data.subarray(sent));
    if (sent === data.length) c.shutdown();
  };
  stack.tcp.connect(
    { remoteAddress, remotePort: 7 },
    {
      onConnect: (c) => {
        events.push('connect');
        push(c);
      },
      onWritable: push,
      onReadable: (c) => {
        for (let bytes = c.read(); bytes !== undefined; bytes = c.read()) received.push(bytes);
      },
      onEnd: () => events.push('end'),
      onError: ({ code }) => events.push(code),
      onClose: () => events.push('close'),
    },
  );
  return { received, events };
}

describe('Stack', () => {
  for (const offload of [false, true]) {
    it(`carries a million bytes there and back, ${offload ? 'with' : 'without'} offload marks`, () => {
      const { clock, alice, bob } = pair({ offload });
      const data = new Uint8Array(1_000_000);
      seededRandom(3).fill(data);
      const listener = bob.tcp.listen({ port: 7 }, (connection) => (connection.handler = echo));
      const { received, events } = exchange(alice, '10.0.0.2', data);
      clock.advance(10_000_000);
      expect(Buffer.concat(received).equals(data)).toBe(true);
      expect(events).toEqual(['connect', 'end', 'close']);
      expect(alice.statistics().drops).toEqual({});
      alice.assertQuiescent({ timeWait: true });
      expect(() => alice.assertQuiescent()).toThrow('TIME_WAIT');
      clock.advance(60_000_000);
      alice.assertQuiescent();
      listener.close();
      bob.assertQuiescent();
    });
  }

  it('reaches itself over lo, by 127.0.0.1 and by its own addresses', () => {
    const { clock, alice } = pair();
    alice.tcp.listen({ port: 7 }, (connection) => (connection.handler = echo));
    const data = new Uint8Array(200_000).map((_, i) => i);
    const exchanges = ['127.0.0.1', '10.0.0.1', '127.1.2.3'].map((address) => exchange(alice, address, data));
    clock.advance(10_000_000);
    for (const { received } of exchanges) expect(Buffer.concat(received).equals(data)).toBe(true);
    const [lo, eth0] = alice.statistics().interfaces;
    expect(lo!.packetsReceived).toBeGreaterThan(0);
    expect(eth0!.packetsSent).toBe(0);
  });

  it('tells of state changes in order', () => {
    const { clock, alice, bob } = pair();
    const seen: string[] = [];
    const stop = alice.on('tcp-state', ({ from, to, event }) => seen.push(`${from} ${event} ${to}`));
    bob.tcp.listen({ port: 7 }, (connection) => (connection.handler = echo));
    exchange(alice, '10.0.0.2', new Uint8Array(10));
    clock.advance(100_000_000);
    expect(seen).toEqual([
      'CLOSED active-open SYN_SENT',
      'SYN_SENT syn-ack ESTABLISHED',
      'ESTABLISHED send-fin FIN_WAIT_1',
      'FIN_WAIT_1 ack-of-fin FIN_WAIT_2',
      'FIN_WAIT_2 fin TIME_WAIT',
      'TIME_WAIT 2msl CLOSED',
    ]);
    stop();
    exchange(alice, '10.0.0.2', new Uint8Array(10));
    clock.advance(100_000_000);
    expect(seen.length).toBe(6);
  });

  it('gives the same packets for the same seeds', () => {
    const run = (): Record<string, unknown> => {
      const { clock, alice, bob } = pair();
      bob.tcp.listen({ port: 7 }, (connection) => (connection.handler = echo));
      const { received } = exchange(alice, '10.0.0.2', new Uint8Array(50_000));
      clock.advance(1_000_000);
      const [connection] = alice.tcp.connections;
      return { info: connection!.info(), port: connection!.localPort, parts: received.map(({ length }) => length) };
    };
    expect(run()).toEqual(run());
  });

  it('closes in order: what is queued arrives, then FIN, then the links close', async () => {
    const { clock, alice, bob } = pair();
    let got = 0;
    const events: string[] = [];
    bob.tcp.listen({ port: 7 }, (connection) => {
      connection.handler = {
        onReadable: (c) => (got += c.read()!.length),
        onEnd: (c) => {
          events.push('end');
          c.shutdown();
        },
      };
    });
    const connection = alice.tcp.connect({ remoteAddress: '10.0.0.2', remotePort: 7 }, {});
    expect(connection.write(new Uint8Array(100_000))).toBe(100_000);
    clock.advance(1);
    let closed = false;
    const closing = alice.close().then(() => (closed = true));
    await clock.run({ until: () => closed });
    await closing;
    expect([got, events]).toEqual([100_000, ['end']]);
    expect(alice.interfaces).toEqual([]);
    alice.assertQuiescent();
    expect(alice.close()).toBe(alice.close());
  });

  it('forgets an interface that is detached, and its routes', async () => {
    const { alice } = pair();
    const eth0 = alice.interfaces.find(({ name }) => name === 'eth0')!;
    await eth0.detach();
    await eth0.detach();
    expect(() => alice.tcp.connect({ remoteAddress: '10.0.0.2', remotePort: 7 }, {})).toThrow('ENETUNREACH');
    expect(alice.interfaces.map(({ name }) => name)).toEqual(['lo']);
  });

  it('carries UDP both ways, with the peer named to the receiver', () => {
    const { clock, alice, bob } = pair();
    const heard: string[] = [];
    const text = new TextDecoder();
    bob.udp.bind(
      { port: 7 },
      { onMessage: (bytes, info, s) => void s.send(bytes, info.remotePort, info.remoteAddress) },
    );
    const socket = alice.udp.bind(
      {},
      { onMessage: (bytes, info) => heard.push(`${text.decode(bytes)} from ${info.remoteAddress}:${info.remotePort}`) },
    );
    socket.send(new TextEncoder().encode('hello'), 7, '10.0.0.2');
    clock.advance(1000);
    expect(heard).toEqual(['hello from 10.0.0.2:7']);
    socket.close();
    alice.assertQuiescent();
  });

  it('[S-033] tells a connected UDP socket that nobody listens, and an unconnected one nothing', () => {
    const { clock, alice } = pair();
    const errors: string[] = [];
    const handler = { onMessage: () => {}, onError: ({ code }: { code: string }) => errors.push(code) };
    const unconnected = alice.udp.bind({}, handler);
    unconnected.send(new Uint8Array(1), 99, '10.0.0.2');
    clock.advance(1000);
    expect(errors).toEqual([]);
    expect(alice.statistics().drops['udp-error-unconnected']).toBe(1);
    unconnected.connect('10.0.0.2', 99);
    unconnected.send(new Uint8Array(1));
    clock.advance(1000);
    expect(errors).toEqual(['ECONNREFUSED']);
  });

  it('tells listeners and UDP sockets that it has closed them', async () => {
    const { clock, alice } = pair();
    const told: string[] = [];
    const listener = alice.tcp.listen({ port: 7 }, () => {});
    listener.onClose = () => told.push('listener');
    const socket = alice.udp.bind({}, { onMessage: () => {}, onClose: () => told.push('socket') });
    const own = alice.udp.bind({}, { onMessage: () => {}, onClose: () => told.push('own') });
    own.close();
    const closing = alice.close();
    expect([listener.closed, socket.closed, told]).toEqual([true, true, []]);
    clock.advance(0);
    await closing;
    expect(told).toEqual(['listener', 'socket']);
  });
});
