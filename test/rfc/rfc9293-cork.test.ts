import { describe, expect, it } from 'vitest';
import { stream } from '../support/tcp-peer.ts';
import { established } from '../support/tcp-world.ts';

const MILLISECOND = 1000;
const MSS = 1460;
const CORK = { tcp: { cork: true } };

describe('TCP_CORK: only full segments leave', () => {
  it('[SHLD-28] small writes are gathered, also while nothing is on its way', () => {
    const { world, peer, connection } = established(CORK);
    world.write(connection, 1000);
    peer.expectNothing();
    world.write(connection, 1000);
    peer.expect({ flags: 'A', seq: 1, length: MSS });
    peer.ack();
    peer.expectNothing();
    world.act(() => connection.set('cork', false));
    peer.expect({ flags: 'PA', seq: 1 + MSS, length: 2000 - MSS });
  });

  it('whatever noDelay says', () => {
    const { world, peer, connection } = established({ tcp: { cork: true, noDelay: true } });
    world.write(connection, MSS + 10);
    peer.expect({ flags: 'A', seq: 1, length: MSS });
    peer.expectNothing();
    world.act(() => connection.set('cork', false));
    peer.expect({ flags: 'PA', length: 10 });
  });

  it('for 200 ms at the most, from the first byte that waits', () => {
    const { world, peer, connection } = established(CORK);
    world.write(connection, 10);
    world.advance(150 * MILLISECOND);
    world.write(connection, 10);
    world.advance(50 * MILLISECOND - 1);
    peer.expectNothing();
    world.advance(1);
    peer.expect({ flags: 'PA', seq: 1, length: 20 });
    peer.ack();
    world.write(connection, 10);
    world.advance(200 * MILLISECOND - 1);
    peer.expectNothing();
    world.advance(1);
    peer.expect({ flags: 'PA', seq: 21, length: 10 });
  });

  it('then also behind what is on its way', () => {
    const { world, peer, connection } = established(CORK);
    world.write(connection, MSS + 10);
    peer.expect({ length: MSS });
    world.advance(200 * MILLISECOND - 1);
    peer.expectNothing();
    world.advance(1);
    expect(peer.take()[0]).toMatchObject({ seq: 1 + MSS, length: 10 });
  });

  it('what the window holds back does not wake anybody', () => {
    const { world, peer, connection } = established({ ...CORK, wnd: 0 });
    world.write(connection, 10);
    world.advance(10_000 * MILLISECOND);
    expect(peer.take().every(({ length }) => length === 1)).toBe(true);
    peer.wnd = 65_535;
    peer.ack(1);
    peer.expect({ flags: 'PA', seq: 1, length: 10 });
  });

  it('the end of the stream takes everything with it', () => {
    const { world, peer, connection } = established(CORK);
    world.write(connection, 10);
    world.act(() => connection.shutdown());
    peer.expect({ flags: 'FPA', seq: 1, length: 10 });
  });

  it('urgent data does not wait', () => {
    const { world, peer, connection } = established(CORK);
    world.write(connection, 10);
    world.act(() => connection.write(stream(10, 5), { urgent: true }));
    peer.expect({ flags: 'PAU', seq: 1, length: 15, urgent: 15 });
  });

  it('a peer whose window is smaller than a segment gets what it has room for', () => {
    const { world, peer, connection } = established({ ...CORK, wnd: 1000 });
    world.write(connection, 2000);
    peer.expect({ seq: 1, length: 1000 });
  });
});
