import { describe, expect, it } from 'vitest';
import { connected, gated } from '../../support/tcp-gate.ts';
import { hostAt, ANY } from '../../support/family.ts';

const SECOND = 1_000_000;
const SERVER = { remoteAddress: hostAt(2), remotePort: 7 };

describe('a listener', () => {
  it('keeps the process alive until it is closed', () => {
    const { stack, keepsAlive } = gated();
    expect(keepsAlive()).toBe(false);
    const listener = stack.tcp.listen({ port: 7 }, () => {});
    expect(keepsAlive()).toBe(true);
    listener.close();
    expect(keepsAlive()).toBe(false);
    listener.ref();
    listener.close();
    expect(keepsAlive()).toBe(false);
  });

  it('counts once, however often `ref` or `unref` is called', () => {
    const { stack, keepsAlive } = gated();
    const listener = stack.tcp.listen({ port: 7 }, () => {});
    listener.ref();
    listener.unref();
    expect(keepsAlive()).toBe(false);
    listener.unref();
    listener.ref();
    expect(keepsAlive()).toBe(true);
    listener.unref();
    listener.close();
    const other = stack.tcp.listen({ port: 8 }, () => {});
    expect(keepsAlive()).toBe(true);
    other.close();
    expect(keepsAlive()).toBe(false);
  });

  it('that does not, starts with handshakes that do not; what it has accepted does', () => {
    const { stack, peer, keepsAlive } = gated();
    stack.tcp.listen({ address: ANY, port: 7 }, () => {}).unref();
    peer.send({ flags: 'S', mss: 1460 });
    peer.expect({ flags: 'SA' });
    expect(keepsAlive()).toBe(false);
    peer.send({ flags: 'A' });
    expect(keepsAlive()).toBe(true);
    peer.send({ flags: 'R' });
    expect(keepsAlive()).toBe(false);
  });
});

describe('a listener that is closed twice', () => {
  it('does not free the port of the next one', () => {
    const { stack } = gated();
    const first = stack.tcp.listen({ port: 7 }, () => {});
    first.close();
    stack.tcp.listen({ port: 7 }, () => {});
    first.close();
    expect(stack.tcp.listeners.map(({ port }) => port)).toEqual([7]);
    expect(() => stack.tcp.listen({ port: 7 }, () => {})).toThrow(/EADDRINUSE/);
  });
});

describe('raw and ping sockets', () => {
  it('keep the process alive until they are closed or unref’d', () => {
    const { stack, keepsAlive } = gated();
    const raw = stack.raw.open({ protocol: 253 }, { onPacket: () => {} });
    expect(keepsAlive()).toBe(true);
    raw.unref();
    raw.unref();
    expect(keepsAlive()).toBe(false);
    const ping = stack.raw.openPing({ remoteAddress: hostAt(2) }, { onReply: () => {} });
    expect(keepsAlive()).toBe(true);
    ping.unref();
    ping.ref();
    ping.close();
    raw.ref();
    expect(keepsAlive()).toBe(true);
    raw.close();
    ping.ref();
    expect(keepsAlive()).toBe(false);
  });

  it('so does a ping, until it ends', () => {
    const { stack, clock, keepsAlive } = gated();
    stack.ping(hostAt(2), { timeout: 1000 }).catch(() => {});
    clock.advance(SECOND - 1);
    expect(keepsAlive()).toBe(true);
    clock.advance(1);
    expect(keepsAlive()).toBe(false);
  });
});

describe('a connection', () => {
  it('keeps the process alive from the beginning to the end', () => {
    const { stack, clock, keepsAlive } = gated();
    const connection = stack.tcp.connect(SERVER, {});
    expect(keepsAlive()).toBe(true);
    connection.abort();
    clock.advance(0);
    expect(keepsAlive()).toBe(false);
    connection.ref();
    expect(keepsAlive()).toBe(false);
  });

  it('counts once, however often `ref` or `unref` is called', () => {
    const { stack, clock, keepsAlive } = gated();
    const connection = stack.tcp.connect(SERVER, {});
    connection.ref();
    connection.unref();
    expect(keepsAlive()).toBe(false);
    connection.unref();
    connection.ref();
    expect(keepsAlive()).toBe(true);
    connection.unref();
    connection.abort();
    clock.advance(0);
    stack.tcp.connect(SERVER, {});
    expect(keepsAlive()).toBe(true);
  });

  it('in TIME-WAIT does not, whatever is called', () => {
    const { stack, connection, peer, clock, keepsAlive } = connected();
    stack.tcp.listeners[0]!.unref();
    expect(keepsAlive()).toBe(true);
    connection.shutdown();
    clock.advance(0);
    peer.send({ flags: 'FA', ack: 2 });
    expect(connection.state).toBe('TIME_WAIT');
    expect(keepsAlive()).toBe(false);
    connection.ref();
    expect(keepsAlive()).toBe(false);
  });

  it('closed with bytes on their way does, also when it did not before, until they are acknowledged', () => {
    const { stack, connection, write, peer, clock, keepsAlive } = connected();
    stack.tcp.listeners[0]!.unref();
    connection.unref();
    write(100);
    connection.close();
    expect(keepsAlive()).toBe(true);
    clock.advance(SECOND);
    expect(keepsAlive()).toBe(true);
    peer.send({ flags: 'A' });
    expect(connection.state).toBe('FIN_WAIT_2');
    expect(keepsAlive()).toBe(false);
  });

  it('closed with bytes that nobody acknowledges does so for a minute, not for as long as they are repeated', () => {
    const { stack, connection, write, clock, keepsAlive } = connected();
    stack.tcp.listeners[0]!.unref();
    write(100);
    connection.close();
    clock.advance(60 * SECOND - 1);
    expect(keepsAlive()).toBe(true);
    clock.advance(1);
    expect(keepsAlive()).toBe(false);
    expect(connection.state).toBe('FIN_WAIT_1');
  });
});
