import { describe, expect, it } from 'vitest';
import { connected, gated } from '../../support/tcp-gate.ts';
import type { TcpPeer } from '../../support/tcp-peer.ts';
import { ANY, hostAt, HEADERS, SEARCH } from '../../support/family.ts';

const SECOND = 1_000_000;
const MSS = 1460;

const lengths = (peer: TcpPeer) => peer.take().map(({ seq, length }) => [seq, length]);

describe('an interface whose queue is full', () => {
  it('keeps a SYN back until there is room', () => {
    const { stack, clock, fill, open } = gated();
    fill();
    const connection = stack.tcp.connect({ remoteAddress: hostAt(2), remotePort: 7 }, {});
    clock.advance(0);
    expect([connection.state, connection.info().segmentsSent]).toEqual(['SYN_SENT', 0]);
    open();
    expect([connection.state, connection.info().segmentsSent]).toEqual(['SYN_SENT', 1]);
  });

  it('keeps new data back until there is room', () => {
    const { peer, write, fill, open } = connected();
    fill();
    write(2 * MSS);
    peer.expectNothing();
    open();
    expect(lengths(peer)).toEqual([
      [1, MSS],
      [1 + MSS, MSS],
    ]);
  });

  it('keeps a retransmission back until there is room, not until a time-out', () => {
    const { peer, connection, write, fill, open } = connected({}, { sackPermitted: true });
    write(5 * MSS);
    peer.take();
    fill();
    peer.send({ flags: 'A', ack: 1, sack: [[1 + MSS, 1 + 5 * MSS]] });
    expect(connection.info().lost).toBe(MSS);
    open();
    expect(lengths(peer)).toEqual([[1, MSS]]);
    expect(connection.info().timeouts).toBe(0);
  });

  it.each([
    ['of the last segment again', 65_535, 0, [1, MSS]],
    ['of new data', 10 * MSS, 1000, [1 + 10 * MSS, 1000]],
  ])('keeps a tail loss probe back until there is room: %s', (_, first, more, probe) => {
    const { peer, clock, connection, write, fill, open } = connected({ noDelay: true }, { sackPermitted: true });
    write(more === 0 ? MSS : first);
    // More than the congestion window lets go: only a probe may exceed it.
    if (more > 0) write(more);
    peer.take();
    clock.advance(40_000);
    fill();
    clock.advance(70_000 + (more === 0 ? 200_000 : 0));
    open();
    expect(lengths(peer)).toEqual([probe]);
    expect(connection.info().timeouts).toBe(0);
  });

  it('keeps a size probe back until there is room: nothing that was not sent proves a size', () => {
    const { peer, connection, write, fill, open } = connected({ pathMtuDiscovery: 'probe' });
    write(60_000);
    peer.take();
    fill();
    peer.send({ flags: 'A' });
    open();
    const probes = peer.take().filter(({ length }) => length > SEARCH.begin);
    expect(probes.map(({ length }) => length)).toEqual([SEARCH.probe]);
    expect(connection.info().pathMtu).toBe(SEARCH.begin + HEADERS);
  });

  it('[S-090] a window probe that was not sent carries no octet that could be acknowledged', () => {
    const { peer, clock, connection, write, fill, open } = connected({}, { wnd: 0 });
    write(10);
    fill();
    clock.advance(SECOND);
    open();
    peer.take();
    peer.send({ flags: 'A', ack: 2, wnd: 0 });
    expect(connection.unacknowledged).toBe(10);
    clock.advance(60 * SECOND);
    expect(peer.take().at(-1)).toMatchObject({ seq: 1, length: 1 });
    peer.send({ flags: 'A', ack: 2, wnd: 0 });
    expect(connection.unacknowledged).toBe(9);
  });

  it('loses RSTs, which nobody waits for', () => {
    const { peer, connection, clock, fill, open } = connected();
    fill();
    connection.abort();
    clock.advance(0);
    peer.send({ flags: 'A', data: 10 });
    expect(connection.state).toBe('CLOSED');
    open();
    peer.expectNothing();
  });

  it('loses the answer of a cookie: the SYN comes again', () => {
    const { stack, peer, fill, open } = gated();
    stack.tcp.listen({ address: ANY, port: 7, synCookies: 'always' }, () => {});
    fill();
    peer.send({ flags: 'S', mss: MSS });
    expect(stack.statistics().drops['tcp-syn-cookies-queue-full']).toBe(1);
    open();
    peer.expectNothing();
    peer.send({ flags: 'S', seq: 0, mss: MSS });
    peer.expect({ flags: 'SA', ack: 1 });
  });
});
