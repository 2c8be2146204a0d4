import { describe, expect, it } from 'vitest';
import { World, established } from '../support/tcp-world.ts';

const MILLISECOND = 1000;
const SECOND = 1_000_000;
const MSS = 1460;
const OPTION = { userTimeoutOption: true };

describe('RFC 5482 §3: the user timeout option is sent', () => {
  it('[S-098] not by default', () => {
    const world = new World();
    const peer = world.peer();
    world.connect();
    peer.expect({ flags: 'S', userTimeout: undefined });
    peer.send({ flags: 'SA', mss: MSS });
    peer.expect({ flags: 'A', userTimeout: undefined });
  });

  it('[S-098] in the SYN and in the first segment without SYN', () => {
    const world = new World({ tcp: { ...OPTION, userTimeout: 300_000 } });
    const peer = world.peer();
    const { connection } = world.connect();
    peer.expect({ flags: 'S', userTimeout: 300 });
    peer.send({ flags: 'SA', mss: MSS });
    peer.expect({ flags: 'A', userTimeout: 300 });
    world.write(connection, 10);
    peer.expect({ flags: 'PA', userTimeout: undefined });
  });

  it('[S-098] in the SYN,ACK and in the first segment without SYN, beside all the others', () => {
    const world = new World({ tcp: OPTION });
    const [accepted, peer] = [world.listen(), world.client()];
    peer.send({ flags: 'S', mss: MSS, windowScale: 7, sackPermitted: true, timestamps: true });
    peer.expect({ flags: 'SA', userTimeout: 925, sackPermitted: true, timestamps: true, mss: MSS });
    peer.ack();
    world.write(accepted[0]!.connection, 10);
    peer.expect({ flags: 'PA', length: 10, userTimeout: 925, timestamps: true });
    peer.ack();
    world.write(accepted[0]!.connection, 10);
    peer.expect({ flags: 'PA', length: 10, userTimeout: undefined });
  });

  it('a full segment keeps its size: the option waits for one with room', () => {
    const { world, peer, connection } = established({ tcp: OPTION });
    world.write(connection, MSS + 100);
    peer.expect({ length: MSS, userTimeout: undefined });
    peer.ack();
    peer.expect({ length: 100, userTimeout: 925 });
  });

  it('[S-098] again when the application asks for another time', () => {
    const { world, peer, connection } = established({ open: 'active', tcp: OPTION });
    world.act(() => connection.set('userTimeout', 400_000));
    world.write(connection, 10);
    peer.expect({ flags: 'PA', userTimeout: 400 });
    expect(connection.info().userTimeout).toBe(400_000);
  });

  it('a segment that tells of a gap tells of it alone', () => {
    const { world, peer, connection } = established({ sack: true, tcp: OPTION });
    peer.send({ flags: 'A', seq: 101, data: 100 });
    peer.expect({ flags: 'A', ack: 1, sack: [[101, 201]], userTimeout: undefined });
    peer.send({ flags: 'A', seq: 1, data: 100 });
    peer.expect({ flags: 'A', ack: 201, userTimeout: 925 });
    world.read(connection);
  });
});

describe('RFC 5482 §3.1: the local user timeout changes', () => {
  it('[S-098] to the longer of both ends', () => {
    const { world, peer, connection, events } = established({ tcp: OPTION });
    peer.send({ flags: 'A', userTimeout: 2000 });
    expect(connection.info()).toMatchObject({ userTimeout: 2_000_000, peerUserTimeout: 2_000_000 });
    world.write(connection, 10);
    peer.expect({ flags: 'PA', length: 10 });
    world.advance(2000 * SECOND - 1);
    expect(events).toEqual([]);
    world.advance(SECOND);
    expect(events).toEqual(['error ETIMEDOUT', 'close']);
    peer.take();
  });

  it('[S-098] by the option on the SYN, too', () => {
    const world = new World({ tcp: OPTION });
    const peer = world.peer();
    const { connection } = world.connect();
    peer.expect({ flags: 'S' });
    peer.send({ flags: 'SA', mss: MSS, userTimeout: 2000 });
    peer.expect({ flags: 'A' });
    expect(connection.info().userTimeout).toBe(2_000_000);
  });

  it('[S-098] within the upper limit', () => {
    const { peer, connection } = established({ tcp: { ...OPTION, userTimeoutLimit: 1_000_000 } });
    peer.send({ flags: 'A', userTimeout: 0x8000 | 600 });
    expect(connection.info()).toMatchObject({ userTimeout: 1_000_000, peerUserTimeout: 36_000_000 });
  });

  it('[S-098] [MUST-21] not when the application has set it; but it can learn what the peer told', () => {
    const { world, peer, connection, events } = established({ tcp: { ...OPTION, userTimeout: 5000 } });
    peer.send({ flags: 'A', userTimeout: 2000 });
    expect(connection.info()).toMatchObject({ userTimeout: 5000, peerUserTimeout: 2_000_000 });
    world.write(connection, 10);
    world.advance(5 * SECOND);
    expect(events).toEqual(['error ETIMEDOUT', 'close']);
    peer.take();
  });

  it('[S-098] §3.4: zero is ignored, and so is everything where the option is not in use', () => {
    const one = established({ tcp: OPTION });
    one.peer.send({ flags: 'A', userTimeout: 0 });
    one.peer.send({ flags: 'A', userTimeout: 0x8000 });
    expect(one.connection.info()).toMatchObject({ userTimeout: 924_600, peerUserTimeout: 0 });
    const other = established();
    other.peer.send({ flags: 'A', userTimeout: 2000 });
    expect(other.connection.info()).toMatchObject({ userTimeout: 924_600, peerUserTimeout: 0 });
  });

  it('[S-098] nor from a segment that is not acceptable', () => {
    const { peer, connection } = established({ tcp: OPTION });
    peer.send({ flags: 'A', seq: 3_000_000, userTimeout: 2000 });
    peer.take();
    peer.send({ flags: 'A', ack: 3_000_000, userTimeout: 2000 });
    peer.take();
    expect(connection.info().peerUserTimeout).toBe(0);
  });
});

describe('RFC 5482 §4.2: keep-alive', () => {
  const KEEP_ALIVE = { keepAlive: true, keepAliveIdle: 10_000, keepAliveInterval: 5000, keepAliveCount: 2 };

  it('[S-098] its timer is above the user timeout that was adopted', () => {
    const { world, peer } = established({ tcp: { ...OPTION, ...KEEP_ALIVE } });
    peer.send({ flags: 'A', userTimeout: 2000 });
    world.advance(2000 * SECOND);
    peer.expectNothing();
    world.advance(MILLISECOND);
    peer.expect({ flags: 'A', seq: 0, length: 0 });
  });

  it('[S-098] not without the option', () => {
    const { world, peer } = established({ tcp: KEEP_ALIVE });
    world.advance(10 * SECOND);
    peer.expect({ flags: 'A', seq: 0, length: 0 });
  });
});
