import { describe, expect, it } from 'vitest';
import type { ConnectionOptions } from '../../src/index.ts';
import { World, established } from '../support/tcp-world.ts';

/** The largest value of the window field. */
const FIELD = 65_535;

describe('RFC 7323 §2.2: the window scale option', () => {
  it('[S-063] stands in every SYN', () => {
    const world = new World();
    const peer = world.peer();
    world.connect();
    expect(peer.expect({ flags: 'S' }).windowScale).toBeTypeOf('number');
  });

  it('[S-063] and in a SYN,ACK if the SYN had it, only then', () => {
    const world = new World();
    world.listen();
    const without = world.client(41_000);
    without.send({ flags: 'S', mss: 1460 });
    expect(without.expect({ flags: 'SA' }).windowScale).toBeUndefined();
    const with0 = world.client(41_001);
    with0.send({ flags: 'S', mss: 1460, windowScale: 0 });
    expect(with0.expect({ flags: 'SA' }).windowScale).toBeTypeOf('number');
  });

  it('[S-063] also where the stack’s own buffer needs no scale', () => {
    const { connection, peer } = established({ windowScale: 3, tcp: { receiveBuffer: 20_000 } });
    expect(connection.info()).toMatchObject({ receiveScale: 3, sendScale: 0 });
    peer.send({ flags: 'A', wnd: 100 });
    expect(connection.info().sendWindow).toBe(100 * 2 ** 3);
  });

  it('[S-063] in no other segment', () => {
    const { world, peer, connection } = established({ open: 'active', windowScale: 3 });
    world.write(connection, 100);
    peer.send({ flags: 'A', data: 100 });
    world.act(() => connection.shutdown());
    for (const heard of peer.take()) expect(heard.windowScale).toBeUndefined();
  });

  it.each(['passive', 'active'] as const)('[S-063] without it neither side scales (%s open)', (open) => {
    const { world, peer, connection } = established({ open, wnd: 5000 });
    expect(connection.info()).toMatchObject({ sendWindow: 5000, sendScale: 0, receiveScale: 0 });
    peer.send({ flags: 'A', data: 100, wnd: 6000 });
    expect(connection.info().sendWindow).toBe(6000);
    world.read(connection);
    for (const { wnd, ack } of peer.take()) expect(ack + wnd).toBeGreaterThanOrEqual(1 + FIELD);
  });

  it.each([
    [65_535, 0],
    [65_536, 1],
    [512 * 1024, 4],
    [1 << 20, 5],
    [1 << 30, 14],
  ])('[S-063] a buffer of %i bytes needs a shift of %i', (receiveBuffer, shift) => {
    const world = new World();
    const peer = world.peer();
    world.connect({ receiveBuffer } satisfies ConnectionOptions);
    expect(peer.expect({ flags: 'S' }).windowScale).toBe(shift);
    // The smallest that can express the buffer.
    expect(FIELD * 2 ** shift).toBeGreaterThanOrEqual(Math.min(receiveBuffer, FIELD * 2 ** 14));
    if (shift > 0) expect(FIELD * 2 ** (shift - 1)).toBeLessThan(receiveBuffer);
  });
});

describe('RFC 7323 §2.2, §2.3: using it', () => {
  it('[S-063] the window of a SYN is not scaled, that of the next segment is', () => {
    const world = new World();
    const accepted = world.listen();
    const peer = world.client();
    peer.send({ flags: 'S', mss: 1460, windowScale: 7, wnd: 1000 });
    peer.expect({ flags: 'SA' });
    expect(world.stack.tcp.connections[0]!.info().sendWindow).toBe(1000);
    peer.send({ flags: 'A', wnd: 1000 });
    expect(accepted[0]!.connection.info().sendWindow).toBe(1000 * 2 ** 7);
  });

  it('[S-063] nor is that of a SYN,ACK', () => {
    const { peer, connection } = established({ open: 'active', windowScale: 7, wnd: 1000 });
    expect(connection.info().sendWindow).toBe(1000);
    peer.send({ flags: 'A', wnd: 1000 });
    expect(connection.info().sendWindow).toBe(1000 * 2 ** 7);
  });

  it('[S-063] nor that of a SYN,ACK that crosses ours', () => {
    const world = new World();
    const peer = world.peer();
    const { connection } = world.connect();
    peer.expect({ flags: 'S' });
    peer.send({ flags: 'S', mss: 1460, windowScale: 7, wnd: 1000 });
    peer.expect({ flags: 'SA' });
    peer.send({ flags: 'SA', seq: 0, ack: 1, mss: 1460, windowScale: 7, wnd: 1000 });
    expect(connection.state).toBe('ESTABLISHED');
    expect(connection.info().sendWindow).toBe(1000);
    peer.send({ flags: 'A', wnd: 1000 });
    expect(connection.info().sendWindow).toBe(1000 * 2 ** 7);
  });

  it('[S-063] our own SYN’s is not: at most 65,535, and the next says more', () => {
    const { world, peer, connection } = established({ windowScale: 0, tcp: { receiveBuffer: 1 << 20 } });
    const { sendScale } = connection.info();
    for (let i = 0; i < 4; i++) peer.send({ flags: 'A', data: 1000 });
    world.read(connection);
    const last = peer.take().at(-1)!;
    expect(last.ack + last.wnd * 2 ** sendScale).toBeGreaterThan(1 + FIELD);
    expect(last.wnd * 2 ** sendScale).toBeLessThanOrEqual(1 << 20);
  });

  it.each([14, 15, 20, 255])('[S-063] §2.3: a shift of %i counts as 14', (windowScale) => {
    const { peer, connection } = established({ windowScale });
    expect(connection.info().receiveScale).toBe(14);
    peer.send({ flags: 'A', wnd: 3 });
    expect(connection.info().sendWindow).toBe(3 * 2 ** 14);
  });

  it('[S-063] [REC-1] windows beyond 65,535 bytes are used in full', () => {
    const shift = 3;
    const wnd = 30_000;
    const { world, peer, connection } = established({ windowScale: shift, wnd, tcp: { sendBuffer: 1 << 20 } });
    world.write(connection, 1 << 20);
    let largest = 0;
    for (let una = 1; connection.unacknowledged > 0;) {
      const heard = peer.take();
      const end = Math.max(una, ...heard.map(({ seq, length }) => seq + length));
      largest = Math.max(largest, end - una);
      una = end;
      peer.send({ flags: 'A', ack: una, wnd });
    }
    expect(largest).toBeGreaterThan(FIELD);
    expect(largest).toBeLessThanOrEqual(wnd * 2 ** shift);
  });

  it('[S-063] the receive window beyond 65,535 bytes is accepted in full, out of order', () => {
    const { world, peer, connection } = established({ windowScale: 0, tcp: { receiveBuffer: 1 << 20 } });
    peer.send({ flags: 'A', data: 1000 });
    world.read(connection);
    const { ack, wnd } = peer.take().at(-1)!;
    const edge = ack + wnd * 2 ** connection.info().sendScale;
    expect(edge - ack).toBeGreaterThan(FIELD);
    peer.send({ flags: 'A', seq: edge - 1000, data: 1000 });
    peer.expect({ flags: 'A', ack });
    expect(connection.info().outOfOrder).toBe(1000);
    peer.send({ flags: 'A', seq: edge, data: 1000 });
    peer.expect({ flags: 'A', ack });
    expect(connection.info().outOfOrder).toBe(1000);
  });
});
