import { describe, expect, it } from 'vitest';
import { connected, gated } from '../../support/tcp-gate.ts';
import { World, established } from '../../support/tcp-world.ts';
import { hostAt } from '../../support/family.ts';

const SECOND = 1_000_000;
const MS = 1000;

describe('R2', () => {
  it('[MUST-23] of a SYN is `connectTimeout`, not the user timeout', () => {
    const world = new World();
    const peer = world.peer();
    const { connection } = world.connect({ userTimeout: 2000, connectTimeout: 60_000 });
    world.advance(4 * SECOND);
    expect(peer.take().map(({ at }) => at)).toEqual([0, SECOND, 3 * SECOND]);
    world.advance(6 * SECOND);
    expect(connection.state).toBe('SYN_SENT');
    peer.take();
  });
});

describe('one timer does not do the work of another', () => {
  it('a delayed ACK does not end a cork', () => {
    const { world, peer, connection } = established({ tcp: { cork: true } });
    for (let i = 0; i < 20; i++) peer.send({ flags: 'A', data: 1460 });
    world.read(connection);
    peer.take();
    world.write(connection, 100);
    peer.send({ flags: 'A', data: 10 });
    world.advance(199 * MS);
    expect(peer.take().map(({ length }) => length)).toEqual([0]);
    world.advance(2 * MS);
    peer.expect({ length: 100 });
  });
});

describe('a link that comes up', () => {
  it('where nothing is on its way: nothing is sent, and nothing is lost', () => {
    const { clock, connection, peer, write, carrier } = connected();
    write(1000);
    peer.ack();
    peer.take();
    carrier(false);
    clock.advance(SECOND);
    carrier(true);
    clock.advance(100 * SECOND);
    peer.expectNothing();
    expect(connection.info()).toMatchObject({ recovery: 'open', timeouts: 0, retransmits: 0 });
  });

  it('sends a SYN again at once', () => {
    const { stack, clock, carrier, given } = gated();
    stack.tcp.connect({ remoteAddress: hostAt(2), remotePort: 7 }, {});
    clock.advance(10 * MS);
    expect(given).toHaveLength(1);
    carrier(false);
    clock.advance(10 * MS);
    carrier(true);
    expect(given).toHaveLength(2);
  });

  it('probes a closed window at once', () => {
    const { clock, peer, write, carrier } = connected({}, { wnd: 0 });
    write(10);
    clock.advance(10 * SECOND);
    expect(peer.take().length).toBeGreaterThan(1);
    carrier(false);
    carrier(true);
    peer.expect({ seq: 1, length: 1 });
  });
});

describe('RFC 9293 §3.8.4: keep-alives', () => {
  it('[MUST-26] not while data waits for a closed window: its probes ask already', () => {
    const { world, peer, connection } = established({ wnd: 0, tcp: { keepAlive: true, keepAliveIdle: 1000 } });
    world.write(connection, 10);
    for (let i = 0; i < 200; i++) {
      world.advance(SECOND);
      for (const { seq, length } of peer.take()) {
        expect([seq, length]).toEqual([1, 1]);
        peer.send({ flags: 'A', ack: 1 });
      }
    }
  });
});

describe('RFC 9293 §3.8.6.1: the persist timer', () => {
  it('[MUST-36] is not put off by what the peer sends meanwhile', () => {
    const { world, peer, connection } = established({ wnd: 0, rtt: 100 * MS });
    world.write(connection, 10);
    let probes = 0;
    for (let i = 0; i < 20; i++) {
      world.advance(100 * MS);
      peer.send({ flags: 'A', data: 10 });
      world.read(connection);
      probes += peer.take().filter(({ length }) => length > 0).length;
    }
    expect(probes).toBeGreaterThan(0);
  });

  it('[SHLD-7] does not run for what Nagle holds back behind data on its way', () => {
    const { world, peer, connection } = established({ rtt: 100 * MS });
    world.write(connection, 100);
    world.write(connection, 50);
    world.advance(20 * SECOND);
    for (const { seq, length } of peer.take()) expect([seq, length]).toEqual([1, 100]);
    peer.ack();
    peer.expect({ seq: 101, length: 50 });
  });

  it('[MUST-18] the octet of a probe that was on its way before gives no round-trip time', () => {
    const { world, peer, connection } = established({ rtt: 100 * MS });
    world.write(connection, 1000);
    peer.take();
    peer.send({ flags: 'A', ack: 1, wnd: 0 });
    const { rtt } = connection.info();
    world.advance(20 * SECOND);
    expect(peer.take().at(-1)).toMatchObject({ seq: 1, length: 1 });
    peer.ack(2);
    expect(connection.info().rtt).toBe(rtt);
    peer.take();
  });
});
