import { describe, expect, it } from 'vitest';
import { Stack, cable } from '../../src/index.ts';
import type { StackOptions } from '../../src/index.ts';
import { VirtualClock, seededRandom } from '../../src/sim/index.ts';
import { extended, stamp, stampOf } from '../support/tcp-extended.ts';
import type { ExtendedOptions } from '../support/tcp-extended.ts';
import { ANY, hostAt, cidrAt } from '../support/family.ts';

const SECOND = 1_000_000;
/** TSval of everything that the old incarnation sent. */
const LAST = 5000;

/** A connection that the stack has closed, in TIME-WAIT; the peer's last number was that of its FIN, 101. */
function inTimeWait(options: ExtendedOptions = {}) {
  const made = extended({ tsValue: LAST, ...options });
  const { world, peer, connection } = made;
  const used = !('tsValue' in options) || options.tsValue !== undefined;
  const last = used ? { options: stamp(LAST) } : {};
  peer.send({ flags: 'A', data: 100, ...last });
  world.read(connection);
  world.act(() => connection.shutdown());
  peer.send({ flags: 'FA', ack: 2, ...last });
  expect(connection.state).toBe('TIME_WAIT');
  const before = peer.take().at(-1)!;
  world.advance(SECOND);
  return { ...made, before };
}

/** SEG.SEQ of the SYN, against everything that the peer sent before (up to 102). */
const ABOVE = 200_000;
const BELOW = -200_000;

describe('RFC 6191 §2: SYN segments received in TIME-WAIT', () => {
  it.each([
    ['a greater timestamp, a greater number', LAST + 1, ABOVE],
    ['a greater timestamp, a smaller number', LAST + 1, BELOW],
    ['a greater timestamp across the wrap', LAST + 2 ** 30, BELOW],
    ['the same timestamp, a greater number', LAST, ABOVE],
    ['no timestamp, a greater number', undefined, ABOVE],
  ])('[SHLD-4] [S-095] after timestamps were used, honored: %s', (_, tsValue, seq) => {
    const { world, peer, connection, before } = inTimeWait();
    peer.send({ flags: 'S', seq, mss: 1460, ...(tsValue === undefined ? {} : { options: stamp(tsValue) }) });
    const { irs } = peer;
    const answer = peer.expect({ flags: 'SA', seq: 0, ack: seq + 1 });
    expect(connection.state).toBe('CLOSED');
    // [MAY-2] Our own numbers and timestamps are above those of the old incarnation.
    expect((irs! - before.packet.tcp!.sequence) | 0).toBeGreaterThanOrEqual(0);
    if (tsValue !== undefined) expect(stampOf(answer)!.value - stampOf(before)!.value).toBe(1000);
    else expect(stampOf(answer)).toBeUndefined();
    peer.send({ flags: 'A', seq: seq + 1, ack: 1, ...(tsValue === undefined ? {} : { options: stamp(tsValue) }) });
    expect(world.stack.tcp.connections.map(({ state }) => state)).toEqual(['ESTABLISHED']);
  });

  it.each([
    ['a smaller timestamp, a greater number', LAST - 1, ABOVE],
    ['a smaller timestamp, a smaller number', LAST - 1, BELOW],
    ['the same timestamp, a smaller number', LAST, BELOW],
    ['no timestamp, a smaller number', undefined, BELOW],
  ])('[SHLD-4] [S-095] after timestamps were used, not honored: %s', (_, tsValue, seq) => {
    const { world, peer, connection } = inTimeWait();
    peer.send({ flags: 'S', seq, mss: 1460, ...(tsValue === undefined ? {} : { options: stamp(tsValue) }) });
    // The RFC would have it dropped silently; the challenge ACK of RFC 5961 §4.2 does no harm.
    for (const heard of peer.take()) expect(heard).toMatchObject({ flags: 'A', seq: 2, ack: 102 });
    expect(connection.state).toBe('TIME_WAIT');
    expect(world.stack.tcp.connections.length).toBe(1);
  });

  it.each([
    ['timestamps, whatever the number', 1, BELOW],
    ['timestamps that look old, whatever the number', 0x9000_0000, BELOW],
    ['no timestamps, a greater number', undefined, ABOVE],
  ])('[SHLD-4] [S-095] after timestamps were not used, honored: %s', (_, tsValue, seq) => {
    const { peer, connection } = inTimeWait({ tsValue: undefined });
    peer.send({ flags: 'S', seq, mss: 1460, ...(tsValue === undefined ? {} : { options: stamp(tsValue) }) });
    peer.expect({ flags: 'SA', seq: 0, ack: seq + 1 });
    expect(connection.state).toBe('CLOSED');
  });

  it('[SHLD-4] [S-095] after timestamps were not used, not honored: none, and a smaller number', () => {
    const { peer, connection } = inTimeWait({ tsValue: undefined });
    peer.send({ flags: 'S', seq: BELOW, mss: 1460 });
    peer.take();
    expect(connection.state).toBe('TIME_WAIT');
  });

  it('[SHLD-4] [S-095] a listener that uses no timestamps goes by the number alone', () => {
    const { world, peer, connection } = inTimeWait();
    world.stack.tcp.listeners[0]!.close();
    world.listen({ timestamps: false });
    peer.send({ flags: 'S', seq: BELOW, options: stamp(LAST + 1) });
    peer.take();
    expect(connection.state).toBe('TIME_WAIT');
    peer.send({ flags: 'S', seq: ABOVE, options: stamp(LAST + 1) });
    peer.expect({ flags: 'SA', ack: ABOVE + 1 });
  });

  it('[S-066] PAWS holds in TIME-WAIT: an old FIN is answered, and does not make it longer', () => {
    const { world, peer, connection } = inTimeWait();
    world.advance(30 * SECOND);
    peer.send({ flags: 'FA', seq: 101, ack: 2, options: stamp(LAST - 1) });
    peer.expect({ flags: 'A', seq: 2, ack: 102 });
    world.advance(29 * SECOND - 1);
    expect(connection.state).toBe('TIME_WAIT');
    world.advance(1);
    expect(connection.state).toBe('CLOSED');
  });

  it.each(['SA', 'SR'])('[MAY-2] %s is no connection request', (flags) => {
    const { peer, connection } = inTimeWait();
    peer.send({ flags, seq: ABOVE, options: stamp(LAST + 1) });
    peer.take();
    expect(connection.state).toBe('TIME_WAIT');
  });
});

/** Two stacks; `client` opens connections to port 7 of `server`, which closes none by itself. */
function pair(options: StackOptions) {
  const clock = new VirtualClock();
  const [near, far] = cable({ mtu: 1500 });
  const client = new Stack({ clock, random: seededRandom(1), ...options });
  const server = new Stack({ clock, random: seededRandom(2) });
  client.attach(near, { addresses: [cidrAt(1)] });
  server.attach(far, { addresses: [cidrAt(2)] });
  server.tcp.listen({ address: ANY, port: 7 }, (connection) => {
    connection.handler = { onEnd: (c) => c.close() };
  });
  const open = () => client.tcp.connect({ remoteAddress: hostAt(2), remotePort: 7 }, {});
  return { clock, client, server, open };
}

describe('what lingers is bounded', () => {
  it('TIME-WAIT: the oldest ends early, and is counted', () => {
    const { clock, client, server, open } = pair({ maxTimeWait: 10 });
    const connections = Array.from({ length: 25 }, () => {
      const connection = open();
      clock.advance(1000);
      connection.close();
      clock.advance(1000);
      return connection;
    });
    expect(connections.map(({ state }) => state)).toEqual([
      ...Array.from({ length: 15 }, () => 'CLOSED'),
      ...Array.from({ length: 10 }, () => 'TIME_WAIT'),
    ]);
    const { tcp, drops } = client.statistics();
    expect(tcp).toMatchObject({ connections: 10, timeWait: 10, orphans: 0 });
    expect(drops['tcp-time-wait-overflow']).toBe(15);
    clock.advance(61 * SECOND);
    expect(client.statistics().tcp).toMatchObject({ connections: 0, timeWait: 0 });
    client.assertQuiescent();
    server.tcp.listeners[0]!.close();
    server.assertQuiescent();
  });

  it('orphans: the oldest is reset, and counted', () => {
    const { clock, client, server, open } = pair({ maxOrphans: 10 });
    // A peer that reads nothing and never closes.
    server.tcp.listeners[0]!.close();
    const theirs: string[] = [];
    server.tcp.listen({ address: ANY, port: 7, receiveBuffer: 2048 }, (connection) => {
      connection.handler = { onError: ({ code }) => theirs.push(code) };
    });
    const connections = Array.from({ length: 25 }, () => {
      const connection = open();
      clock.advance(1000);
      connection.write(new Uint8Array(10_000));
      connection.close();
      clock.advance(1000);
      return connection;
    });
    expect(connections.map(({ state }) => state)).toEqual([
      ...Array.from({ length: 15 }, () => 'CLOSED'),
      ...Array.from({ length: 10 }, () => 'FIN_WAIT_1'),
    ]);
    const { tcp, drops, memory } = client.statistics();
    expect(tcp).toMatchObject({ connections: 10, timeWait: 0, orphans: 10 });
    expect(drops['tcp-orphan-overflow']).toBe(15);
    expect(theirs).toEqual(Array.from({ length: 15 }, () => 'ECONNRESET'));
    expect(memory.used).toBeGreaterThan(0);
    for (const connection of client.tcp.connections) connection.abort();
    clock.advance(1000);
    client.assertQuiescent();
  });

  it('an orphan that enters TIME-WAIT is none any more', () => {
    const { clock, client, open } = pair({});
    const connection = open();
    clock.advance(1000);
    connection.close();
    expect(client.statistics().tcp).toMatchObject({ timeWait: 0, orphans: 1 });
    clock.advance(1000);
    expect(client.statistics().tcp).toMatchObject({ timeWait: 1, orphans: 0 });
  });

  it.each([{ maxTimeWait: 0 }, { maxOrphans: 0 }, { maxTimeWait: 1.5 }, { maxOrphans: '1' as never }])(
    'the options are checked: %o',
    (options) => {
      expect(() => new Stack(options)).toThrow(/maxTimeWait|maxOrphans/);
    },
  );
});
